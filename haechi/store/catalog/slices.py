"""A recipient's slice of the ledger as a TAXII collection reads it: pages of objects, manifest, versions.

The place in a collection is `date_added`: it grows strictly with the sequence, so no two rows share it and a page that
begins after a date neither skips nor repeats, whatever is added meanwhile. One index serves every page (collection, live,
date_added, type, seq); the database itself joins the stored bodies with commas, so a page of a hundred objects is one row
and nothing is decoded. What was withdrawn is in no page.
"""

from functools import lru_cache
from typing import Any, Final

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

    @property
    def latest_alone(self) -> bool:
        """Whether only what the recipient has now can fit."""
        return self.last and not (self.first or self.every or self.versions)


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to read: a recipient's collection, the rows after a date, so many of them."""

    recipient_id: int
    collection_id: int
    after: int = 0  # date_added, microseconds UTC
    limit: int = 100


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Objects of a page, their stored bytes joined by commas. `first` and `last` are dates; None where it is empty."""

    count: int
    first: int | None
    last: int | None
    more: bool
    bodies: bytes


class Released(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a page with what a peer needs to count it in its tree."""

    seq: int
    date_added: int
    salt: bytes
    body: bytes


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the manifest. Times in microseconds UTC."""

    object_id: str
    date_added: int
    version: int
    spec_version: str


def page(conn: Connection, place: Place, wanted: Wanted) -> Page:
    """The objects after a date in the order they were added; at most `limit`, and about MOST_BYTES of them."""
    row = conn.execute(_joined(conn.dialect.name, _shape(wanted)), _arguments(place, wanted)).one()
    return Page(
        count=row.n,
        first=row.first,
        last=row.last,
        more=row.found > row.n,
        bodies=b"" if row.bodies is None else bytes(row.bodies),
    )


def released(conn: Connection, place: Place, wanted: Wanted) -> tuple[list[Released], bool]:
    """The same objects one by one, and whether there are more."""
    rows = conn.execute(_single(conn.dialect.name, _shape(wanted)), _arguments(place, wanted)).all()
    found = [
        Released(seq=row.seq, date_added=row.date_added, salt=bytes(row.salt), body=bytes(row.body)) for row in rows
    ]
    return found, bool(rows) and rows[0].found > len(rows)


def manifest(conn: Connection, place: Place, wanted: Wanted) -> tuple[list[Entry], bool]:
    """What the objects are, without them, and whether there are more."""
    rows = conn.execute(_entries(conn.dialect.name, _shape(wanted)), _arguments(place, wanted)).all()
    found = [
        Entry(
            object_id=row.object_id,
            date_added=row.date_added,
            version=row.version,
            spec_version="2.1" if row.modern else "2.0",
        )
        for row in rows[: place.limit]
    ]
    return found, len(rows) > place.limit


def holds(conn: Connection, place: Place, object_id: str) -> bool:
    """Whether the collection has the object, in any version."""
    query = (
        "SELECT 1 FROM ledger WHERE recipient_id = :recipient AND object_id = :object"
        " AND collection_id = :collection LIMIT 1"
    )
    arguments = {"recipient": place.recipient_id, "object": object_id, "collection": place.collection_id}
    return conn.execute(text(query), arguments).first() is not None


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
    return _Shape(
        len(wanted.ids),
        len(wanted.types),
        tuple(sorted(set(wanted.spec_versions))),
        wanted.last,
        wanted.first,
        wanted.every,
        len(wanted.versions),
    )


def _arguments(place: Place, wanted: Wanted) -> dict[str, Any]:
    found: dict[str, Any] = {
        "recipient": place.recipient_id,
        "collection": place.collection_id,
        "after": place.after,
        "limit": place.limit,
        "one_more": place.limit + 1,
    }
    for name, values in (("id", wanted.ids), ("type", wanted.types), ("version", wanted.versions)):
        found |= {f"{name}_{place}": value for place, value in enumerate(values)}
    return found


def _several(name: str, count: int) -> str:
    return ", ".join(f":{name}_{place}" for place in range(count))


def _modern(dialect: str) -> str:
    """Whether a row's body is of STIX 2.1: a quoted name within a JSON text would have its quotes escaped."""
    types = ", ".join(f"'{name}'" for name in OBSERVABLES)
    has = (
        "instr(l.body, CAST('\"spec_version\"' AS BLOB)) > 0"
        if dialect == "sqlite"
        else "position(convert_to('\"spec_version\"', 'UTF8') IN l.body) > 0"
    )
    return f"({has} OR l.type IN ({types}))"


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
    select = "SELECT l.seq AS seq, l.date_added AS date_added FROM ledger l WHERE "
    if shape.ids:
        named = f"l.recipient_id = :recipient AND l.collection_id = :collection AND l.object_id IN ({_several('id', shape.ids)})"
        return f"{select}{named}{filters} AND {_version(shape)}{order}"
    here = f"{select}l.collection_id = :collection AND l.live = "
    if shape.last and not (shape.first or shape.every or shape.versions):
        return f"{here}1{filters}{order}"
    live, older = (f"{here}{flag}{filters} AND {_version(shape)}{order}" for flag in (1, 0))
    return (
        f"SELECT l.seq AS seq, l.date_added AS date_added FROM (SELECT * FROM ({live}) a UNION ALL"
        f" SELECT * FROM ({older}) b) l{order}"
    )


def _version(shape: _Shape) -> str:
    """Which versions of an object fit. A version that was sent again with other content counts as sent last."""
    earlier = "SELECT 1 FROM ledger e WHERE e.recipient_id = :recipient AND e.object_id = l.object_id"
    fits = ["l.live = 1"] if shape.last else []
    fits += [f"NOT EXISTS ({earlier} AND e.version < l.version)"] if shape.first else []
    fits += [f"l.version IN ({_several('version', shape.versions)})"] if shape.versions else []
    fits = ["1 = 1"] if shape.every else fits
    again = f"NOT EXISTS ({earlier} AND e.version = l.version AND e.seq > l.seq)"
    return f"(({' OR '.join(fits) or '1 = 0'}) AND (l.live = 1 OR {again}))"


_ROWS: Final = (
    "WITH found AS MATERIALIZED ({found}),"
    " sized AS (SELECT l.seq AS seq, l.date_added AS date_added, l.salt AS salt, l.body AS body,"
    " sum({length}(l.body)) OVER (ORDER BY l.date_added) - {length}(l.body) AS before"
    " FROM found f JOIN ledger l ON l.recipient_id = :recipient AND l.seq = f.seq"
    " ORDER BY l.date_added LIMIT :limit)"
    f" {{select}} FROM (SELECT * FROM sized WHERE before < {MOST_BYTES} ORDER BY date_added LIMIT :limit) p"
)


def _sql(dialect: str, shape: _Shape, select: str) -> TextClause:
    length = "length" if dialect == "sqlite" else "octet_length"
    return text(_ROWS.format(found=_found(dialect, shape), length=length, select=select))


@lru_cache(maxsize=256)
def _joined(dialect: str, shape: _Shape) -> TextClause:
    joined = (
        "CAST(group_concat(CAST(body AS TEXT), ',') AS BLOB)"
        if dialect == "sqlite"
        else "string_agg(body, CAST(',' AS bytea) ORDER BY date_added)"
    )
    select = (
        "SELECT (SELECT count(*) FROM found) AS found, count(*) AS n, min(date_added) AS first,"
        f" max(date_added) AS last, {joined} AS bodies"
    )
    return _sql(dialect, shape, select)


@lru_cache(maxsize=256)
def _single(dialect: str, shape: _Shape) -> TextClause:
    return _sql(dialect, shape, "SELECT (SELECT count(*) FROM found) AS found, seq, date_added, salt, body")


@lru_cache(maxsize=256)
def _entries(dialect: str, shape: _Shape) -> TextClause:
    return text(
        f"SELECT l.object_id, l.date_added, l.version, {_modern(dialect)} AS modern"
        f" FROM ({_found(dialect, shape)}) f JOIN ledger l ON l.recipient_id = :recipient AND l.seq = f.seq"
        " ORDER BY l.date_added"
    )
