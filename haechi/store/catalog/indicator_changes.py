"""What people and checks say about values: verdicts, expiry, warning lists. Append or close, never overwrite."""

from collections.abc import Iterable, Iterator

from sqlalchemy import Connection, text

from haechi.model.errors import NotFound, UsageError
from haechi.model.indicator import ValueType, Verdict
from haechi.store.catalog.indicators import grow, values

CONFIRMED, FALSE_POSITIVE = "confirmed", "false-positive"


def add_verdict(conn: Connection, verdict: Verdict) -> None:
    """Append a judgement. The last one counts: a false positive leaves matching until it is confirmed again."""
    if verdict.verdict not in (CONFIRMED, FALSE_POSITIVE):
        raise UsageError(f"no verdict {verdict.verdict!r}", advice=f"Say {CONFIRMED} or {FALSE_POSITIVE}")
    if not values(conn, [verdict.value_id]):
        raise NotFound(f"no value {verdict.value_id}")
    conn.execute(
        text(
            "INSERT INTO verdict (value_id, verdict, at, by, evidence)"
            " VALUES (:value_id, :verdict, :at, :by, :evidence)"
        ),
        {
            "value_id": verdict.value_id,
            "verdict": verdict.verdict,
            "at": verdict.at,
            "by": verdict.by,
            "evidence": verdict.evidence,
        },
    )
    grow(conn)


def verdicts(conn: Connection, value_id: int) -> list[Verdict]:
    """All judgements of a value, oldest first."""
    rows = conn.execute(
        text("SELECT value_id, verdict, at, by, evidence FROM verdict WHERE value_id = :id ORDER BY id"),
        {"id": value_id},
    )
    return [Verdict(value_id=r.value_id, verdict=r.verdict, at=r.at, by=r.by, evidence=r.evidence) for r in rows]


def expire(conn: Connection, value_id: int, *, at: int, why: str, source: str = "") -> int:
    """Close a value's live assertions, of one source or of all; how many there were."""
    only = " AND object_id IN (SELECT o.id FROM object o JOIN source s ON s.id = o.source_id WHERE s.name = :source)"
    closed = conn.execute(
        text(
            "UPDATE assertion SET gone_at = :at, gone_why = :why WHERE gone_at IS NULL AND value_id = :id"
            + (only if source else "")
        ),
        {"at": at, "why": why, "id": value_id} | ({"source": source} if source else {}),
    ).rowcount
    if closed:
        grow(conn)
    return closed


def expire_outdated(conn: Connection, *, at: int) -> int:
    """Close the live assertions whose validity ended before `at`; how many there were."""
    closed = conn.execute(
        text(
            "UPDATE assertion SET gone_at = :at, gone_why = 'its validity ended' WHERE gone_at IS NULL AND object_id IN"
            " (SELECT object_id FROM object_version WHERE to_at IS NULL AND valid_until < :at)"
        ),
        {"at": at},
    ).rowcount
    if closed:
        grow(conn)
    return closed


def values_above(conn: Connection, id: int) -> Iterator[tuple[ValueType, list[int], list[str]]]:
    """Values with an id above this, type by type in blocks: their ids and texts."""
    block = 50_000
    kinds = [row[0] for row in conn.execute(text("SELECT DISTINCT type FROM value WHERE id > :id"), {"id": id})]
    for kind in kinds:
        last = id
        while True:
            rows = conn.execute(
                text("SELECT id, text FROM value WHERE id > :last AND type = :kind ORDER BY id LIMIT :block"),
                {"last": last, "kind": kind, "block": block},
            ).all()
            if not rows:
                break
            yield ValueType(kind), [row[0] for row in rows], [row[1] for row in rows]
            last = rows[-1][0]


def set_warnings(conn: Connection, hits: Iterable[tuple[int, str]]) -> int:
    """Keep (value id, name of a warning list): those values are left out of matching. How many hits are new."""
    rows = [{"id": id, "list": name} for id, name in hits]
    if not rows:
        return 0
    before = conn.execute(text("SELECT count(*) FROM value_warning")).scalar_one()
    conn.execute(text("INSERT INTO value_warning (value_id, list) VALUES (:id, :list) ON CONFLICT DO NOTHING"), rows)
    added = int(conn.execute(text("SELECT count(*) FROM value_warning")).scalar_one() - before)
    if added:
        grow(conn)
    return added


def clear_warnings(conn: Connection) -> None:
    """Forget all hits, before every value is looked up on a new edition of the lists."""
    if conn.execute(text("DELETE FROM value_warning")).rowcount:
        grow(conn)


def warnings(conn: Connection, value_id: int) -> list[str]:
    """The warning lists that keep a value out of matching."""
    rows = conn.execute(text("SELECT list FROM value_warning WHERE value_id = :id ORDER BY list"), {"id": value_id})
    return [row[0] for row in rows]
