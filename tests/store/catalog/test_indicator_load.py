"""What loading promises, on SQLite and PostgreSQL: first known_at kept, rows closed, conflicts named."""

from typing import Any

import msgspec
import pytest
from sqlalchemy import Engine, text

from haechi.messages.catalogue import Message
from haechi.model.errors import Conflict
from haechi.model.indicator import Context
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Tlp
from haechi.model.release import Iep
from haechi.model.source_object import Pattern, SourceObject
from haechi.store.catalog import indicator_changes, indicator_load, indicator_tables, indicator_views, indicators
from haechi.store.catalog.indicator_load import Loaded
from haechi.store.catalog.indicator_merge import MERGE_OBJECTS, Step


def load(engine: Engine, *objects: SourceObject, at: int, source: str = "s", **options: Any) -> Loaded:
    with engine.begin() as conn:
        id, _ = indicator_load.source_id(conn, source, None)
        return indicator_load.load(conn, id, objects, at=at, **({"list_name": "list"} | options))


def load_from(engine: Engine, objects: Any) -> None:
    with engine.begin() as conn:
        indicator_load.load(conn, indicator_load.source_id(conn, "s", None)[0], objects, at=1, list_name="l")


def listed(*texts: str, **fields: Any) -> SourceObject:
    return SourceObject(object_id="", values={T.DOMAIN: list(texts)}, **fields)


def stix(name: str, version: int, *texts: str, **fields: Any) -> SourceObject:
    raw = msgspec.json.encode({"id": name, "modified": version, "values": texts})
    return SourceObject(
        object_id=name, version=str(version), modified=version, raw=raw, values={T.DOMAIN: list(texts)}, **fields
    )


def spans(engine: Engine, value: str) -> list[tuple[int, int | None, str]]:
    """(known_at, gone_at, gone_why) of a value's assertions in order."""
    with engine.connect() as conn:
        found = indicators.find(conn, value)
        return [
            (a.known_at, a.gone_at, str(a.gone_why or ""))
            for a in indicators.assertions_of(conn, [v.id for v in found])
        ]


def live(engine: Engine) -> list[str]:
    with engine.connect() as conn:
        return sorted(indicators.matchable(conn)["text"].to_pylist())


def test_a_second_import_changes_nothing(engine: Engine) -> None:
    first = load(engine, listed("a.example", "b.example", "a.example"), at=10)
    assert (first.added, first.values, first.unchanged, first.objects) == (2, 2, 0, 1)
    with engine.connect() as conn:
        generation = indicators.generation(conn)
    again = load(engine, listed("b.example", "a.example"), at=20)
    assert (again.added, again.values, again.unchanged, again.closed) == (0, 0, 2, 0)
    with engine.connect() as conn:
        assert indicators.generation(conn) == generation > 0
    assert spans(engine, "a.example") == [(10, None, "")]


def test_ids_are_not_used_up_by_known_values(engine: Engine) -> None:
    load(engine, listed("a.example", "b.example"), at=10)
    load(engine, listed("a.example", "b.example", "c.example"), at=20)
    with engine.connect() as conn:
        assert sorted(indicators.find(conn, f"{name}.example")[0].id for name in "abc") == [1, 2, 3]


def test_replace_closes_what_is_missing_and_only_then(engine: Engine) -> None:
    load(engine, listed("a.example", "b.example"), at=10)
    load(engine, listed("a.example", "c.example"), at=20)
    assert live(engine) == ["a.example", "b.example", "c.example"]
    done = load(engine, listed("a.example", "d.example"), at=30, replace=True)
    assert (done.added, done.closed, done.unchanged) == (1, 2, 1)
    assert live(engine) == ["a.example", "d.example"]
    assert spans(engine, "b.example") == [(10, 30, "no longer in the list")]


def test_a_value_that_comes_back_has_two_spans(engine: Engine) -> None:
    load(engine, listed("a.example"), at=10)
    load(engine, listed("b.example"), at=20, replace=True)
    load(engine, listed("a.example"), at=30, known_at=5, known_why="said so")
    assert spans(engine, "a.example") == [(10, 20, "no longer in the list"), (21, None, "")]


def expire(engine: Engine, value: str, at: int) -> None:
    with engine.begin() as conn:
        indicator_changes.expire(conn, indicators.find(conn, value)[0].id, at=at, why="sinkholed")


def test_a_list_read_again_leaves_closed_what_was_expired(engine: Engine) -> None:
    load(engine, listed("a.example", "b.example"), at=10)
    expire(engine, "a.example", 20)
    for at, replace in ((30, False), (40, True)):
        again = load(engine, listed("a.example", "b.example"), at=at, replace=replace)
        assert (again.added, again.unchanged, again.closed, again.changed) == (0, 2, 0, False)
    assert spans(engine, "a.example") == [(10, 20, "sinkholed")]


def test_only_a_new_version_opens_what_was_expired(engine: Engine) -> None:
    load(engine, stix("i--1", 1, "a.example"), at=10)
    expire(engine, "a.example", 20)
    assert load(engine, stix("i--1", 1, "a.example"), at=30).added == 0
    assert load(engine, stix("i--1", 1, "a.example", marking=Tlp.RED), at=40).added == 0, "known, though seen otherwise"
    assert load(engine, stix("i--1", 2, "a.example"), at=50).added == 1
    assert spans(engine, "a.example") == [(10, 20, "sinkholed"), (50, None, "")]


def test_what_is_outdated_is_closed_once(engine: Engine) -> None:
    load(engine, stix("i--1", 1, "a.example", valid_until=15), at=10)
    for at in (20, 30):
        with engine.begin() as conn:
            assert indicator_changes.expire_outdated(conn, at=at) == (at == 20)
        assert load(engine, stix("i--1", 1, "a.example", valid_until=15), at=at + 1).added == 0
    assert spans(engine, "a.example") == [(10, 20, "its validity ended")]


def test_a_list_with_other_context_keeps_the_clock(engine: Engine) -> None:
    load(engine, listed("a.example", "b.example", marking=Tlp.AMBER), at=10)
    done = load(engine, listed("a.example", marking=Tlp.GREEN), at=20)
    assert (done.added, done.closed) == (1, 1)
    assert spans(engine, "a.example") == [
        (10, 20, "its marking, validity or context changed in the list"),
        (10, None, ""),
    ]
    assert spans(engine, "b.example") == [(10, None, "")]


def test_lists_of_other_names_and_sources_are_apart(engine: Engine) -> None:
    load(engine, listed("a.example"), at=10)
    load(engine, listed("b.example"), at=20, list_name="other", replace=True)
    load(engine, listed("b.example"), at=20, source="t", replace=True)
    assert live(engine) == ["a.example", "b.example"]
    assert len(spans(engine, "b.example")) == 2


def test_a_new_version_keeps_the_first_known_at(engine: Engine) -> None:
    load(engine, stix("indicator--1", 1, "a.example", "b.example"), at=10)
    done = load(engine, stix("indicator--1", 2, "a.example", "c.example"), at=20)
    assert (done.added, done.unchanged, done.closed, done.new_versions) == (1, 1, 1, 1)
    assert spans(engine, "a.example") == [(10, None, "")]
    assert spans(engine, "b.example") == [(10, 20, "not in the object's new version")]
    with engine.connect() as conn:
        versions = conn.execute(text("SELECT version, from_at, to_at FROM object_version ORDER BY id")).all()
    assert [tuple(row) for row in versions] == [("1", 10, 20), ("2", 20, None)]


def test_an_older_version_does_not_count(engine: Engine) -> None:
    load(engine, stix("indicator--1", 5, "a.example"), at=10)
    done = load(engine, stix("indicator--1", 3, "b.example"), at=20)
    assert (done.older_versions, done.added, done.closed) == (1, 0, 0)
    assert live(engine) == ["a.example"]


def test_the_newest_of_one_file_counts(engine: Engine) -> None:
    one, two = stix("indicator--1", 1, "a.example"), stix("indicator--1", 2, "b.example")
    done = load(engine, two, one, two, at=10)
    assert done.conflicts == []
    assert live(engine) == ["b.example"]


def test_other_content_under_one_version_is_a_conflict(engine: Engine) -> None:
    load(engine, stix("indicator--1", 1, "a.example"), at=10)
    done = load(engine, stix("indicator--1", 1, "evil.example"), stix("indicator--2", 1, "b.example"), at=20)
    assert [refused.location.value for refused in done.conflicts] == ["indicator--1"]
    assert "version 1 of this object came before with other content" in done.conflicts[0].reason
    assert live(engine) == ["a.example", "b.example"]
    twice = load(engine, stix("indicator--3", 1, "x.example"), stix("indicator--3", 1, "y.example"), at=30)
    assert len(twice.conflicts) == 1
    assert "x.example" in live(engine)
    assert "y.example" not in live(engine)


def test_white_space_and_key_order_are_no_other_content(engine: Engine) -> None:
    one = SourceObject(object_id="indicator--1", version="1", raw=b'{"a": 1, "b": 2}', values={T.DOMAIN: ["a.example"]})
    load(engine, one, at=10)
    done = load(engine, msgspec.structs.replace(one, raw=b'{"b":2,"a":1}'), at=20)
    assert (done.conflicts, done.unchanged, done.new_versions) == ([], 1, 0)


def test_a_new_marking_under_the_same_version_counts(engine: Engine) -> None:
    load(engine, stix("indicator--1", 1, "a.example", marking=Tlp.GREEN), at=10)
    load(engine, stix("indicator--1", 1, "a.example", marking=Tlp.RED), at=20)
    with engine.connect() as conn:
        (found,) = indicators.assertions_of(conn, [1])
    assert (found.marking, found.known_at) == (Tlp.RED, 10)


def test_revoked_closes_and_an_unknown_one_leaves_no_trace(engine: Engine) -> None:
    load(engine, stix("indicator--1", 1, "a.example"), at=10)
    gone = msgspec.structs.replace(stix("indicator--1", 2, "a.example"), revoked=True)
    never = msgspec.structs.replace(stix("indicator--9", 1, "z.example"), revoked=True)
    done = load(engine, gone, never, at=20)
    assert done.closed == 1
    assert spans(engine, "a.example") == [(10, 20, "revoked by its source")]
    assert spans(engine, "z.example") == []
    with engine.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM object")).scalar_one() == 1


def test_an_asserted_time_is_told_from_an_observed_one(engine: Engine) -> None:
    load(engine, listed("a.example"), at=10)
    load(engine, listed("a.example", "b.example"), at=20, known_at=3, known_why="press release")
    with engine.connect() as conn:
        found = {a.value.text: (a.known_at, a.known_how) for a in indicators.assertions_of(conn, [1, 2])}
        whys = conn.execute(text("SELECT how, why FROM known_how ORDER BY id")).all()
    assert found == {"a.example": (10, "observed"), "b.example": (3, "asserted")}
    assert [tuple(row) for row in whys] == [("observed", ""), ("asserted", "press release")]


def test_patterns_are_kept_and_closed_with_their_object(engine: Engine) -> None:
    kept = (Pattern(pattern_type="yara", pattern="rule a {}", reasons=(Message("error.value.empty.reason"),)),)
    load(engine, msgspec.structs.replace(stix("indicator--1", 1), patterns=kept), at=10)
    load(engine, stix("indicator--1", 2, "a.example"), at=20)
    with engine.connect() as conn:
        (found,) = indicator_views.patterns_of(conn, "indicator--1")
    assert (found.pattern_type, found.reasons, found.known_at, found.gone_at) == ("yara", kept[0].reasons, 10, 20)


def test_what_is_said_is_kept(engine: Engine) -> None:
    said = Context(actors=("Lazarus",), references=("https://report.example",))
    load(engine, stix("indicator--1", 1, "a.example", context=said, confidence=80, valid_from=1, valid_until=9), at=10)
    with engine.connect() as conn:
        (found,) = indicators.assertions_of(conn, [1])
        raw = conn.execute(indicator_tables.OBJECT_VERSION.select()).one().raw
    assert (found.context, found.confidence, found.valid_from, found.valid_until) == (said, 80, 1, 9)
    assert msgspec.json.decode(raw)["id"] == "indicator--1"


def test_a_failed_load_leaves_nothing(engine: Engine) -> None:
    def broken() -> Any:
        yield listed("a.example")
        raise RuntimeError("cable pulled")

    with pytest.raises(RuntimeError):
        load_from(engine, broken())
    assert live(engine) == []
    assert load(engine, listed("a.example"), at=2).added == 1


def test_the_larger_of_two_is_written_for_each_database() -> None:
    step = Step("SELECT GREATEST(1, 2)")
    assert step.sql_for("sqlite") == "SELECT max(1, 2)"
    assert step.sql_for("postgresql") == "SELECT greatest(1, 2)"
    assert MERGE_OBJECTS[0].arguments == ("source", "change")


def test_a_sources_marking(engine: Engine) -> None:
    with engine.begin() as conn:
        assert indicator_load.source_id(conn, "s", None) == (1, Tlp.AMBER_STRICT)
        assert indicator_load.source_id(conn, "s", Tlp.GREEN) == (1, Tlp.GREEN)
        assert indicator_load.source_id(conn, "s", None) == (1, Tlp.GREEN)


def changed(engine: Engine, since: int = 0) -> tuple[int, list[str]]:
    """The count of changes, and the objects stamped after an earlier one."""
    with engine.connect() as conn:
        count = conn.execute(text("SELECT value FROM counter WHERE name = 'objects.changes'")).scalar() or 0
        rows = conn.execute(text("SELECT object_id FROM object WHERE changed > :since ORDER BY id"), {"since": since})
        return int(count), [row[0].partition(":")[0] if "list:" in row[0] else row[0] for row in rows]


def test_only_what_changed_is_stamped_for_release(engine: Engine) -> None:
    load(engine, stix("a", 1, "a.example"), stix("b", 1, "b.example"), listed("c.example"), at=10)
    since, stamped = changed(engine)
    assert sorted(stamped) == ["a", "b", "list"]
    load(engine, stix("a", 1, "a.example"), stix("b", 1, "b.example"), listed("c.example"), at=11)
    assert changed(engine, since)[1] == []
    load(engine, stix("a", 1, "a.example"), stix("b", 2, "b.example", revoked=True), at=12, list_name="x")
    assert changed(engine, since)[1] == ["b"]
    since, _ = changed(engine)
    load(engine, listed("c.example", "d.example"), at=13)
    assert changed(engine, since)[1] == ["list"]
    since, _ = changed(engine)
    load(engine, listed("c.example"), at=14, replace=True)
    assert changed(engine, since)[1] == ["list"]


def test_what_is_expired_is_stamped_for_release(engine: Engine) -> None:
    load(engine, stix("a", 1, "a.example", valid_until=20), stix("b", 1, "b.example"), at=10)
    since, _ = changed(engine)
    with engine.begin() as conn:
        value = indicators.find(conn, "b.example")[0]
        indicator_changes.expire(conn, value.id, at=12, why="gone")
    assert changed(engine, since)[1] == ["b"]
    since, _ = changed(engine)
    with engine.begin() as conn:
        indicator_changes.expire_outdated(conn, at=30)
        indicator_changes.expire_outdated(conn, at=31)
    assert changed(engine, since)[1] == ["a"]


def test_a_source_is_ours_or_anothers_and_stays_so(engine: Engine) -> None:
    with engine.begin() as conn:
        ours, _ = indicator_load.source_id(conn, "ours", None, own=True)
        assert indicator_load.source_id(conn, "ours", None, own=True)[0] == ours
        with pytest.raises(Conflict, match="a source of our own"):
            indicator_load.source_id(conn, "ours", None)
        indicator_load.source_id(conn, "feed", None)
        with pytest.raises(Conflict, match="a source of others"):
            indicator_load.source_id(conn, "feed", None, own=True)


def context(id: str, version: int, raw: bytes, **more: Any) -> SourceObject:
    return SourceObject(object_id=id, type="report", version=str(version or ""), modified=version, raw=raw, **more)


def raws(engine: Engine) -> dict[str, bytes]:
    with engine.connect() as conn:
        rows = conn.execute(
            text(
                "SELECT o.object_id, v.raw FROM object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
            )
        )
        return {row[0]: bytes(row[1]) for row in rows}


def test_only_its_creator_updates_an_object(engine: Engine) -> None:
    load(engine, context("r", 1, b"[1]", creator="a"), at=10)
    done = load(engine, context("r", 2, b"[2]", creator="b"), context("s", 1, b"[3]", creator="b"), at=11)
    assert [one.id for one in done.conflicts] == ["indicators.other_creator"]
    assert "only its creator updates it" in str(done.conflicts[0])
    assert raws(engine) == {"r": b"[1]", "s": b"[3]"}
    done = load(engine, context("r", 3, b"[4]", creator="b", revoked=True), context("r", 4, b"[5]", creator="a"), at=12)
    assert len(done.conflicts) == 1
    assert raws(engine)["r"] == b"[5]"
    # In one file the oldest version says whose it is; another source's is another object.
    done = load(engine, context("t", 2, b"[7]", creator="b"), context("t", 1, b"[6]", creator="a"), at=13)
    assert (len(done.conflicts), raws(engine)["t"]) == (1, b"[6]")
    assert load(engine, context("t", 2, b"[8]", creator="c"), at=14, source="other").conflicts == []


def test_what_has_no_versions_is_replaced_and_all_else_is_not(engine: Engine) -> None:
    load(engine, context("sco", 0, b"[1]", unversioned=True), context("m", 0, b"[1]"), at=10)
    done = load(engine, context("sco", 0, b"[2]", unversioned=True), context("m", 0, b"[2]"), at=11)
    assert [one.id for one in done.conflicts] == ["indicators.other_content_no_version"]
    assert raws(engine) == {"sco": b"[2]", "m": b"[1]"}
    twice = [context("sco", 0, raw, unversioned=True) for raw in (b"[3]", b"[4]")]
    assert load(engine, *twice, at=12).conflicts == []
    assert raws(engine)["sco"] == b"[4]"
    assert load(engine, context("sco", 0, b"[4]", unversioned=True), at=13).new_context == 0
    assert load(engine, context("sco", 0, b"[1]", unversioned=True), at=14).new_context == 1
    assert raws(engine)["sco"] == b"[1]"


def test_context_never_changes_matching(engine: Engine) -> None:
    done = load(engine, context("r", 1, b"[1]"), stix("a", 1, "a.example"), at=10)
    assert (done.objects, done.context, done.new_context, done.new_versions) == (2, 1, 1, 1)
    with engine.connect() as conn:
        generation = indicators.generation(conn)
    assert not load(engine, context("r", 2, b"[2]"), at=11).changed
    with engine.connect() as conn:
        assert indicators.generation(conn) == generation
        rows = conn.execute(text("SELECT object_id, type FROM object ORDER BY object_id")).all()
    assert [tuple(row) for row in rows] == [("a", "indicator"), ("r", "report")]


def test_an_exchange_policy_is_kept_whole(engine: Engine) -> None:
    policy = Iep(permitted_actions="none", ends=5, description="d")
    load(engine, context("r", 1, b"[1]", iep=policy), context("s", 1, b"[1]"), at=10)
    with engine.connect() as conn:
        rows = conn.execute(text("SELECT iep FROM object_version ORDER BY object_id")).all()
    assert msgspec.json.decode(rows[0][0], type=Iep) == policy
    assert rows[1][0] is None
    done = load(engine, context("r", 1, b"[1]", iep=Iep(permitted_actions="none")), at=11)  # read otherwise: a new view
    assert (done.conflicts, done.new_context) == ([], 1)


def test_a_sources_markings_are_remembered(engine: Engine) -> None:
    marking = SourceObject(object_id="marking-definition--1", type="marking-definition", raw=b"[1]")
    load(engine, marking, context("r", 1, b"[2]"), at=10)
    load(engine, SourceObject(object_id="m", type="marking-definition", raw=b"[3]"), at=11, source="other")
    with engine.connect() as conn:
        ids = {row[1]: row[0] for row in conn.execute(text("SELECT id, name FROM source"))}
        assert indicator_load.marking_definitions(conn, ids["other"]) == [b"[3]"]
        assert len(ids) == 2
        (first,) = (id for name, id in ids.items() if name != "other")
        assert indicator_load.marking_definitions(conn, first) == [b"[1]"]
