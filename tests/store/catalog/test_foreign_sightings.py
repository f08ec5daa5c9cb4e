"""Partners' words: on the values they are about, for and against who asserted them, gone with the last assertion."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, text

from haechi.model.indicator import ValueType, Verdict
from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import SourceObject
from haechi.store.catalog import foreign_sightings, indicator_changes, indicator_load, indicators, ledger, recipients
from haechi.store.catalog.foreign_sightings import Foreign


def id_of(kind: str, number: int) -> str:
    return f"{kind}--{UUID(int=number, version=4)}"


def indicator(number: int, *names: str, version: int = 1, **more: Any) -> SourceObject:
    values = {ValueType.DOMAIN: list(names)}
    return SourceObject(
        object_id=id_of("indicator", number), version=str(version), modified=version, values=values,
        raw=json.dumps([number, version]).encode(), **more,
    )  # fmt: skip


def word(number: int, of: str, kind: Kind = Kind.SEEN, *, version: int = 1, **more: Any) -> SourceObject:
    said = Word(
        of=of, kind=kind, count=more.pop("count", 1), first=1, last=more.pop("last", 2), where=more.pop("where", ())
    )
    return SourceObject(
        object_id=id_of("sighting", number), type="sighting", version=str(version), modified=version,
        raw=json.dumps([number, version, said.kind.value, said.count]).encode(), words=(said,), **more,
    )  # fmt: skip


def place(kind: str, number: int, **more: Any) -> SourceObject:
    raw = json.dumps({"type": kind, "id": id_of(kind, number)} | more).encode()
    return SourceObject(object_id=id_of(kind, number), type=kind, raw=raw, unversioned=True)


def load(engine: Engine, source: str, *objects: SourceObject, at: int = 10, own: bool = False, **options: Any) -> Any:
    with engine.begin() as conn:
        id, _ = indicator_load.source_id(conn, source, None, own=own)
        return indicator_load.load(conn, id, objects, at=at, **({"list_name": "l"} | options))


def about(engine: Engine, name: str) -> Sequence[Foreign]:
    with engine.connect() as conn:
        (value,) = indicators.find(conn, name)
        return foreign_sightings.about(conn, [value.id]).get(value.id, ())


def count(engine: Engine, table: str) -> int:
    with engine.connect() as conn:
        return int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_what_partners_say_stands_with_the_value(engine: Engine) -> None:
    load(engine, "cert", indicator(1, "a.example", "b.example"), indicator(2, "c.example"))
    assert about(engine, "a.example") == ()
    where = (id_of("identity", 7), id_of("location", 8), id_of("identity", 99))
    done = load(
        engine, "peer", word(1, id_of("indicator", 1), count=3, where=where, marking=Tlp.GREEN),
        word(2, id_of("indicator", 1), Kind.FALSE_POSITIVE, last=5), word(3, id_of("indicator", 77)),
        place("identity", 7, sectors=["energy", 3]), place("location", 8, country="KR"),
    )  # fmt: skip
    assert (done.objects, done.context, done.new_context, done.new_versions, done.changed) == (5, 5, 5, 0, False)
    wrong, seen = about(engine, "b.example")
    assert wrong.kind is Kind.FALSE_POSITIVE
    assert seen == Foreign(
        source="peer", kind=Kind.SEEN, count=3, first=1, last=2, sectors=("energy",), country="KR", marking=Tlp.GREEN
    )
    assert about(engine, "c.example") == ()


def test_a_new_version_takes_the_place_of_the_old(engine: Engine) -> None:
    load(engine, "cert", indicator(1, "a.example"))
    load(engine, "peer", word(1, id_of("indicator", 1)))
    load(engine, "peer", word(1, id_of("indicator", 1)))
    load(engine, "peer", word(1, id_of("indicator", 1), version=2, count=8))
    assert [one.count for one in about(engine, "a.example")] == [8]
    load(engine, "peer", word(1, id_of("indicator", 1), version=3, count=9, revoked=True))
    assert about(engine, "a.example") == ()


def test_a_sighting_of_what_we_gave_out_finds_its_value(engine: Engine) -> None:
    """A list's value has no id here but the one under which it left."""
    listed = SourceObject(object_id="", values={ValueType.DOMAIN: ["a.example", "b.example"]})
    load(engine, "ours", listed, own=True)
    out = id_of("indicator", 5)
    with engine.begin() as conn:
        peer = recipients.add(
            conn, uuid=str(UUID(int=1)), name="KR", country="KR", kind="peer", relation=Relation.COMMUNITY, now=1
        )
        row = conn.execute(text("SELECT id FROM object WHERE list_name = 'l'")).scalar_one()
        value = indicators.find(conn, "a.example")[0].id
        ledger.write(conn, peer.id, [ledger.Outgoing("indicators", out, "indicator", 1, b"{}", row, value, "")], now=2)
    load(engine, "peer KR", word(1, out))
    assert [one.source for one in about(engine, "a.example")] == ["peer KR"]
    assert about(engine, "b.example") == ()
    trust = {one.source: (one.confirmed, one.refuted) for one in _trust(engine)}
    assert trust == {"ours": (1, 0), "peer KR": (0, 0)}


def _trust(engine: Engine) -> list[foreign_sightings.Trust]:
    with engine.connect() as conn:
        return foreign_sightings.trust(conn)


def test_how_far_a_source_holds(engine: Engine) -> None:
    load(engine, "cert", indicator(1, "a.example"), indicator(2, "b.example"), indicator(3, "c.example", "d.example"))
    load(engine, "copy", indicator(4, "a.example"))
    load(engine, "mine", indicator(5, "d.example"), own=True)
    load(engine, "cert", word(1, id_of("indicator", 1)))  # its own word for itself doesn't count
    load(
        engine, "peer", word(2, id_of("indicator", 2)), word(3, id_of("indicator", 2), Kind.FALSE_POSITIVE),
        word(4, id_of("indicator", 3), Kind.EXPIRATION),
    )  # fmt: skip
    with engine.begin() as conn:
        (value,) = indicators.find(conn, "d.example")
        for said in ("confirmed", "false-positive"):  # the last word counts
            indicator_changes.add_verdict(conn, Verdict(value_id=value.id, verdict=said, at=1, by="x", evidence="y"))
    found = {one.source: (one.own, one.assertions, one.confirmed, one.refuted) for one in _trust(engine)}
    assert found == {
        "cert": (False, 4, 1, 2),  # b seen by the peer; b and d refuted
        "copy": (False, 1, 1, 0),  # a was seen by cert
        "mine": (True, 1, 0, 1),
        "peer": (False, 0, 0, 0),
    }


def test_own_sightings_are_no_partners(engine: Engine) -> None:
    load(engine, "cert", indicator(1, "a.example"))
    load(engine, "own sightings", word(1, id_of("indicator", 1)), own=True)
    assert about(engine, "a.example") == ()


def test_with_the_last_assertion_its_sightings_go(engine: Engine) -> None:
    load(engine, "cert", indicator(1, "a.example"), indicator(2, "b.example"))
    load(engine, "copy", indicator(3, "a.example"))
    load(engine, "peer", word(1, id_of("indicator", 1)), word(2, id_of("indicator", 2)), word(3, id_of("indicator", 9)))
    with engine.begin() as conn:
        (a,) = indicators.find(conn, "a.example")
        indicator_changes.expire(conn, a.id, at=20, why="x", source="cert")
    assert len(about(engine, "a.example")) == 1  # copy still says so
    before = count(engine, "object_version WHERE to_at IS NULL")
    with engine.begin() as conn:
        indicator_changes.expire(conn, a.id, at=21, why="x")
    assert about(engine, "a.example") == ()
    assert count(engine, "object_version WHERE to_at IS NULL") == before - 1
    assert count(engine, "foreign_sighting") == 2  # that of b, and one whose indicator hasn't come yet
    load(engine, "cert", indicator(2, "b.example", version=2, revoked=True), at=22)
    assert about(engine, "b.example") == ()
    assert count(engine, "foreign_sighting") == 1
    load(engine, "peer", word(2, id_of("indicator", 2)), at=23)  # said again: it counts again
    assert len(about(engine, "b.example")) == 1


def test_a_withdrawal_finds_what_speaks_of_the_indicator(engine: Engine) -> None:
    load(engine, "peer", word(1, id_of("indicator", 1)), word(2, id_of("indicator", 2)))
    load(engine, "other", word(3, id_of("indicator", 1), Kind.FALSE_POSITIVE))
    with engine.connect() as conn:
        assert len(foreign_sightings.rows_about(conn, id_of("indicator", 1))) == 2
        assert foreign_sightings.rows_about(conn, id_of("indicator", 9)) == []
