"""The ledger without its objects: what a peer compares with what it has, row by row or as one root."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, text

from haechi.model.merkle import Tree
from haechi.store.catalog.ledger import Action
from haechi.store.catalog.recipients import CollectionRow

_AT_ONCE: Final = 10_000


class Leaf(NamedTuple):
    """A row by what of it never goes."""

    seq: int
    date: int
    leaf: bytes
    withdraws: bool


class Withdrawal(NamedTuple):
    """A withdrawal, and the rows of the object that it took back, the last version's first."""

    seq: int
    of: list[int]


def between(
    conn: Connection, collection: CollectionRow, *, after: int, upto: int, hidden: bool = False, limit: int = _AT_ONCE
) -> list[Leaf]:
    """The rows after one sequence and up to another, in order; with `hidden` only those that no page shows."""
    only = " AND live = 0" if hidden else ""
    found = conn.execute(
        text(
            "SELECT seq, date_added, leaf, action FROM ledger WHERE recipient_id = :recipient"
            f" AND collection_id = :collection AND seq > :after AND seq <= :upto{only} ORDER BY seq LIMIT :limit"
        ),
        {
            "recipient": collection.recipient_id,
            "collection": collection.id,
            "after": after,
            "upto": upto,
            "limit": limit,
        },
    )
    return [Leaf(row.seq, row.date_added, bytes(row.leaf), row.action == Action.WITHDRAW) for row in found]


def tree(conn: Connection, collection: CollectionRow, *, after: int, upto: int) -> Tree:
    """The Merkle tree of just the rows after one sequence and up to another.

    The whole collection's is the one that is stored; any other is made of its rows, a million in three seconds.
    """
    if after == 0 and upto >= collection.last_seq:
        return Tree(collection.size, collection.frontier)
    made = Tree()
    for leaf in _every(conn, collection, after, upto):
        made.add(leaf.leaf)
    return made


def _every(conn: Connection, collection: CollectionRow, after: int, upto: int) -> Iterator[Leaf]:
    while found := between(conn, collection, after=after, upto=upto):
        yield from found
        after = found[-1].seq


def withdrawals(conn: Connection, recipient_id: int, *, after: int, limit: int, versions: int) -> list[Withdrawal]:
    """The withdrawals after a sequence, in order, each with at most so many rows of its object."""
    rows = conn.execute(
        text(
            "SELECT seq, of_seq FROM ledger WHERE recipient_id = :recipient AND seq > :after"
            f" AND action = {int(Action.WITHDRAW)} ORDER BY seq LIMIT :limit"
        ),
        {"recipient": recipient_id, "after": after, "limit": limit},
    ).all()
    chains = {row.seq: [int(row.of_seq)] for row in rows}
    ends = {row.of_seq: row.seq for row in rows}
    while ends:  # a step back for all of them at once
        ends = {
            before: ends[seq]
            for seq, before in _before(conn, recipient_id, list(ends))
            if len(chains[ends[seq]]) < versions
        }
        for before, end in ends.items():
            chains[end].append(before)
    return [Withdrawal(seq, chain) for seq, chain in chains.items()]


def _before(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> list[tuple[int, int]]:
    """Of rows that superseded another: their sequence and the other's."""
    query = text(
        "SELECT seq, of_seq FROM ledger WHERE recipient_id = :recipient AND seq IN :seqs AND of_seq IS NOT NULL"
        " AND action = :supersede"
    ).bindparams(bindparam("seqs", expanding=True))
    found: list[tuple[int, int]] = []
    for start in range(0, len(seqs), 1000):
        part = {"recipient": recipient_id, "seqs": seqs[start : start + 1000], "supersede": int(Action.SUPERSEDE)}
        found += [(row.seq, row.of_seq) for row in conn.execute(query, part)]
    return found
