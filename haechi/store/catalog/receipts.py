"""Receipts and confirmations, ours and theirs, as signed: the evidence of an exchange. None names an object."""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from sqlalchemy import Connection, text

Direction = Literal["sent", "received"]  # whose slice it is, as seen from here
_KEPT: Final = 100  # of a collection and direction that agree; all that don't agree are kept


class ReceiptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange of receipts. `at` in microseconds UTC; `ours` and `theirs` are signed JSON."""

    recipient_id: int
    direction: Direction
    collection: str
    epoch: int
    size: int
    root: bytes
    at: int
    agreed: bool
    ours: str
    theirs: str


class ConfirmationRow(msgspec.Struct, frozen=True, kw_only=True):
    """A peer's signed word on one withdrawal of ours; None where it has not confirmed yet."""

    seq: int
    date_added: int
    at: int | None
    word: str | None


def keep(conn: Connection, row: ReceiptRow) -> None:
    """Add an exchange of receipts; of those that agree the oldest give way."""
    conn.execute(
        text(
            "INSERT INTO receipt (recipient_id, direction, collection, epoch, size, root, at, agreed, ours, theirs)"
            " VALUES (:recipient_id, :direction, :collection, :epoch, :size, :root, :at, :agreed, :ours, :theirs)"
        ),
        {**msgspec.structs.asdict(row), "agreed": int(row.agreed)},
    )
    key = {"recipient": row.recipient_id, "direction": row.direction, "collection": row.collection, "kept": _KEPT}
    which = "recipient_id = :recipient AND direction = :direction AND collection = :collection AND agreed = 1"
    conn.execute(
        text(
            f"DELETE FROM receipt WHERE {which} AND id <="
            f" (SELECT id FROM receipt WHERE {which} ORDER BY id DESC LIMIT 1 OFFSET :kept)"
        ),
        key,
    )


def last(conn: Connection, recipient_id: int) -> list[ReceiptRow]:
    """The last exchange of each collection and direction."""
    found = conn.execute(
        text(
            "SELECT recipient_id, direction, collection, epoch, size, root, at, agreed, ours, theirs FROM receipt"
            " WHERE id IN (SELECT max(id) FROM receipt WHERE recipient_id = :recipient"
            " GROUP BY direction, collection) ORDER BY direction, collection"
        ),
        {"recipient": recipient_id},
    )
    return [ReceiptRow(**{**row._mapping, "root": bytes(row.root), "agreed": bool(row.agreed)}) for row in found]


def confirm(conn: Connection, recipient_id: int, seqs: Sequence[int], *, at: int, word: str) -> int:
    """Keep a peer's word on withdrawals of ours; how many of them are such. A later word on the same stands beside none."""
    known = conn.execute(
        text(
            "SELECT seq FROM ledger WHERE recipient_id = :recipient AND action = 2 AND seq >= :first AND seq <= :last"
        ),
        {"recipient": recipient_id, "first": min(seqs), "last": max(seqs)},
    ).scalars()
    taken = sorted(set(seqs) & set(known))
    for seq in taken:
        conn.execute(
            text(
                "INSERT INTO confirmation (recipient_id, seq, at, word) VALUES (:recipient, :seq, :at, :word)"
                " ON CONFLICT (recipient_id, seq) DO NOTHING"
            ),
            {"recipient": recipient_id, "seq": seq, "at": at, "word": word},
        )
    return len(taken)


def first_unconfirmed(conn: Connection, recipient_id: int) -> int | None:
    """The first of our withdrawals that the peer hasn't confirmed; None where there is none."""
    found = conn.execute(
        text(
            "SELECT min(l.seq) FROM ledger l"
            " LEFT JOIN confirmation c ON c.recipient_id = l.recipient_id AND c.seq = l.seq"
            " WHERE l.recipient_id = :recipient AND l.action = 2 AND c.seq IS NULL"
        ),
        {"recipient": recipient_id},
    ).scalar()
    return None if found is None else int(found)


def confirmations(conn: Connection, recipient_id: int, *, limit: int = 100) -> list[ConfirmationRow]:
    """Our withdrawals from a peer, the latest first, each with the peer's word where there is one."""
    found = conn.execute(
        text(
            "SELECT l.seq, l.date_added, c.at, c.word FROM ledger l"
            " LEFT JOIN confirmation c ON c.recipient_id = l.recipient_id AND c.seq = l.seq"
            " WHERE l.recipient_id = :recipient AND l.action = 2 ORDER BY l.seq DESC LIMIT :limit"
        ),
        {"recipient": recipient_id, "limit": limit},
    )
    return [ConfirmationRow(**row._mapping) for row in found]


def counts(conn: Connection, recipient_id: int) -> tuple[int, int]:
    """How many withdrawals there are in a peer's slice, and how many it has confirmed."""
    row = conn.execute(
        text(
            "SELECT count(*) AS n, count(c.seq) AS confirmed FROM ledger l"
            " LEFT JOIN confirmation c ON c.recipient_id = l.recipient_id AND c.seq = l.seq"
            " WHERE l.recipient_id = :recipient AND l.action = 2"
        ),
        {"recipient": recipient_id},
    ).one()
    return row.n, row.confirmed
