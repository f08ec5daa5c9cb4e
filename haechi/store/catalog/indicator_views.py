"""Lists and counts of what the catalog holds, for people."""

from collections.abc import Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.messages.catalogue import Message, decode
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One live value in a list: its strictest marking, who says so and since when it is known."""

    id: int
    type: str
    text: str
    marking: str
    sources: str
    actors: tuple[str, ...]
    known_at: int
    warning: str


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern that is kept and not evaluated yet."""

    id: int
    source: str
    object_id: str
    pattern_type: str
    pattern: str
    reasons: tuple[Message, ...]
    known_at: int
    gone_at: int | None


def rows(
    conn: Connection,
    *,
    kind: ValueType | None = None,
    source: str = "",
    actor: str = "",
    marking: Tlp | None = None,
    contains: str = "",
    after: int = 0,
    limit: int = 100,
) -> list[Row]:
    """Live values by id, beginning after id `after`; `actor` is looked for in the context, `contains` in the text."""
    where = ["a.gone_at IS NULL", "v.id > :after"]
    arguments: dict[str, Any] = {"after": after, "limit": limit}
    for wanted, clause, value in (
        (kind, "v.type = :kind", kind and kind.value),
        (source, "s.name = :source", source),
        (actor, "lower(ov.context) LIKE :actor ESCAPE '!'", f'%"actors":[%{_like(actor.lower())}%'),
        (contains, "v.text LIKE :contains ESCAPE '!'", f"%{_like(contains)}%"),
    ):
        if wanted:
            where.append(clause)
            arguments[clause.partition(":")[2].split()[0]] = value
    having = ""
    if marking is not None:
        having = "HAVING max(ov.marking) = :marking"
        arguments["marking"] = int(marking)
    joined = (
        "string_agg(DISTINCT s.name, ', ')" if conn.dialect.name == "postgresql" else "group_concat(DISTINCT s.name)"
    )
    sql = (
        f"SELECT v.id, v.type, v.text, max(ov.marking) AS marking, {joined} AS sources, min(a.known_at) AS known_at,"
        " (SELECT min(w.list) FROM value_warning w WHERE w.value_id = v.id) AS warning"
        " FROM value v JOIN assertion a ON a.value_id = v.id JOIN object o ON o.id = a.object_id"
        " JOIN source s ON s.id = o.source_id JOIN object_version ov ON ov.object_id = o.id AND ov.to_at IS NULL"
        f" WHERE {' AND '.join(where)} GROUP BY v.id, v.type, v.text {having}"
        " ORDER BY v.id, v.type, v.text LIMIT :limit"  # as grouped: else SQLite groups all before it gives a page
    )
    found = conn.execute(text(sql), arguments).all()
    actors = _actors(conn, [row.id for row in found])
    return [
        Row(
            id=row.id,
            type=row.type,
            text=row.text,
            marking=Tlp(row.marking).label,
            sources=row.sources,
            actors=actors.get(row.id, ()),
            known_at=row.known_at,
            warning=row.warning or "",
        )
        for row in found
    ]


def every(conn: Connection, *, after: int = 0, page: int = 2000, **wanted: Any) -> Iterator[Row]:
    """As `rows`, all of them, a page at a time in memory."""
    while found := rows(conn, after=after, limit=page, **wanted):
        yield from found
        after = found[-1].id


def _like(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _actors(conn: Connection, ids: list[int]) -> dict[int, tuple[str, ...]]:
    query = text(
        "SELECT a.value_id, ov.context FROM assertion a"
        " JOIN object_version ov ON ov.object_id = a.object_id AND ov.to_at IS NULL"
        " WHERE a.gone_at IS NULL AND a.value_id IN :ids AND ov.context LIKE '%\"actors\"%'"
    ).bindparams(bindparam("ids", expanding=True))
    found: dict[int, dict[str, None]] = {}
    for start in range(0, len(ids), 500):
        for row in conn.execute(query, {"ids": ids[start : start + 500]}):
            names = found.setdefault(row.value_id, {})
            names.update(dict.fromkeys(msgspec.json.decode(row.context).get("actors", ())))
    return {id: tuple(names) for id, names in found.items()}


_PATTERNS = (
    "SELECT p.id, s.name AS source, o.object_id, p.pattern_type, p.pattern, p.reason, p.known_at, p.gone_at"
    " FROM pattern p JOIN object o ON o.id = p.object_id JOIN source s ON s.id = o.source_id"
)


def patterns(conn: Connection, limit: int = 100) -> list[Pattern]:
    """Live patterns that aren't evaluated yet, newest first."""
    rows = conn.execute(text(f"{_PATTERNS} WHERE p.gone_at IS NULL ORDER BY p.id DESC LIMIT :limit"), {"limit": limit})
    return [_pattern(row) for row in rows.mappings()]


def count_patterns(conn: Connection) -> int:
    """How many live patterns there are."""
    return int(conn.execute(text("SELECT count(*) FROM pattern WHERE gone_at IS NULL")).scalar_one())


def patterns_of(conn: Connection, object_id: str) -> list[Pattern]:
    """The patterns, closed ones too, of a source's object of this id; the first thousand."""
    rows = conn.execute(text(f"{_PATTERNS} WHERE o.object_id = :id ORDER BY p.id LIMIT 1000"), {"id": object_id})
    return [_pattern(row) for row in rows.mappings()]


def _pattern(row: Any) -> Pattern:
    return Pattern(reasons=decode(row["reason"]), **{name: row[name] for name in row if name != "reason"})


def stats(conn: Connection) -> dict[str, Any]:
    """Counts: values by type, assertions by source and marking, what is kept out of matching and why."""

    def pairs(sql: str) -> dict[str, int]:
        return {str(row[0]): int(row[1]) for row in conn.execute(text(sql))}

    def one(sql: str) -> int:
        return int(conn.execute(text(sql)).scalar_one())

    live = "SELECT value_id FROM assertion WHERE gone_at IS NULL"
    by_marking = pairs(
        "SELECT ov.marking, count(*) FROM assertion a JOIN object_version ov"
        " ON ov.object_id = a.object_id AND ov.to_at IS NULL WHERE a.gone_at IS NULL GROUP BY 1 ORDER BY 1"
    )
    return {
        "values": one("SELECT count(*) FROM value"),
        "live_values": one(f"SELECT count(*) FROM value WHERE id IN ({live})"),
        "by_type": pairs(f"SELECT type, count(*) FROM value WHERE id IN ({live}) GROUP BY 1 ORDER BY 2 DESC"),
        "live_assertions": one("SELECT count(*) FROM assertion WHERE gone_at IS NULL"),
        "closed_assertions": one("SELECT count(*) FROM assertion WHERE gone_at IS NOT NULL"),
        "by_source": pairs(
            "SELECT s.name, count(*) FROM assertion a JOIN object o ON o.id = a.object_id"
            " JOIN source s ON s.id = o.source_id WHERE a.gone_at IS NULL GROUP BY 1 ORDER BY 2 DESC"
        ),
        "by_marking": {Tlp(int(level)).label: count for level, count in by_marking.items()},
        "known_how": pairs(
            "SELECT k.how, count(*) FROM assertion a JOIN known_how k ON k.id = a.known_how GROUP BY 1 ORDER BY 1"
        ),
        "warning_listed": one("SELECT count(DISTINCT value_id) FROM value_warning"),
        "by_warning_list": pairs("SELECT list, count(*) FROM value_warning GROUP BY 1 ORDER BY 2 DESC"),
        "false_positives": one(
            "SELECT count(*) FROM verdict WHERE id IN (SELECT max(id) FROM verdict GROUP BY value_id)"
            " AND verdict = 'false-positive'"
        ),
        "patterns_not_evaluated": count_patterns(conn),
    }


def context_of(conn: Connection, object_id: str) -> dict[str, Any] | None:
    """A source's object of this id that is no indicator, as it counts now, its bytes under `raw`; the first of several."""
    row = conn.execute(
        text(
            "SELECT o.object_id AS id, o.type, s.name AS source, o.creator, v.version, v.marking, v.raw FROM source s"
            " CROSS JOIN object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
            " WHERE o.source_id = s.id AND o.object_id = :id AND o.type <> 'indicator' ORDER BY o.id LIMIT 1"
        ),
        {"id": object_id},
    ).first()
    if row is None:
        return None
    return dict(row._mapping) | {"marking": Tlp(row.marking).label, "raw": bytes(row.raw)}
