"""What people and checks say about values: verdicts, expiry, warning lists. Append or close, never overwrite."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, text

from haechi.messages.catalogue import Message, encode
from haechi.model.errors import NotFound, UsageError
from haechi.model.indicator import ValueType, Verdict
from haechi.store.catalog import driver
from haechi.store.catalog.exchange_tables import CHANGES
from haechi.store.catalog.foreign_sightings import forget_gone
from haechi.store.catalog.indicators import grow, values
from haechi.store.catalog.recipients import count

CONFIRMED, FALSE_POSITIVE = "confirmed", "false-positive"


def add_verdict(conn: Connection, verdict: Verdict) -> None:
    """Append a judgement. The last one counts: a false positive leaves matching until it is confirmed again."""
    if verdict.verdict not in (CONFIRMED, FALSE_POSITIVE):
        raise UsageError("indicators.no_verdict", verdict=verdict.verdict)
    if not values(conn, [verdict.value_id]):
        raise NotFound("catalog.no_value", id=verdict.value_id)
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
    """Close a value's live assertions, of one source or of all; how many there were. `why` is in the caller's words."""
    only = " AND object_id IN (SELECT o.id FROM object o JOIN source s ON s.id = o.source_id WHERE s.name = :source)"
    which = "gone_at IS NULL AND value_id = :id" + (only if source else "")
    return _close(
        conn, which, {"id": value_id} | ({"source": source} if source else {}), at, Message("gone.said", {"why": why})
    )


def expire_outdated(conn: Connection, *, at: int) -> int:
    """Close the live assertions whose validity ended before `at`; how many there were."""
    outdated = "SELECT object_id FROM object_version WHERE to_at IS NULL AND valid_until <= :until"
    return _close(conn, f"gone_at IS NULL AND object_id IN ({outdated})", {"until": at}, at, Message("gone.outdated"))


def close_object(conn: Connection, object_row: int, *, at: int) -> int:
    """Close an object whose source took it back: its version no longer counts, nor what it asserts; how many values."""
    key = {"object": object_row, "at": at}
    conn.execute(text("UPDATE object_version SET to_at = :at WHERE object_id = :object AND to_at IS NULL"), key)
    conn.execute(text("UPDATE pattern SET gone_at = :at WHERE object_id = :object AND gone_at IS NULL"), key)
    change = count(conn, CHANGES)
    conn.execute(
        text("UPDATE object SET changed = :change WHERE id = :object"), {"change": change, "object": object_row}
    )
    return _close(
        conn, "gone_at IS NULL AND object_id = :object", {"object": object_row}, at, Message("gone.taken_back")
    )


def _close(conn: Connection, which: str, arguments: dict[str, Any], at: int, why: Message) -> int:
    """Close the assertions that fit, and stamp their objects, so that release looks at them anew."""
    change = count(conn, CHANGES)
    conn.execute(
        text(f"UPDATE object SET changed = :change WHERE id IN (SELECT object_id FROM assertion WHERE {which})"),
        {"change": change} | arguments,
    )
    closed = conn.execute(
        text(f"UPDATE assertion SET gone_at = :at, gone_why = :why WHERE {which}"),
        {"at": at, "why": encode([why])} | arguments,
    ).rowcount
    if closed:
        forget_gone(conn, at=at, change=change)
        grow(conn)
    return closed


def values_above(conn: Connection, id: int) -> Iterator[tuple[ValueType, list[int], list[str]]]:
    """Values with an id above this, type by type in blocks: their ids and texts."""
    for kind in ValueType:
        sql = f"SELECT id, text FROM value WHERE type = '{kind.value}' AND id > {int(id)}"
        for found in driver.rows(conn, sql):
            ids, texts = zip(*found, strict=True)
            yield kind, list(ids), list(texts)


def set_warnings(conn: Connection, hits: Iterable[tuple[int, str]]) -> int:
    """Keep (value id, name of a warning list) of values that have none yet; they leave matching. How many rows."""
    rows = set(hits)
    if rows:
        driver.insert(conn, "value_warning", ("value_id", "list"), sorted(rows))
        grow(conn)
    return len(rows)


def clear_warnings(conn: Connection) -> None:
    """Forget all hits, before every value is looked up on a new edition of the lists."""
    if conn.execute(text("DELETE FROM value_warning")).rowcount:
        grow(conn)


def warnings(conn: Connection, value_id: int) -> list[str]:
    """The warning lists that keep a value out of matching."""
    rows = conn.execute(text("SELECT list FROM value_warning WHERE value_id = :id ORDER BY list"), {"id": value_id})
    return [row[0] for row in rows]
