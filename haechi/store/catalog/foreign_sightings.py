"""What partners say of indicators: seen, false positive, expired; and how far each source's own word holds.

A word names an indicator by its id: as its source gave it to us, or as we gave it out (then the ledger knows which value
of which list it was). Values come by join, so a sighting may be here before its indicator. When a value's last assertion
goes, its sightings of foreign origin go (DATA-MODEL.md, 3). Times are microseconds UTC.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word

COLUMNS: Final = ("indicator_id", "kind", "count", "first", "last", "where_refs")
_AT_ONCE: Final = 500  # values asked for together

# Each word with the values it is about. CROSS JOIN keeps SQLite from reading all objects: sources and recipients are few.
_RESOLVED: Final = (
    "SELECT f.object_row, f.kind, a.value_id FROM foreign_sighting f CROSS JOIN source s"
    " JOIN object o ON o.source_id = s.id AND o.object_id = f.indicator_id JOIN assertion a ON a.object_id = o.id"
    " UNION SELECT f.object_row, f.kind, l.value_id FROM foreign_sighting f CROSS JOIN recipient r"
    " JOIN ledger l ON l.recipient_id = r.id AND l.object_id = f.indicator_id WHERE l.value_id > 0"
)
# The ids under which these values' indicators are known here or were given out.
_NAMES: Final = (
    "SELECT a.value_id, o.object_id AS name FROM assertion a JOIN object o ON o.id = a.object_id"
    " WHERE a.value_id IN :ids"
    " UNION SELECT a.value_id, l.object_id FROM assertion a CROSS JOIN recipient r JOIN ledger l"
    " ON l.recipient_id = r.id AND l.object_row = a.object_id AND l.value_id = a.value_id WHERE a.value_id IN :ids"
)


class Foreign(msgspec.Struct, frozen=True, kw_only=True):
    """One partner's word on a value, with where that was, as far as the partner says."""

    source: str
    kind: Kind
    count: int
    first: int | None
    last: int | None
    sectors: tuple[str, ...]
    country: str
    marking: Tlp


class Trust(msgspec.Struct, frozen=True, kw_only=True):
    """A source and how far its word holds: of how many values others said that it is right, and of how many not."""

    source: str
    own: bool
    marking: Tlp  # of what it leaves unmarked
    assertions: int  # that count now
    confirmed: int  # values that an analyst confirmed, or that another source saw
    refuted: int  # values that an analyst or another source calls a false positive


def row(word: Word) -> tuple[Any, ...]:
    """The word as `COLUMNS`."""
    where = msgspec.json.encode(word.where).decode()
    return word.of, word.kind.value, word.count, word.first, word.last, where


def about(conn: Connection, value_ids: Sequence[int]) -> dict[int, tuple[Foreign, ...]]:
    """What partners say of these values, the latest first; our own sightings aren't among it."""
    if conn.execute(text("SELECT 1 FROM foreign_sighting LIMIT 1")).first() is None:
        return {}
    query = text(
        f"SELECT n.value_id, f.object_row, f.kind, f.count, f.first, f.last, f.where_refs, s.id AS source_id, s.name,"
        f" v.marking FROM ({_NAMES}) n JOIN foreign_sighting f ON f.indicator_id = n.name"
        " JOIN object o ON o.id = f.object_row JOIN source s ON s.id = o.source_id AND s.own = 0"
        " JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
    ).bindparams(bindparam("ids", expanding=True))
    found: dict[int, list[Foreign]] = {}
    for start in range(0, len(value_ids), _AT_ONCE):
        for one in conn.execute(query, {"ids": list(value_ids[start : start + _AT_ONCE])}).all():
            sectors, country = _where(conn, one.source_id, msgspec.json.decode(one.where_refs, type=list[str]))
            found.setdefault(one.value_id, []).append(
                Foreign(
                    source=one.name,
                    kind=Kind(one.kind),
                    count=one[3],
                    first=one.first,
                    last=one.last,
                    sectors=sectors,
                    country=country,
                    marking=Tlp(one.marking),
                )
            )
    return {id: tuple(sorted(said, key=lambda one: -(one.last or one.first or 0))) for id, said in found.items()}


def _where(conn: Connection, source_id: int, refs: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The sectors and the country that a source's own identities and locations name."""
    if not refs:
        return (), ""
    query = text(
        "SELECT v.raw FROM object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
        " WHERE o.source_id = :source AND o.object_id IN :refs AND o.type IN ('identity', 'location') ORDER BY o.id"
    ).bindparams(bindparam("refs", expanding=True))
    sectors: list[str] = []
    country = ""
    for one in conn.execute(query, {"source": source_id, "refs": list(refs)}):
        item = msgspec.json.decode(bytes(one.raw))
        named = item.get("sectors")
        sectors += [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
        said = item.get("country")
        country = country or (said if isinstance(said, str) else "")
    return tuple(dict.fromkeys(sectors)), country


def trust(conn: Connection) -> list[Trust]:
    """Every source by name. A source's own words never count for or against itself."""
    live = _by_source(
        conn,
        "SELECT o.source_id, count(*), 0 FROM assertion a JOIN object o ON o.id = a.object_id"
        " WHERE a.gone_at IS NULL GROUP BY o.source_id",
    )
    judged = _by_source(
        conn,
        f"WITH word AS (SELECT r.value_id, o.source_id, r.kind FROM ({_RESOLVED}) r JOIN object o ON o.id = r.object_row"
        " UNION ALL SELECT value_id, 0, verdict FROM verdict WHERE id IN (SELECT max(id) FROM verdict GROUP BY value_id))"
        " SELECT o.source_id, count(DISTINCT CASE WHEN w.kind IN ('seen', 'confirmed') THEN w.value_id END),"
        " count(DISTINCT CASE WHEN w.kind = 'false-positive' THEN w.value_id END) FROM word w"
        " JOIN assertion a ON a.value_id = w.value_id JOIN object o ON o.id = a.object_id AND o.source_id <> w.source_id"
        " GROUP BY o.source_id",
    )
    rows = conn.execute(text("SELECT id, name, own, marking FROM source ORDER BY name")).all()
    return [
        Trust(
            source=one.name,
            own=bool(one.own),
            marking=Tlp(one.marking),
            assertions=live.get(one.id, (0, 0))[0],
            confirmed=judged.get(one.id, (0, 0))[0],
            refuted=judged.get(one.id, (0, 0))[1],
        )
        for one in rows
    ]


def sources(conn: Connection) -> list[str]:
    """The names of all sources, ours and others'."""
    return list(conn.execute(text("SELECT name FROM source ORDER BY name")).scalars())


def _by_source(conn: Connection, sql: str) -> dict[int, tuple[int, int]]:
    return {one[0]: (int(one[1]), int(one[2])) for one in conn.execute(text(sql))}


def forget_gone(conn: Connection, *, at: int, change: int) -> int:
    """Close the sightings of values whose last assertion went at `at`, in that transaction; how many objects.

    The sighting's version no longer counts; `change` (exchange_tables.CHANGES) tells release to look at it anew.
    """
    if conn.execute(text("SELECT 1 FROM foreign_sighting LIMIT 1")).first() is None:
        return 0
    gone = conn.execute(
        text(
            f"WITH resolved AS ({_RESOLVED}) SELECT DISTINCT r.object_row FROM resolved r"
            " JOIN assertion a ON a.value_id = r.value_id AND a.gone_at = :at WHERE NOT EXISTS"
            " (SELECT 1 FROM resolved x JOIN assertion b ON b.value_id = x.value_id AND b.gone_at IS NULL"
            " WHERE x.object_row = r.object_row)"
        ),
        {"at": at},
    )
    rows = [one[0] for one in gone]
    if rows:
        for part in _parts(rows):
            _each(conn, "UPDATE object_version SET to_at = :at WHERE to_at IS NULL AND object_id IN :rows", part, at=at)
            _each(conn, "UPDATE object SET changed = :change WHERE id IN :rows", part, change=change)
            _each(conn, "DELETE FROM foreign_sighting WHERE object_row IN :rows", part)
    return len(rows)


def rows_about(conn: Connection, indicator_id: str) -> list[int]:
    """The catalog objects (sightings, opinions) that say a word on the indicator of this id: a withdrawal takes them."""
    found = conn.execute(
        text("SELECT DISTINCT object_row FROM foreign_sighting WHERE indicator_id = :id"), {"id": indicator_id}
    )
    return [one[0] for one in found]


def _parts(rows: Sequence[int]) -> Iterator[list[int]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield list(rows[start : start + _AT_ONCE])


def _each(conn: Connection, sql: str, rows: list[int], **arguments: int) -> None:
    conn.execute(text(sql).bindparams(bindparam("rows", expanding=True)), {"rows": rows} | arguments)
