"""Own sightings in words, against a real lake: counted by hand, growing, and naming nobody."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from haechi.model.marking import Tlp
from haechi.model.stixid import IDS, of_unit, type_of
from haechi.node import indicators, keys, sightback
from haechi.store.catalog.indicator_load import load, source_id

FAB, GRID, NOBODY = "192.0.2.7", "198.51.100.7", "8.8.8.8"
INDICATOR = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Iterator[Any]:
    node = node_of()
    node.clock.at = node.now - 100 * node.hour
    bundle = {
        "type": "indicator", "spec_version": "2.1", "id": INDICATOR, "created": "2026-01-01T00:00:00Z",
        "modified": "2026-01-01T00:00:00Z", "valid_from": "2026-01-01T00:00:00Z", "pattern_type": "stix",
        "pattern": "[ipv4-addr:value = '45.155.205.1' OR ipv4-addr:value = '45.155.205.2']",
        "object_marking_refs": ["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"],
    }  # fmt: skip
    (node.folder / "bundle.json").write_text(json.dumps(bundle))
    (node.folder / "list.txt").write_text("45.155.205.1\nevil.example\n")
    indicators.add(node.home, [node.folder / "bundle.json"], source="cert")
    indicators.add(node.home, [node.folder / "list.txt"], source="feed", marking=Tlp.GREEN)
    node.clock.at = node.now
    yield node
    node.home.close()


def sightings(node: Any) -> dict[tuple[str, str], dict[str, Any]]:
    """The newest version of each told sighting by what it is of and the sector."""
    with node.home.catalog().connect() as conn:
        rows = conn.execute(
            text(
                "SELECT o.type, v.raw, v.marking FROM object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
                " JOIN source s ON s.id = o.source_id WHERE s.name = 'own sightings' AND s.own = 1"
            )
        ).all()
    items = [json.loads(bytes(row.raw)) | {"tlp": Tlp(row.marking)} for row in rows]
    others = {one["id"]: one for one in items if one["type"] != "sighting"}
    found = {}
    for one in items:
        if one["type"] == "sighting":
            identity, place = (others[ref] for ref in one["where_sighted_refs"])
            assert (identity["identity_class"], place["country"]) == ("class", "TW")
            found[one["sighting_of_ref"], ",".join(identity.get("sectors", []))] = one
    return found


def told(node: Any) -> dict[tuple[str, str], tuple[int, str, str]]:
    return {key: (one["count"], one["first_seen"], one["last_seen"]) for key, one in sightings(node).items()}


def unit(node: Any, type: str, value: str) -> str:
    with node.home.catalog().connect() as conn:
        (list_id,) = conn.execute(text("SELECT object_id FROM object WHERE list_name = 'list.txt'")).one()
    secret = keys.secret(node.home, IDS)
    return of_unit(secret, source="feed", object_id=list_id, type=type, value=value)


def test_sightings_are_told_by_indicator_and_sector_and_grow(node: Any) -> None:
    begin = node.now - 5 * node.hour
    lines = [
        node.line(begin, "45.155.205.1", FAB),
        node.line(begin + node.hour, "45.155.205.2", FAB),  # the same indicator's other value
        node.line(begin + node.hour, "45.155.205.1", NOBODY),
        node.line(begin + node.hour, "45.155.205.1", GRID),  # in another country: not ours to tell
        node.line(begin + 2 * node.hour, "10.0.0.1", FAB, event_type="dns", dns={"rrname": "a.evil.example"}),
    ]
    node.reads(node.log(lines))
    assert sightback.refresh(node.home) == 5
    address, domain = unit(node, "ipv4", "45.155.205.1"), unit(node, "domain", "evil.example")
    first, second, third = (f"2026-09-21T{hour}:13:20.000Z" for hour in ("09", "10", "11"))
    assert told(node) == {
        (INDICATOR, "technology,semiconductor"): (2, first, second),
        (INDICATOR, ""): (1, second, second),
        (address, "technology,semiconductor"): (1, first, first),
        (address, ""): (1, second, second),
        (domain, "technology,semiconductor"): (1, third, third),
    }
    assert {key[0]: one["tlp"] for key, one in sightings(node).items()} == {
        INDICATOR: Tlp.RED,  # as the indicator is
        address: Tlp.AMBER,
        domain: Tlp.AMBER,
    }
    assert sightback.refresh(node.home) == 0
    before = sightings(node)
    node.clock.at = node.now + 10
    node.reads(node.log([node.line(begin + 3 * node.hour, "45.155.205.2", FAB)], name="more.json"))
    assert sightback.refresh(node.home) == 1
    grown = sightings(node)
    changed = [key for key in grown if grown[key] != before[key]]
    assert changed == [(INDICATOR, "technology,semiconductor")]
    one, old = grown[changed[0]], before[changed[0]]
    assert (one["id"], one["created"], one["count"]) == (old["id"], old["created"], 3)
    assert one["modified"] > old["modified"]
    assert one["last_seen"] == "2026-09-21T12:13:20.000Z"


def test_nobody_is_named(node: Any) -> None:
    node.reads(node.log([node.line(node.now - node.hour, "45.155.205.1", FAB)]))
    sightback.refresh(node.home)
    with node.home.catalog().connect() as conn:
        rows = conn.execute(
            text(
                "SELECT v.raw FROM object_version v JOIN object o ON o.id = v.object_id"
                " JOIN source s ON s.id = o.source_id WHERE s.name = 'own sightings'"
            )
        ).all()
        uuids = [row[0] for row in conn.execute(text("SELECT uuid FROM party WHERE name <> 'TWCERT/CC'"))]
    left = b"\n".join(bytes(row.raw) for row in rows).decode()
    for secret in ("Fab", "192.0.2", "203.0.113", "edge", *uuids):
        assert secret not in left


def test_what_was_not_known_or_valid_then_was_not_seen(node: Any) -> None:
    node.reads(node.log([node.line(node.now - node.hour, "45.155.205.9", FAB)]))
    node.knows("late", "45.155.205.9")  # after the match
    node.knows("cert", "45.155.205.8", valid_until=node.now - 2 * node.hour)
    node.reads(node.log([node.line(node.now - node.hour, "45.155.205.8", FAB)], name="b.json"))
    assert sightback.refresh(node.home) == 0
    assert sightings(node) == {}


def test_a_break_is_made_good_and_memory_is_bounded(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sightback, "_AT_ONCE", 1)
    node.reads(
        node.log([node.line(node.now - node.hour, a, FAB) for a in ("45.155.205.1", "45.155.205.2")]),
    )
    real, calls = sightback._chunk, list[int]()

    def breaks(*arguments: Any) -> int:
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return real(*arguments)

    monkeypatch.setattr(sightback, "_chunk", breaks)
    with pytest.raises(KeyboardInterrupt):
        sightback.refresh(node.home)
    monkeypatch.setattr(sightback, "_chunk", real)
    sightback.refresh(node.home)
    ids = [one["id"] for one in sightings(node).values()]
    assert len(ids) == len(set(ids)) == 2
    assert {type_of(id) for id in ids} == {"sighting"}


def test_what_is_ours_is_no_source_of_others(node: Any) -> None:
    node.reads(node.log([node.line(node.now - node.hour, "45.155.205.1", FAB)]))
    sightback.refresh(node.home)
    with node.home.catalog().begin() as conn:
        id, _ = source_id(conn, "own sightings", None, own=True)
        assert load(conn, id, [], at=1, list_name="x").objects == 0
