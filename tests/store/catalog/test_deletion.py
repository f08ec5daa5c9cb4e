"""The rest of deleting is tested over a whole home: tests/node/test_withdrawing.py."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, text

from haechi.model.indicator import ValueType
from haechi.model.source_object import Pattern, SourceObject
from haechi.store.catalog import deletion
from haechi.store.catalog.indicator_load import load, source_id
from haechi.store.catalog.indicators import generation

TABLES = ("value", "object", "object_version", "assertion", "pattern")


def one(id: str, *values: str, version: int = 1, raw: bytes | None = None, type: str = "indicator") -> SourceObject:
    patterns = (Pattern(pattern_type="sigma", pattern="p", reasons=()),) if type == "indicator" else ()
    return SourceObject(
        object_id=id, version=str(version), modified=version, values={ValueType.DOMAIN: list(values)} if values else {},
        raw=raw, type=type, patterns=patterns,
    )  # fmt: skip


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as conn:
        for source in ("peer", "other"):
            id, _ = source_id(conn, source, None)
            load(conn, id, [one("a", "a.example", "shared.example"), one("b", "b.example")], at=5, list_name="")
        yield conn


def peer(conn: Connection) -> int:
    return source_id(conn, "peer", None)[0]


def counts(conn: Connection) -> list[int]:
    return [conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() for table in TABLES]


def nothing_seen(_: object) -> set[int]:
    return set()


def test_an_object_of_one_source_goes_and_the_others_stays(conn: Connection) -> None:
    before = generation(conn)
    done = deletion.delete(conn, peer(conn), ["a", "unknown"], seen=nothing_seen, now=9)
    assert (done.objects, done.values, done.own) == (1, 0, 0)
    assert counts(conn) == [3, 3, 3, 4, 3]
    assert generation(conn) > before


def test_a_value_goes_with_its_last_assertion(conn: Connection) -> None:
    id, _ = source_id(conn, "third", None)
    load(conn, id, [one("c", "shared.example", "alone.example", "seen.example")], at=5, list_name="")
    known = {row.text: row.id for row in conn.execute(text("SELECT id, text FROM value"))}
    asked: list[list[int]] = []

    def seen(ids: object) -> set[int]:
        asked.append(sorted(ids))  # type: ignore[call-overload]
        return {known["seen.example"]}

    done = deletion.delete(conn, id, ["c"], seen=seen, now=9)
    assert asked == [sorted([known["alone.example"], known["seen.example"]])]
    assert (done.values, done.own) == (1, 1)
    left = {row[0] for row in conn.execute(text("SELECT text FROM value"))}
    assert left == {"a.example", "b.example", "shared.example", "seen.example"}


def test_what_says_something_of_it_goes_and_a_report_is_counted(conn: Connection) -> None:
    target = "indicator--00000000-0000-4000-8000-000000000001"
    ids = {kind: f"{kind}--00000000-0000-4000-8000-000000000002" for kind in ("relationship", "note", "report")}
    id, _ = source_id(conn, "peer", None)
    load(conn, id, [one(target, "x.example")], at=5, list_name="")
    third, _ = source_id(conn, "third", None)
    about = [one(name, raw=b'{"refs":["%b"]}' % target.encode(), type=kind) for kind, name in ids.items()]
    load(conn, third, about, at=5, list_name="")
    done = deletion.delete(conn, id, [target], seen=nothing_seen, now=9)
    left = {row[0] for row in conn.execute(text("SELECT object_id FROM object"))}
    assert (done.objects, done.named) == (1, 1)
    assert left == {"a", "b", ids["report"]}


def test_older_versions_can_go_alone(conn: Connection) -> None:
    load(conn, peer(conn), [one("a", "new.example", version=2)], at=7, list_name="")
    done = deletion.outdated(conn, peer(conn), ["a"], seen=nothing_seen)
    versions = conn.execute(
        text("SELECT v.version FROM object_version v JOIN object o ON o.id = v.object_id WHERE o.source_id = :source"),
        {"source": peer(conn)},
    )
    assert sorted(row[0] for row in versions) == ["1", "2"], "b keeps its own"
    assert done.values == 0, "the other source still says a.example"


def test_nothing_to_delete_changes_nothing(conn: Connection) -> None:
    before = generation(conn)
    assert deletion.delete(conn, peer(conn), [], seen=nothing_seen, now=9).objects == 0
    assert generation(conn) == before
