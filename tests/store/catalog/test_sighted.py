"""The two tables that sightings are joined with, on each database."""

from typing import Any

from sqlalchemy import Engine

from haechi.model.indicator import Context, ValueType, Verdict
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject
from haechi.store.catalog import sighted
from haechi.store.catalog.indicator_changes import add_verdict, expire
from haechi.store.catalog.indicator_load import load, source_id
from haechi.store.catalog.indicators import find


def known(engine: Engine, source: str, texts: list[str], **told: Any) -> list[int]:
    with engine.begin() as conn:
        id, _ = source_id(conn, source, None)
        object_id = told.pop("object_id", source)
        one = SourceObject(object_id=object_id, version="1", modified=1, values={ValueType.IPV4: texts}, **told)
        load(conn, id, [one], at=told.pop("at", 1000), list_name="list")
        return [find(conn, text)[0].id for text in texts]


def test_assertions_that_are_not_gone(engine: Engine) -> None:
    ids = known(
        engine, "cert", ["192.0.2.1", "192.0.2.2"], marking=Tlp.RED, valid_from=5, context=Context(actors=("A", "B"))
    )
    known(engine, "isac", ["192.0.2.1"], valid_until=9)
    with engine.begin() as conn:
        expire(conn, ids[1], at=2000, why="test")
    with engine.connect() as conn:
        table = sighted.assertions(conn, ids)
        assert table.schema == sighted.ASSERTIONS
        rows = sorted(table.to_pylist(), key=lambda row: str(row["source"]))
        assert sighted.assertions(conn, []).num_rows == 0
    assert rows == [
        {"value_id": ids[0], "source": "cert", "marking": 4, "valid_from": 5, "valid_until": None, "known_at": 1000,
         "actors": ["A", "B"]},
        {"value_id": ids[0], "source": "isac", "marking": 3, "valid_from": None, "valid_until": 9, "known_at": 1000,
         "actors": []},
    ]  # fmt: skip


def test_the_last_verdict_counts(engine: Engine) -> None:
    ids = known(engine, "cert", ["192.0.2.1", "192.0.2.2", "192.0.2.3"])
    with engine.begin() as conn:
        for id, verdict in ((ids[0], "false-positive"), (ids[1], "false-positive"), (ids[1], "confirmed")):
            add_verdict(conn, Verdict(value_id=id, verdict=verdict, at=1, by="me", evidence=""))
    with engine.connect() as conn:
        table = sighted.values(conn, [*ids, 10**9])
    assert table.schema == sighted.VALUES
    told = [(row["value_id"], row["type"], row["text"], row["false_positive"]) for row in table.to_pylist()]
    assert told == [(id, "ipv4", f"192.0.2.{k}", k == 1) for k, id in enumerate(ids, 1)]


def test_more_ids_than_a_statement_takes(engine: Engine) -> None:
    texts = [f"10.0.{k // 200}.{k % 200}" for k in range(500)]
    ids = known(engine, "cert", texts)
    with engine.connect() as conn:
        asked = list(range(10**6, 10**6 + 40_000)) + ids
        assert sorted(sighted.values(conn, asked)["text"].to_pylist()) == sorted(texts)
        assert sighted.assertions(conn, asked).num_rows == 500
