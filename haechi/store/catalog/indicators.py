"""Questions to the catalog about indicators: what to match, what is known of a value, what is in it."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.messages.catalogue import decode
from haechi.model.indicator import Assertion, Context, Value, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.store.catalog import driver
from haechi.store.catalog.indicator_tables import GENERATION

if TYPE_CHECKING:
    import pyarrow as pa

_LIVE = """
SELECT id, type, text FROM value
WHERE id IN (SELECT value_id FROM assertion WHERE gone_at IS NULL)
  AND id NOT IN (SELECT value_id FROM value_warning)
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
    with driver.without_collector():
        batches = [
            pa.RecordBatch.from_arrays(
                [pa.array(part, field.type) for part, field in zip(zip(*rows, strict=True), schema, strict=True)],
                schema=schema,
            )
            for rows in driver.rows(conn, sql)
        ]
    return pa.Table.from_batches(batches, schema)


_ASSERTIONS = """
SELECT v.id AS value_id, v.type, v.text, s.name AS source, o.object_id, ov.version, ov.marking, ov.pap, ov.confidence,
       ov.valid_from, ov.valid_until, a.known_at, k.how, a.gone_at, a.gone_why, ov.context
FROM assertion a JOIN value v ON v.id = a.value_id JOIN object o ON o.id = a.object_id
JOIN source s ON s.id = o.source_id JOIN object_version ov ON ov.object_id = o.id AND ov.to_at IS NULL
JOIN known_how k ON k.id = a.known_how
WHERE a.value_id IN :ids ORDER BY a.value_id, a.known_at, a.object_id
"""


def assertions_of(conn: Connection, value_ids: Iterable[int]) -> list[Assertion]:
    """All assertions on these values, closed ones too, by value and `known_at`.

    What they say is that of the object's version that counts now.
    """
    found: list[Assertion] = []
    query = text(_ASSERTIONS).bindparams(bindparam("ids", expanding=True))
    for ids in batched(value_ids):
        found += [_assertion(row) for row in conn.execute(query, {"ids": ids})]
    return found


def _assertion(row: Any) -> Assertion:
    return Assertion(
        value=Value(row.value_id, ValueType(row.type), row.text),
        source=row.source,
        object_id=row.object_id,
        object_version=row.version,
        marking=Tlp(row.marking),
        pap=None if row.pap is None else Pap(row.pap),
        confidence=row.confidence,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        known_at=row.known_at,
        known_how=row.how,
        gone_at=row.gone_at,
        gone_why=next(iter(decode(row.gone_why or "")), None),
        context=msgspec.json.decode(row.context, type=Context),
    )


def values(conn: Connection, value_ids: Iterable[int]) -> dict[int, Value]:
    """Values by id; ids that don't exist are left out."""
    query = text("SELECT id, type, text FROM value WHERE id IN :ids").bindparams(bindparam("ids", expanding=True))
    rows = (row for ids in batched(value_ids) for row in conn.execute(query, {"ids": ids}))
    return {row.id: Value(row.id, ValueType(row.type), row.text) for row in rows}


def find(conn: Connection, text_in_normal_form: str, kind: ValueType | None = None) -> list[Value]:
    """The values of this text, of any type or of one: 32 hex digits may be an MD5, a JA3 and a certificate."""
    query = "SELECT id, type, text FROM value WHERE text = :text AND type IN :types ORDER BY id"
    types = [kind.value] if kind else [each.value for each in ValueType]  # the index begins with the type
    rows = conn.execute(
        text(query).bindparams(bindparam("types", expanding=True)), {"text": text_in_normal_form, "types": types}
    )
    return [Value(row.id, ValueType(row.type), row.text) for row in rows]


def find_any(conn: Connection, wanted: Iterable[tuple[ValueType, str]]) -> list[Value]:
    """Those of these values (type, normal form) that some source ever named, in the order asked. A few hundred at most."""
    order = list(dict.fromkeys(wanted))
    found: dict[tuple[ValueType, str], Value] = {}
    query = text("SELECT id, type, text FROM value WHERE type = :type AND text IN :texts")
    for kind in dict.fromkeys(kind for kind, _ in order):
        texts = [normal for each, normal in order if each is kind]
        rows = conn.execute(query.bindparams(bindparam("texts", expanding=True)), {"type": kind.value, "texts": texts})
        found |= {(kind, row.text): Value(row.id, kind, row.text) for row in rows}
    return [found[one] for one in order if one in found]


def of_type(conn: Connection, kind: ValueType) -> list[Value]:
    """All values of one type that some source ever named."""
    rows = conn.execute(text("SELECT id, text FROM value WHERE type = :type ORDER BY id"), {"type": kind.value})
    return [Value(row.id, kind, row.text) for row in rows]


def prefixes(conn: Connection, kind: ValueType) -> list[int]:
    """The prefix lengths of the nets of one type that some source ever named, the longest first."""
    ends = conn.execute(
        text("SELECT DISTINCT substr(text, length(text) - 3) FROM value WHERE type = :type"), {"type": kind.value}
    )
    return sorted({int(end[0].rpartition("/")[2]) for end in ends}, reverse=True)


def of_object(conn: Connection, object_id: str) -> list[Value]:
    """The values that a source's object of this id asserts or asserted; the first thousand."""
    rows = conn.execute(
        text(
            "SELECT DISTINCT a.value_id FROM assertion a JOIN object o ON o.id = a.object_id"
            " WHERE o.object_id = :id ORDER BY 1 LIMIT 1000"
        ),
        {"id": object_id},
    )
    return list(values(conn, [row[0] for row in rows]).values())


def objects_of(conn: Connection, value_ids: Iterable[int]) -> set[int]:
    """The rows of the objects that assert or asserted these values."""
    query = text("SELECT object_id FROM assertion WHERE value_id IN :ids").bindparams(bindparam("ids", expanding=True))
    return {row for ids in batched(value_ids) for row in conn.execute(query, {"ids": ids}).scalars()}


def batched(items: Iterable[int], size: int = 500) -> Iterator[list[int]]:
    """The items in lists that every database takes as parameters."""
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


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
