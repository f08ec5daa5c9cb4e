"""What release reads of the catalog, on SQLite and PostgreSQL."""

from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import Connection, Engine

from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.model.release import Relation
from haechi.model.source_object import SourceObject
from haechi.store.catalog import indicator_changes, indicator_load, indicators, ledger, recipients, releasable
from haechi.store.catalog.exchange_tables import CHANGES
from haechi.store.catalog.ledger import Outgoing
from haechi.store.catalog.releasable import Item

FIRST = "indicator--00000001-0000-4000-8000-000000000000"
LINK = "relationship--00000002-0000-4000-8000-000000000000"


def load(conn: Connection, *objects: SourceObject, source: str = "feed", name: str = "list") -> None:
    id, _ = indicator_load.source_id(conn, source, Tlp.GREEN)
    indicator_load.load(conn, id, objects, at=10, list_name=name)


def listed(*texts: str) -> SourceObject:
    return SourceObject(object_id="", values={ValueType.DOMAIN: list(texts)}, marking=Tlp.GREEN)


def stix(id: str, *texts: str) -> SourceObject:
    raw = msgspec.json.encode({"id": id})
    kind = id.partition("--")[0]
    values = {ValueType.DOMAIN: list(texts)} if texts else {}
    return SourceObject(object_id=id, type=kind, version="1", modified=1, raw=raw, values=values, marking=Tlp.GREEN)


def looked_at(conn: Connection, since: int | None = None, **but: int) -> list[Item]:
    releasable.prepare(conn)
    releasable.look_at(conn, since, **but)
    found = [item for page in releasable.pages(conn) for item in page]
    releasable.clear(conn)
    return found


def reader(conn: Connection, name: str = "KR") -> int:
    return recipients.add(
        conn, uuid=str(uuid4()), name=name, country="KR", kind="peer", relation=Relation.COMMUNITY, now=1
    ).id


def gives(conn: Connection, recipient: int, item: Item, unit: releasable.Unit | None = None) -> None:
    id = f"indicator--{uuid4()}" if unit else item.object_id
    value = unit.value_id if unit else 0
    body = msgspec.json.encode({"id": id})
    ledger.write(conn, recipient, [Outgoing("indicators", id, item.type, 7, body, item.row, value, "")], now=5)


def test_objects_are_read_as_they_are_now(engine: Engine) -> None:
    with engine.begin() as conn:
        load(conn, listed("a.example", "b.example"), stix(FIRST, "c.example"), stix(LINK))
        values = indicators.find(conn, "a.example")
        indicator_changes.expire(conn, values[0].id, at=11, why="x")
        found = {item.grant_id: item for item in looked_at(conn)}
    assert {name: (one.type, one.is_stix, one.asserted, one.live) for name, one in found.items()} == {
        "list:feed/list": ("indicator", False, 2, 1),
        FIRST: ("indicator", True, 1, 1),
        LINK: ("relationship", True, 0, 0),
    }
    assert {one.marking for one in found.values()} == {Tlp.GREEN}


def test_only_what_changed_since_is_looked_at_and_nothing_of_the_recipient_itself(engine: Engine) -> None:
    from sqlalchemy import text

    with engine.begin() as conn:
        load(conn, listed("a.example"), stix(FIRST, "c.example"))
        since = releasable.changes(conn)
        assert since == conn.execute(text("SELECT value FROM counter WHERE name = :n"), {"n": CHANGES}).scalar_one()
        assert looked_at(conn, since) == []
        load(conn, stix(LINK), source="peer")
        assert [item.object_id for item in looked_at(conn, since)] == [LINK]
        who = reader(conn)
        conn.execute(text("UPDATE source SET recipient_id = :who WHERE name = 'peer'"), {"who": who})
        assert looked_at(conn, since, but_of=who) == []
        assert releasable.given(conn, who, [LINK, FIRST]) == {LINK}


def test_a_long_list_is_compared_by_what_differs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(releasable, "_VALUES", 2)
    with engine.begin() as conn:
        load(conn, listed("a.example", "b.example", "c.example", "d.example", "e.example"))
        who = reader(conn)
        [item] = looked_at(conn)
        long = releasable.long_list(conn, who, item.row)
        assert (long.live, long.had) == (5, 0)
        blocks = list(releasable.missing(conn, who, long))
        assert [len(block) for block in blocks] == [2, 2, 1]
        units = [unit for block in blocks for unit in block]
        assert sorted(unit.value for unit in units) == [f"{name}.example" for name in "abcde"]
        for unit in units[1:]:
            gives(conn, who, item, unit)
        long = releasable.long_list(conn, who, item.row)
        assert [[unit.value for unit in block] for block in releasable.missing(conn, who, long)] == [[units[0].value]]
        assert releasable.vanished(conn, who, long) == []
        indicator_changes.expire(conn, units[2].value_id, at=11, why="x")
        [gone] = releasable.vanished(conn, who, releasable.long_list(conn, who, item.row))
        assert gone.value_id == units[2].value_id
        assert [len(block) for block in releasable.all_of(conn, who, item.row)] == [2, 2]
        assert {*releasable.had_of(conn, who, [item.row])[item.row]} == {unit.value_id for unit in units[1:]}


def test_what_needs_an_object_is_looked_at_in_the_next_round(engine: Engine) -> None:
    with engine.begin() as conn:
        load(conn, stix(FIRST, "c.example"), stix(LINK))
        load(conn, stix(FIRST, "c.example"), source="other")
        first, link, same = looked_at(conn)
        assert not releasable.any_needs(conn)
        releasable.need(conn, {link.row: [FIRST, FIRST]})
        releasable.need(conn, {link.row: [FIRST]})
        assert releasable.any_needs(conn)
        releasable.prepare(conn)
        releasable.note_needing(conn, [FIRST])
        releasable.note_same(conn, [releasable.Had(1, FIRST, first.row, 0, 1)])
        assert releasable.look_next(conn) == 2
        assert [item.row for page in releasable.pages(conn) for item in page] == [link.row, same.row]
        assert releasable.look_next(conn) == 0
        releasable.forget(conn, [], [FIRST])
        assert not releasable.any_needs(conn)
        releasable.clear(conn)


def test_what_a_recipient_has_is_found_by_id_and_by_object(engine: Engine) -> None:
    with engine.begin() as conn:
        load(conn, stix(FIRST, "c.example"))
        [item] = releasable.find(conn, FIRST)
        who, other = reader(conn), reader(conn, "JP")
        gives(conn, who, item)
        [had] = releasable.had(conn, who, [FIRST, LINK]).values()
        assert (had.object_row, had.value_id, had.version) == (item.row, 0, 7)
        assert releasable.body_of(conn, who, had.seq) == msgspec.json.encode({"id": FIRST})
        assert releasable.had(conn, other, [FIRST]) == {}
        assert releasable.raw_of(conn, FIRST) == item.raw
        assert releasable.raw_of(conn, FIRST, own=True) is None
        assert releasable.find(conn, "list:feed/list") == []
