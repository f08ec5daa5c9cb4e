"""What is matched, on SQLite and PostgreSQL."""

from sqlalchemy import Engine

from haechi.model.indicator import ValueType as T
from haechi.model.indicator import Verdict
from haechi.model.source_object import SourceObject
from haechi.store.catalog import driver, facts, indicator_changes, indicator_load, indicator_views, indicators


def load(engine: Engine, name: str, values: dict[T, list[str]], **fields: int | None) -> None:
    with engine.begin() as conn:
        id, _ = indicator_load.source_id(conn, "s", None)
        one = SourceObject(object_id=name, values=values, **fields)  # type: ignore[arg-type]
        indicator_load.load(conn, id, [one], at=10, list_name="l")


def rows(engine: Engine) -> dict[str, tuple[int | None, int | None, bool]]:
    with engine.connect() as conn:
        found = indicators.matchable(conn).to_pylist()
    return {row["text"]: (row["valid_from"], row["valid_until"], row["exact"]) for row in found}


def test_an_empty_catalog(engine: Engine) -> None:
    with engine.connect() as conn:
        table = indicators.matchable(conn)
        assert indicators.generation(conn) == 0
    assert table.column_names == ["value_id", "type", "text", "valid_from", "valid_until", "exact"]
    assert [str(field.type) for field in table.schema] == ["int64", "string", "string", "int64", "int64", "bool"]
    assert table.num_rows == 0


def test_the_outer_window_counts(engine: Engine) -> None:
    load(engine, "i--1", {T.DOMAIN: ["a.example", "b.example"]}, valid_from=5, valid_until=9)
    load(engine, "i--2", {T.DOMAIN: ["a.example"]}, valid_from=7, valid_until=20)
    load(engine, "i--3", {T.DOMAIN: ["c.example"]})
    assert rows(engine) == {
        "a.example": (5, 20, False),
        "b.example": (5, 9, False),
        "c.example": (None, None, False),
    }
    load(engine, "i--4", {T.DOMAIN: ["a.example"]}, valid_from=1)
    assert rows(engine)["a.example"] == (1, None, False)


def test_public_suffixes_match_exactly(engine: Engine) -> None:
    load(engine, "i--1", {T.DOMAIN: ["github.io", "evil.github.io", "x.ck", "www.ck", "co.kr"], T.MD5: ["a" * 32]})
    exact = {text for text, (_, _, is_exact) in rows(engine).items() if is_exact}
    assert exact == {"github.io", "x.ck", "co.kr"}


def test_what_leaves_matching_and_comes_back(engine: Engine) -> None:
    load(engine, "i--1", {T.DOMAIN: ["a.example", "b.example", "c.example"]})
    ids = {}
    with engine.begin() as conn:
        for name in ("a.example", "b.example", "c.example"):
            ids[name] = indicators.find(conn, name)[0].id
        before = indicators.generation(conn)
        indicator_changes.set_warnings(conn, [(ids["a.example"], "RFC 1918"), (ids["a.example"], "RFC 1918")])
        assert indicator_changes.warnings(conn, ids["a.example"]) == ["RFC 1918"]
        judge(conn, ids["b.example"], "false-positive")
        assert indicators.generation(conn) == before + 2
    assert set(rows(engine)) == {"c.example"}
    with engine.begin() as conn:
        judge(conn, ids["b.example"], "confirmed")
        indicator_changes.clear_warnings(conn)
        assert indicator_changes.expire(conn, ids["c.example"], at=50, why="old", source="other") == 0
        assert indicator_changes.expire(conn, ids["c.example"], at=50, why="old", source="s") == 1
        assert [v.verdict for v in indicator_changes.verdicts(conn, ids["b.example"])] == [
            "false-positive",
            "confirmed",
        ]
    assert set(rows(engine)) == {"a.example", "b.example"}


def judge(conn: object, id: int, said: str) -> None:
    verdict = Verdict(value_id=id, verdict=said, at=20, by="kim", evidence="case 7")
    indicator_changes.add_verdict(conn, verdict)  # type: ignore[arg-type]


def test_outdated_assertions_are_closed(engine: Engine) -> None:
    load(engine, "i--1", {T.DOMAIN: ["a.example"]}, valid_until=30)
    load(engine, "i--2", {T.DOMAIN: ["b.example"]}, valid_until=90)
    with engine.begin() as conn:
        assert indicator_changes.expire_outdated(conn, at=50) == 1
        assert indicator_changes.expire_outdated(conn, at=50) == 0
    assert set(rows(engine)) == {"b.example"}


def test_new_values_come_by_type(engine: Engine) -> None:
    load(engine, "i--1", {T.DOMAIN: ["a.example"]})
    load(engine, "i--2", {T.DOMAIN: ["b.example"], T.IPV4: ["192.0.2.1"]})
    with engine.connect() as conn:
        found = [(kind, texts) for kind, _, texts in indicator_changes.values_above(conn, 1)]
    assert found == [(T.IPV4, ["192.0.2.1"]), (T.DOMAIN, ["b.example"])]


def test_a_text_of_two_types(engine: Engine) -> None:
    load(engine, "i--1", {T.MD5: ["a" * 32], T.JA3: ["a" * 32]})
    with engine.connect() as conn:
        assert {value.type for value in indicators.find(conn, "a" * 32)} == {T.MD5, T.JA3}
        assert [value.type for value in indicators.find(conn, "a" * 32, T.JA3)] == [T.JA3]


def test_lists_and_counts(engine: Engine) -> None:
    from haechi.model.indicator import Context
    from haechi.model.marking import Tlp

    with engine.begin() as conn:
        id, _ = indicator_load.source_id(conn, "feed_1", None)
        said = Context(actors=("APT_37",))
        one = SourceObject(
            object_id="", values={T.DOMAIN: ["a_1.example", "b.example"]}, context=said, marking=Tlp.GREEN
        )
        two = SourceObject(object_id="i--1", values={T.IPV4: ["192.0.2.1"]}, marking=Tlp.RED)
        indicator_load.load(conn, id, [one, two], at=10, list_name="l")
        indicator_changes.set_warnings(conn, [(indicators.find(conn, "192.0.2.1")[0].id, "RFC 5735")])
    with engine.connect() as conn:
        everything = indicator_views.rows(conn)
        assert {(row.text, row.marking, row.sources, row.actors, row.warning) for row in everything} == {
            ("a_1.example", "TLP:GREEN", "feed_1", ("APT_37",), ""),
            ("b.example", "TLP:GREEN", "feed_1", ("APT_37",), ""),
            ("192.0.2.1", "TLP:RED", "feed_1", (), "RFC 5735"),
        }
        assert [row.text for row in indicator_views.rows(conn, kind=T.IPV4)] == ["192.0.2.1"]
        assert [row.text for row in indicator_views.rows(conn, contains="a_")] == ["a_1.example"]
        assert len(indicator_views.rows(conn, actor="apt_37")) == 2
        assert indicator_views.rows(conn, actor="apt%37") == []
        assert [row.text for row in indicator_views.rows(conn, marking=Tlp.RED)] == ["192.0.2.1"]
        first = indicator_views.rows(conn, limit=1)
        assert len(first) == 1
        assert len(indicator_views.rows(conn, after=first[0].id)) == 2
        stats = indicator_views.stats(conn)
    assert stats["by_type"] == {"domain": 2, "ipv4": 1}
    assert stats["by_marking"] == {"TLP:GREEN": 2, "TLP:RED": 1}
    assert (stats["live_assertions"], stats["warning_listed"], stats["by_warning_list"]) == (3, 1, {"RFC 5735": 1})


def test_facts_and_driver(engine: Engine) -> None:
    with engine.begin() as conn:
        assert facts.get(conn, "x") == ""
        facts.put(conn, "x", "1")
        facts.put(conn, "x", "2")
        assert facts.get(conn, "x") == "2"
        driver.insert(conn, "fact", ("name", "text"), [("y", "tab\tand\nline"), ("z", "\\N")])
        found = [tuple(row) for part in driver.rows(conn, "SELECT name, text FROM fact ORDER BY name") for row in part]
    assert found == [("x", "2"), ("y", "tab\tand\nline"), ("z", "\\N")]
