"""A recipient's slice of the ledger as a TAXII collection reads it: pages of objects, manifest, versions.

The place in a collection is `date_added`: it grows strictly with the sequence, so no two rows share it and a page that
begins after a date neither skips nor repeats, whatever is added meanwhile. One index holds each page in one range
(collection, live, date_added, type, seq) and is all that is read to find it. What was withdrawn is in no page.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, TextClause, text

MOST_BYTES: Final = 16 << 20  # of bodies in one page; one object alone may be larger
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
    """Where to read: a recipient's collection, the rows after a date, so many of them."""

    recipient_id: int
    collection_id: int
    after: int = 0  # date_added, microseconds UTC
    limit: int = 100


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


def page(conn: Connection, place: Place, wanted: Wanted) -> tuple[list[Released], bool]:
    """The objects after a date in the order they were added, and whether there are more.

    At most `limit` of them, and fewer where they'd be more than MOST_BYTES together.
    """
    arguments = _arguments(place, wanted)
    if conn.dialect.name == "sqlite" and wanted == Wanted():
        cursor: Any = conn.connection.cursor()  # the driver's own: no layer between a hundred rows and their bytes
        cursor.execute(_PLAIN, arguments)
        found, more = _fitting(map(Released._make, cursor), place.limit)
        cursor.close()
        return found, more
    keys = [(row[0], row[1]) for row in conn.execute(_keys(conn.dialect.name, _shape(wanted)), arguments)]
    sizes = accumulate(length for _, length in keys[: place.limit])
    fits = max(sum(size <= MOST_BYTES for size in sizes), min(len(keys), 1))
    return _bodies(conn, place, [seq for seq, _ in keys[:fits]]), len(keys) > fits


def _fitting(rows: Iterable[Released], limit: int) -> tuple[list[Released], bool]:
    found: list[Released] = []
    size = 0
    for row in rows:
        size += len(row.body)
        if len(found) == limit or (size > MOST_BYTES and found):
            return found, True
        found.append(row)
    return found, False


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
    entries = [Entry(row[0], row[1], row[2], "2.1" if row[3] else "2.0") for row in rows]
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
    "SELECT seq, date_added, salt, body FROM ledger WHERE collection_id = :collection AND live = 1"
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
    return text(_with(dialect, shape, f"l.object_id, l.date_added, l.version, {_modern(dialect)} AS modern"))


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
