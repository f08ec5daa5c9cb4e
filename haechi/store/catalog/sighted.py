"""What the catalog says of the values that were sighted: asked for just those, answered as Arrow tables to join with.

`values` gives one row a value, `assertions` one a live assertion with what decides whether it counts at a sighting
(DATA-MODEL.md, 3): its window and `known_at`. All times are microseconds UTC.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa
from sqlalchemy import Connection, bindparam, text

from haechi.model.indicator import Context

_AT_ONCE = 10_000  # ids in one statement: SQLite takes 32,766, PostgreSQL 65,535

VALUES = pa.schema(
    [
        pa.field("value_id", pa.int64()),
        pa.field("type", pa.string()),
        pa.field("text", pa.string()),
        pa.field("false_positive", pa.bool_()),  # as the last verdict on it says
        pa.field("marking", pa.int8()),  # the strictest that it ever had: a closed assertion's word still binds
    ]
)
ASSERTIONS = pa.schema(
    [
        pa.field("value_id", pa.int64()),
        pa.field("source", pa.string()),
        pa.field("marking", pa.int8()),  # model.marking.Tlp
        pa.field("valid_from", pa.int64()),  # null: open
        pa.field("valid_until", pa.int64()),
        pa.field("known_at", pa.int64()),
        pa.field("actors", pa.list_(pa.string())),
    ]
)

_VALUES = text(
    "SELECT v.id, v.type, v.text, coalesce((SELECT j.verdict = 'false-positive' FROM verdict j"
    " WHERE j.id = (SELECT max(k.id) FROM verdict k WHERE k.value_id = v.id)), false),"
    " (SELECT max(o.marking) FROM assertion a JOIN object_version o ON o.object_id = a.object_id WHERE a.value_id = v.id)"
    " FROM value v WHERE v.id IN :ids"
).bindparams(bindparam("ids", expanding=True))

_ASSERTIONS = text(
    "SELECT a.value_id, a.object_id, a.known_at FROM assertion a WHERE a.gone_at IS NULL AND a.value_id IN :ids"
).bindparams(bindparam("ids", expanding=True))

# A list of a million values is one object: its context is read once, not with each assertion.
_OBJECTS = text(
    "SELECT o.id, s.name, v.marking, v.valid_from, v.valid_until, v.context FROM object o"
    " JOIN source s ON s.id = o.source_id JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
    " WHERE o.id IN :ids"
).bindparams(bindparam("ids", expanding=True))


def values(conn: Connection, ids: Sequence[int]) -> pa.Table:
    """The values of these ids, as `VALUES` says; unknown ids are left out."""
    rows = [(i, kind, shown, bool(judged), marking) for i, kind, shown, judged, marking in _ask(conn, _VALUES, ids)]
    return _table(rows, VALUES)


def assertions(conn: Connection, ids: Sequence[int]) -> pa.Table:
    """The assertions of these values that aren't gone, as `ASSERTIONS` says, each with its object's present version."""
    found = list(_ask(conn, _ASSERTIONS, ids))
    objects = {row[0]: (*row[1:5], _actors(row[5])) for row in _ask(conn, _OBJECTS, {row[1] for row in found})}
    rows = []
    for value_id, object_id, known_at in found:
        if object_id in objects:
            source, marking, valid_from, valid_until, actors = objects[object_id]
            rows.append((value_id, source, marking, valid_from, valid_until, known_at, actors))
    return _table(rows, ASSERTIONS)


def _ask(conn: Connection, question: Any, ids: Sequence[int] | set[int]) -> Iterator[Any]:
    wanted = sorted(ids)
    for begin in range(0, len(wanted), _AT_ONCE):
        yield from conn.execute(question, {"ids": wanted[begin : begin + _AT_ONCE]})


@cache
def _decoder() -> msgspec.json.Decoder[Context]:
    return msgspec.json.Decoder(Context)


def _actors(context: str) -> list[str]:
    return list(_decoder().decode(context).actors)


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)
