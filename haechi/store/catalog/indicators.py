"""Questions to the catalog about indicators: what to match, what is known of a value, what is in it."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from haechi.store.catalog.indicator_tables import GENERATION

if TYPE_CHECKING:
    import pyarrow as pa

_FETCH = 65_536  # rows at a time: keeps the Python objects of a million values from standing all at once

_LIVE = """
SELECT id, type, text FROM value
WHERE id IN (SELECT value_id FROM assertion WHERE gone_at IS NULL)
  AND id NOT IN (SELECT value_id FROM value_warning WHERE suppresses)
  AND id NOT IN (
    SELECT value_id FROM verdict
    WHERE id IN (SELECT max(id) FROM verdict GROUP BY value_id) AND verdict = 'false-positive')
"""

_ANY_BOUND = """
SELECT 1 FROM object_version
WHERE to_at IS NULL AND (valid_from IS NOT NULL OR valid_until IS NOT NULL) LIMIT 1
"""

# The outer window is open where any assertion's is: only values bounded by all of theirs come back.
_WINDOWS = """
SELECT a.value_id,
       CASE WHEN count(*) = count(o.valid_from) THEN min(o.valid_from) END,
       CASE WHEN count(*) = count(o.valid_until) THEN max(o.valid_until) END
FROM assertion a JOIN object_version o ON o.object_id = a.object_id AND o.to_at IS NULL
WHERE a.gone_at IS NULL
GROUP BY a.value_id
HAVING count(*) = count(o.valid_from) OR count(*) = count(o.valid_until)
"""


def generation(conn: Connection) -> int:
    """A number that grows with every change that can change matching: compare it to know whether an index is current."""
    found = conn.execute(text("SELECT value FROM counter WHERE name = :name"), {"name": GENERATION}).scalar()
    return int(found or 0)


def grow(conn: Connection) -> None:
    """Count a change that can change matching; call it in the transaction that makes the change."""
    conn.execute(
        text(
            "INSERT INTO counter (name, value) VALUES (:name, 1) "
            "ON CONFLICT (name) DO UPDATE SET value = counter.value + 1"
        ),
        {"name": GENERATION},
    )


def matchable(conn: Connection) -> "pa.Table":
    """Every value that events are to be matched against.

    Columns: value_id int64, type string (ValueType), text string, valid_from and valid_until int64 (microseconds UTC,
    the outer window over live assertions; null is open), exact bool (a domain that is itself a public suffix: its
    sub-domains are other people's). Left out: warning-listed values, and values last judged false-positive.
    A million values take about two seconds.
    """
    import pyarrow as pa

    live = _arrow(conn, _LIVE, {"value_id": pa.int64(), "type": pa.string(), "text": pa.string()})
    bounds = {"value_id": pa.int64(), "valid_from": pa.int64(), "valid_until": pa.int64()}
    bounded = conn.execute(text(_ANY_BOUND)).first() is not None
    windows = _arrow(conn, _WINDOWS, bounds) if bounded else pa.schema(list(bounds.items())).empty_table()
    place = pa.compute.index_in(live["value_id"], windows["value_id"].combine_chunks())
    for name in ("valid_from", "valid_until"):
        live = live.append_column(name, windows[name].combine_chunks().take(place))
    return live.append_column("exact", _exact(live))


def _arrow(conn: Connection, sql: str, columns: "Mapping[str, pa.DataType]") -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute

    schema = pa.schema(list(columns.items()))
    with _without_collector():
        batches = [
            pa.RecordBatch.from_arrays(
                [pa.array(part, field.type) for part, field in zip(zip(*rows, strict=True), schema, strict=True)],
                schema=schema,
            )
            for rows in _rows(conn, sql)
        ]
    return pa.Table.from_batches(batches, schema)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Millions of short-lived tuples send Python's cycle collector through the heap again and again: half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _rows(conn: Connection, sql: str) -> Iterator[Sequence[Any]]:
    """The rows of a query in chunks, by the driver itself on SQLite: a Row object each costs more than the query."""
    if conn.dialect.name == "sqlite":
        cursor = conn.connection.cursor()
        cursor.execute(sql)
        while rows := cursor.fetchmany(_FETCH):
            yield rows
        cursor.close()
        return
    with conn.execution_options(stream_results=True, max_row_buffer=_FETCH).execute(text(sql)) as result:
        yield from result.partitions(_FETCH)


def _exact(table: "pa.Table") -> "pa.ChunkedArray[Any] | pa.Array[Any]":
    """Which rows are domains that are themselves public suffixes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from haechi.model.suffix import is_public_suffix, rules

    listed, below = rules()
    texts = table["text"]
    parents = pc.replace_substring_regex(texts, r"^[^.]*\.", "")
    maybe = pc.and_(
        pc.equal(table["type"], pa.scalar("domain")),
        pc.or_(pc.is_in(texts, pa.array(sorted(listed))), pc.is_in(parents, pa.array(sorted(below)))),
    )
    confirmed = [name for name in texts.filter(maybe).to_pylist() if is_public_suffix(str(name))]
    return pc.and_(maybe, pc.is_in(texts, pa.array(confirmed, pa.string())))
