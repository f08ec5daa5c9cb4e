"""A recipient's slice of the ledger as a TAXII collection reads it: pages of objects, manifest, versions.

The place in a collection is `date_added`: it grows strictly with the sequence, so no two rows share it and a page that
begins after a date neither skips nor repeats, whatever is added meanwhile. One index holds each page in one range
(collection, live, date_added, type, seq) and is all that is read to find it. What was withdrawn is in no page.
"""

import sqlite3
from collections.abc import Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, TextClause, text

from haechi.store.catalog import driver

MOST_BYTES: Final = 16 << 20  # of bodies in one page; one object alone may be larger
_FETCH: Final = 64  # rows at a time: so many more than MOST_BYTES stand in memory at worst
# STIX 2.1 observables need no spec_version; every other object without one is of STIX 2.0.
OBSERVABLES: Final = (
    "artifact", "autonomous-system", "directory", "domain-name", "email-addr", "email-message", "file", "ipv4-addr",
    "ipv6-addr", "mac-addr", "mutex", "network-traffic", "process", "software", "url", "user-account",
    "windows-registry-key", "x509-certificate",
)  # fmt: skip


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects: TAXII 2.1, 3.4, `match`. Empty means all; of versions the last unless it is said otherwise."""

    ids: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    spec_versions: tuple[str, ...] = ()
    last: bool = True
    first: bool = False
    every: bool = False
    versions: tuple[int, ...] = ()  # microseconds UTC


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to read: a recipient's collection, the rows after a date, so many of them.

    `seq` is the last sequence that has no later date, where the caller knows it: a page is then read in one go.
    """

    recipient_id: int
    collection_id: int
    after: int = 0  # date_added, microseconds UTC
    limit: int = 100
    seq: int | None = None


class Released(NamedTuple):
    """One object of a page, with what a peer needs to count it in its tree. `body` is the stored bytes."""

    seq: int
    date_added: int
    salt: bytes
    body: bytes


class Entry(NamedTuple):
    """One row of the manifest. Times in microseconds UTC."""

    object_id: str
    date_added: int
    version: int
    spec_version: str
    seq: int


class Page(NamedTuple):
    """The stored bytes of a page's objects, joined by commas, and of the first and last when they were added.

    All 0 and empty where there is none. `seq` is the last one's.
    """

    objects: int
    first: int
    last: int
    seq: int
    bodies: bytes
    more: bool


_EMPTY: Final = Page(0, 0, 0, 0, b"", False)


def page(conn: Connection, place: Place, wanted: Wanted) -> Page:
    """The objects after a date in the order they were added, and whether there are more.

    At most `limit` of them, and fewer where they'd be more than MOST_BYTES together.
    """
    if place.seq is not None and wanted == Wanted() and conn.dialect.name == "sqlite":
        found = _joined(conn, place)
        if found is not None:
            return found
    rows, more = released(conn, place, wanted)
    if not rows:
        return _EMPTY
    bodies = b",".join([row.body for row in rows])
    return Page(len(rows), rows[0].date_added, rows[-1].date_added, rows[-1].seq, bodies, more)


# Dates grow with sequences. A plus keeps a column out of the choice of an index; a page whose rows follow each other
# without a gap is the quickest (nothing is sorted or counted off), one with some gaps comes next.
_COLUMNS: Final = (
    "SELECT count(*), min(date_added), max(date_added), max(seq), CAST(group_concat(CAST(body AS TEXT), ',') AS BLOB)"
)
_HERE: Final = "ledger WHERE recipient_id = :recipient AND seq > :seq AND seq <= :upto AND +collection_id = :collection AND +live = 1"
_WITHOUT_GAPS: Final = f"{_COLUMNS} FROM {_HERE}"
_WITH_GAPS: Final = f"{_COLUMNS} FROM (SELECT seq, date_added, body FROM {_HERE} ORDER BY seq LIMIT :limit)"
_LATER: Final = (
    "SELECT 1 FROM ledger WHERE collection_id = :collection AND live = 1 AND type IS NOT NULL AND date_added > :last"
    " LIMIT 1"
)


def _joined(conn: Connection, place: Place) -> Page | None:
    """A full page that lies close together in the slice, joined by SQLite: half the time of a hundred rows.

    None where the page isn't full within twice its length, or is too large to be joined.
    """
    driver_connection: Any = conn.connection.driver_connection
    before = driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MOST_BYTES)
    arguments = {
        "recipient": place.recipient_id,
        "collection": place.collection_id,
        "seq": place.seq,
        "limit": place.limit,
    }
    try:
        for statement, length in ((_WITHOUT_GAPS, place.limit), (_WITH_GAPS, 2 * place.limit)):
            arguments["upto"] = (place.seq or 0) + length
            count, first, last, seq, bodies = driver_connection.execute(statement, arguments).fetchone()
            if count == place.limit:
                more = driver_connection.execute(_LATER, {"collection": place.collection_id, "last": last}).fetchone()
                return Page(count, first, last, seq, bodies, more is not None)
    except sqlite3.DataError:  # longer than MOST_BYTES
        return None
    finally:
        driver_connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)
    return None


def released(conn: Connection, place: Place, wanted: Wanted) -> tuple[list[Released], bool]:
    """The same objects with what a peer needs beside them, and whether there are more."""
    arguments = _arguments(place, wanted)
    if conn.dialect.name == "sqlite" and wanted == Wanted():
        with driver.reading(conn, f"SELECT seq, date_added, salt, body{_PLAIN}", arguments) as cursor:
            rows, more = _fitting(cursor, place.limit)
        return list(map(Released._make, rows)), more
    keys = [(row[0], row[1]) for row in conn.execute(_keys(conn.dialect.name, _shape(wanted)), arguments)]
    sizes = accumulate(length for _, length in keys[: place.limit])
    fits = max(sum(size <= MOST_BYTES for size in sizes), min(len(keys), 1))
    return _bodies(conn, place, [seq for seq, _ in keys[:fits]]), len(keys) > fits


def _fitting(cursor: Any, limit: int) -> tuple[list[tuple[Any, ...]], bool]:
    """The rows up to the limit whose last columns fit together, and whether one was left."""
    found: list[tuple[Any, ...]] = []
    size = 0
    while part := cursor.fetchmany(_FETCH):
        size += sum([len(row[-1]) for row in part])
        found += part
        if size > MOST_BYTES:
            sizes = accumulate(len(row[-1]) for row in found[:limit])
            fits = max(sum(size <= MOST_BYTES for size in sizes), 1)
            return found[:fits], len(found) > fits
    return found[:limit], len(found) > limit


def _bodies(conn: Connection, place: Place, seqs: list[int]) -> list[Released]:
    found: list[Released] = []
    for start in range(0, len(seqs), 1000):
        part = {f"seq_{n}": seq for n, seq in enumerate(seqs[start : start + 1000])}
        rows = conn.execute(_named(len(part)), {"recipient": place.recipient_id, **part})
        found += [Released(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in rows]
    return sorted(found)


def manifest(conn: Connection, place: Place, wanted: Wanted) -> tuple[list[Entry], bool]:
    """What the objects are, without them, and whether there are more."""
    rows = conn.execute(_entries(conn.dialect.name, _shape(wanted)), _arguments(place, wanted))
    entries = [Entry(row[0], row[1], row[2], "2.1" if row[3] else "2.0", row[4]) for row in rows]
    return entries[: place.limit], len(entries) > place.limit


def holds(conn: Connection, place: Place, object_id: str) -> bool:
    """Whether the collection has the object, in any version."""
    wanted = Wanted(ids=(object_id,), every=True)
    return bool(manifest(conn, msgspec.structs.replace(place, after=0, limit=1), wanted)[0])


class _Shape(msgspec.Struct, frozen=True):
    """What of a query decides its SQL."""

    ids: int
    types: int
    specs: tuple[str, ...]
    last: bool
    first: bool
    every: bool
    versions: int


def _shape(wanted: Wanted) -> _Shape:
    specs = tuple(sorted(set(wanted.spec_versions)))
    chosen = (wanted.last, wanted.first, wanted.every, len(wanted.versions))
    return _Shape(len(wanted.ids), len(wanted.types), specs, *chosen)


def _arguments(place: Place, wanted: Wanted) -> Mapping[str, Any]:
    found: dict[str, Any] = {
        "recipient": place.recipient_id,
        "collection": place.collection_id,
        "after": place.after,
        "one_more": place.limit + 1,
    }
    for name, values in (("id", wanted.ids), ("type", wanted.types), ("version", wanted.versions)):
        found |= {f"{name}_{number}": value for number, value in enumerate(values)}
    return found


_PLAIN: Final = (
    " FROM ledger WHERE collection_id = :collection AND live = 1"
    " AND type IS NOT NULL AND date_added > :after ORDER BY date_added LIMIT :one_more"
)


def _several(name: str, count: int) -> str:
    return ", ".join(f":{name}_{number}" for number in range(count))


def _modern(dialect: str) -> str:
    """Whether a row's body is of STIX 2.1: within a JSON text a quoted name would have its quotes escaped."""
    types = ", ".join(f"'{name}'" for name in OBSERVABLES)
    name = '"spec_version"'
    has = f"instr(l.body, CAST('{name}' AS BLOB))"
    if dialect == "postgresql":
        has = f"position(convert_to('{name}', 'UTF8') IN l.body)"
    return f"({has} > 0 OR l.type IN ({types}))"


def _found(dialect: str, shape: _Shape) -> str:
    """The rows that fit, by sequence and date, in order, one more than the limit."""
    filters = " AND l.date_added > :after AND l.type IS NOT NULL"
    if shape.types:
        filters += f" AND l.type IN ({_several('type', shape.types)})"
    if shape.specs:
        allowed = [_modern(dialect)] if "2.1" in shape.specs else []
        allowed += [f"NOT {_modern(dialect)}"] if "2.0" in shape.specs else []
        filters += f" AND ({' OR '.join(allowed) or '1 = 0'})"
    order = " ORDER BY l.date_added LIMIT :one_more"
    select = "SELECT l.seq AS seq, l.date_added AS date_added FROM ledger l WHERE"
    if shape.ids:
        # A plus keeps a column out of the choice of an index: SQLite would else read the whole slice for one object.
        named = (
            "l.recipient_id = :recipient AND l.seq IN (SELECT n.seq FROM ledger n WHERE n.recipient_id = :recipient"
            f" AND n.object_id IN ({_several('id', shape.ids)})) AND +l.collection_id = :collection"
        )
        return f"{select} {named}{filters.replace('l.date_added', '+l.date_added')} AND {_version(shape)}{order}"
    here = f"{select} l.collection_id = :collection AND l.live = "
    if shape.last and not (shape.first or shape.every or shape.versions):
        return f"{here}1{filters}{order}"
    live, older = (f"{here}{flag}{filters} AND {_version(shape)}{order}" for flag in (1, 0))
    return (
        f"SELECT l.seq AS seq, l.date_added AS date_added FROM (SELECT * FROM ({live}) a UNION ALL"
        f" SELECT * FROM ({older}) b) l{order}"
    )


def _version(shape: _Shape) -> str:
    """Which versions of an object fit. Of one version that was sent twice, with other content, the later counts."""
    same = "SELECT 1 FROM ledger e WHERE e.recipient_id = :recipient AND e.object_id = l.object_id"
    fits = ["l.live = 1"] if shape.last else []
    fits += [f"NOT EXISTS ({same} AND e.version < l.version)"] if shape.first else []
    fits += [f"l.version IN ({_several('version', shape.versions)})"] if shape.versions else []
    fits = ["1 = 1"] if shape.every else fits
    again = f"NOT EXISTS ({same} AND e.version = l.version AND +e.seq > l.seq)"
    return f"(({' OR '.join(fits) or '1 = 0'}) AND (l.live = 1 OR {again}))"


@lru_cache(maxsize=256)
def _keys(dialect: str, shape: _Shape) -> TextClause:
    return text(
        _with(dialect, shape, "l.seq, octet_length(l.body)" if dialect == "postgresql" else "l.seq, length(l.body)")
    )


@lru_cache(maxsize=256)
def _entries(dialect: str, shape: _Shape) -> TextClause:
    return text(_with(dialect, shape, f"l.object_id, l.date_added, l.version, {_modern(dialect)} AS modern, l.seq"))


def _with(dialect: str, shape: _Shape, columns: str) -> str:
    found = _found(dialect, shape)
    return (
        f"SELECT {columns} FROM ({found}) f CROSS JOIN ledger l WHERE l.recipient_id = :recipient AND l.seq = f.seq"
        " ORDER BY f.date_added"
    )


@lru_cache(maxsize=256)
def _named(count: int) -> TextClause:
    return text(
        "SELECT seq, date_added, salt, body FROM ledger"
        f" WHERE recipient_id = :recipient AND seq IN ({_several('seq', count)})"
    )
