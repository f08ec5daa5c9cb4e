from sqlalchemy import Engine

from haechi.model.indicator import ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import SourceObject
from haechi.store.catalog import indicator_load, indicators, own_sightings
from haechi.store.catalog.own_sightings import Told
from haechi.store.catalog.sighting_tables import OWN_SIGHTING

INDICATOR = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


def told(row: int, sector: str, count: int = 1, id: str = "sighting--1") -> Told:
    return Told(
        object_row=row, value_id=0, sector=sector, sighting_id=id, count=count, first=1, last=2, created=3, modified=4
    )


def test_who_asserts_a_sighted_value_and_as_what(engine: Engine) -> None:
    whole = SourceObject(
        object_id=INDICATOR, version="1", modified=1, values={ValueType.DOMAIN: ["a.example"]}, marking=Tlp.RED,
        pap=Pap.AMBER, valid_until=99,
    )  # fmt: skip
    listed = SourceObject(object_id="", values={ValueType.DOMAIN: ["a.example", "b.example"]})
    gone = SourceObject(object_id="m", values={ValueType.DOMAIN: ["a.example"]}, version="1")
    with engine.begin() as conn:
        source, _ = indicator_load.source_id(conn, "s", None)
        indicator_load.load(conn, source, [whole, listed, gone], at=10, list_name="l")
        again = SourceObject(object_id="m", version="2", modified=2, revoked=True, raw=b"{}")
        indicator_load.load(conn, source, [again], at=11, list_name="x")
        (value,) = indicators.find(conn, "a.example")
        found = {one.object_id == INDICATOR: one for one in own_sightings.asserted(conn, [value.id, 999])}
    one, other = found[True], found[False]
    assert (one.unit_value, one.marking, one.pap, one.valid_until) == (0, Tlp.RED, Pap.AMBER, 99)
    assert (other.unit_value, other.source, other.type, other.text) == (value.id, "s", "domain", "a.example")
    assert other.object_id.startswith("list:l:")


def test_what_was_told_is_replaced(engine: Engine) -> None:
    assert {column.name for column in OWN_SIGHTING.columns} == set(Told.__struct_fields__)
    with engine.begin() as conn:
        own_sightings.tell(
            conn, [told(1, "energy"), told(1, "", id="sighting--2"), told(2, "energy", id="sighting--3")]
        )
        own_sightings.tell(conn, [told(1, "energy", count=5)])
        found = own_sightings.told(conn, [1, 1, 7])
        assert {key: one.count for key, one in found.items()} == {(1, 0, "energy"): 5, (1, 0, ""): 1}
        assert len(own_sightings.told(conn, [2])) == 1
