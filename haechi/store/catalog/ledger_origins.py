"""Where the objects of a slice first stood in it, and which of its stretches lost something: for what is cut into parts.

A slice cut by the sequence of each object's first row never moves an object from part to part, whatever is superseded or
withdrawn. What is withdrawn leaves no id, so a stretch is named by its length alone.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, text

from haechi.store.catalog.ledger import Action

_AT_ONCE = 1000  # rows asked for together


def first_seqs(conn: Connection, recipient_id: int) -> dict[int, int]:
    """Of each live row that supersedes an earlier one: the sequence of the object's first row."""
    query = text(
        "SELECT l.seq, min(e.seq) AS first FROM ledger l JOIN ledger e"
        " ON e.recipient_id = l.recipient_id AND e.object_id = l.object_id"
        f" WHERE l.recipient_id = :recipient AND l.live = 1 AND l.action = {int(Action.SUPERSEDE)} GROUP BY l.seq"
    )
    return {row.seq: row.first for row in conn.execute(query, {"recipient": recipient_id})}


def withdrawn(conn: Connection, recipient_id: int, *, part: int) -> dict[int, int]:
    """When something of a stretch of `part` sequences was last withdrawn, by the stretch's number, from 0.

    The sequence is of the row that was taken back, which may be later than the object's first.
    """
    query = text(
        "SELECT (of_seq - 1) / :part AS stretch, max(date_added) AS at FROM ledger WHERE recipient_id = :recipient"
        f" AND action = {int(Action.WITHDRAW)} GROUP BY (of_seq - 1) / :part"
    )
    return {row.stretch: row.at for row in conn.execute(query, {"recipient": recipient_id, "part": part})}


def bodies(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> list[bytes]:
    """The bodies of these rows, in order of sequence; one that was withdrawn meanwhile is left out."""
    query = text(
        "SELECT seq, body FROM ledger WHERE recipient_id = :recipient AND seq IN :seqs AND live = 1 ORDER BY seq"
    ).bindparams(bindparam("seqs", expanding=True))
    found: list[bytes] = []
    for start in range(0, len(seqs), _AT_ONCE):
        rows = conn.execute(query, {"recipient": recipient_id, "seqs": list(seqs[start : start + _AT_ONCE])})
        found += [bytes(row.body) for row in rows if row.body is not None]
    return found
