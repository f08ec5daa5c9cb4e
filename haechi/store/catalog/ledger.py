"""The release ledger: what each recipient was given, had replaced or taken back, in order (DESIGN.md, idea 4).

Append-only but for what a withdrawal must take along: body, salt, id and the catalog's ids of every earlier row of that
object. A row's sequence and date are drawn under the recipient's row lock, held to commit, so a reader who has seen one
row has seen all before it. Paging, manifest, delta cursor, receipt, withdrawal, preview and air-gap file read only this.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from itertools import islice
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select, text, update

from haechi.model.canonical import digest, encoded
from haechi.model.merkle import HASH, Tree, leaf_of
from haechi.store.catalog import driver
from haechi.store.catalog.exchange_tables import COLLECTION, RECIPIENT

_AT_ONCE: Final = 10_000  # rows written together
_BACK_AT_ONCE: Final = 500  # rows taken back together
_COLUMNS: Final = (
    "recipient_id", "seq", "date_added", "collection_id", "action", "live", "leaf", "of_seq", "reason", "salt",
    "object_id", "type", "version", "object_row", "value_id", "body",
)  # fmt: skip


class Action(IntEnum):
    """What a row did."""

    RELEASE = 0
    SUPERSEDE = 1  # a newer version of what was released
    WITHDRAW = 2


class Outgoing(NamedTuple):
    """One object that is to leave. `collection` by name; `version` is modified, 0 for an object without versions."""

    collection: str
    object_id: str
    type: str
    version: int
    body: bytes
    object_row: int
    value_id: int
    reason: str  # messages, encoded
    digest: bytes = b""  # of the body, where the caller has it already


class Taken(NamedTuple):
    """One object that is to be taken back, by the sequence of its live row."""

    seq: int
    reason: str  # messages, encoded


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row as read; what a withdrawal took is None."""

    seq: int
    date_added: int
    collection_id: int
    action: Action
    live: bool
    leaf: bytes
    of_seq: int | None
    reason: str
    salt: bytes | None
    object_id: str | None
    type: str | None
    version: int | None
    body: bytes | None


class Written(msgspec.Struct, kw_only=True):
    """What a change of a slice did."""

    released: int = 0
    superseded: int = 0
    withdrawn: int = 0
    first_seq: int = 0  # of the rows written; 0 where there are none
    last_seq: int = 0


class _Head:
    """The end of a recipient's slice, locked until the transaction ends."""

    def __init__(self, conn: Connection, recipient_id: int, now: int) -> None:
        # An update first: on PostgreSQL it takes the row's lock, so that the next line reads what is committed.
        conn.execute(update(RECIPIENT).where(RECIPIENT.c.id == recipient_id).values(last_seq=RECIPIENT.c.last_seq))
        found = conn.execute(
            select(RECIPIENT.c.last_seq, RECIPIENT.c.last_date).where(RECIPIENT.c.id == recipient_id)
        ).one()
        self.recipient_id, self.seq, self.date, self._now = recipient_id, found.last_seq, found.last_date, now
        rows = conn.execute(select(COLLECTION).where(COLLECTION.c.recipient_id == recipient_id)).all()
        self.trees = {row.id: Tree(row.size, row.frontier) for row in rows}
        self._last = {row.id: row.last_seq for row in rows}
        self.names = {row.name: row.id for row in rows}

    def next(self, collection_id: int, leaf: bytes) -> tuple[int, int]:
        """The next sequence and date; the leaf joins its collection's tree."""
        self.seq += 1
        self.date = max(self.date + 1, self._now)
        self.trees[collection_id].add(leaf)
        self._last[collection_id] = self.seq
        return self.seq, self.date

    def store(self, conn: Connection) -> None:
        conn.execute(
            update(RECIPIENT).where(RECIPIENT.c.id == self.recipient_id).values(last_seq=self.seq, last_date=self.date)
        )
        for id, tree in self.trees.items():
            grown = {"size": tree.size, "frontier": tree.frontier, "last_seq": self._last[id]}
            conn.execute(update(COLLECTION).where(COLLECTION.c.id == id).values(**grown))


def write(
    conn: Connection, recipient_id: int, outgoing: Iterable[Outgoing], taken: Iterable[Taken] = (), *, now: int
) -> Written:
    """Release, supersede and withdraw in the caller's transaction; withdrawals first.

    An object that the recipient has already is superseded: its row stays, is no longer live, and can be read as an older
    version. Raises BadInput for a body without a canonical form; nothing is written then if the caller rolls back.
    """
    head, done = _Head(conn, recipient_id, now), Written()
    before = head.seq
    leaving = iter(taken)
    while back := list(islice(leaving, _BACK_AT_ONCE)):
        _withdraw(conn, head, back, done)
    remaining = iter(outgoing)
    while chunk := list(islice(remaining, _AT_ONCE)):
        _release(conn, head, chunk, done)
    head.store(conn)
    if head.seq > before:
        done.first_seq, done.last_seq = before + 1, head.seq
    return done


def _release(conn: Connection, head: _Head, chunk: Sequence[Outgoing], done: Written) -> None:
    had = _live(conn, head.recipient_id, [one.object_id for one in chunk])
    salts = os.urandom(HASH * len(chunk))
    rows: list[tuple[Any, ...]] = []
    replaced: list[int] = []
    for place, one in enumerate(chunk):
        salt = salts[place * HASH : (place + 1) * HASH]
        leaf = leaf_of(salt, one.digest or digest(one.body))
        collection = head.names[one.collection]
        seq, date = head.next(collection, leaf)
        of_seq = had.get(one.object_id)
        action = Action.RELEASE if of_seq is None else Action.SUPERSEDE
        if of_seq is not None:
            replaced.append(of_seq)
        had[one.object_id] = seq
        rows.append(
            (
                head.recipient_id, seq, date, collection, int(action), 1, leaf, of_seq, one.reason, salt, one.object_id,
                one.type, one.version or date, one.object_row, one.value_id, one.body,
            )
        )  # fmt: skip
        done.released += action is Action.RELEASE
        done.superseded += action is Action.SUPERSEDE
    driver.insert(conn, "ledger", _COLUMNS, rows)
    _retire(conn, head.recipient_id, replaced)


def _live(conn: Connection, recipient_id: int, object_ids: Sequence[str]) -> dict[str, int]:
    """The live row's sequence of those objects that the recipient has."""
    query = text(
        "SELECT object_id, seq FROM ledger WHERE recipient_id = :recipient AND object_id IN :ids AND live = 1"
    ).bindparams(bindparam("ids", expanding=True))
    found: dict[str, int] = {}
    for start in range(0, len(object_ids), 1000):
        part = object_ids[start : start + 1000]
        found.update((row.object_id, row.seq) for row in conn.execute(query, {"recipient": recipient_id, "ids": part}))
    return found


def _retire(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> None:
    query = text("UPDATE ledger SET live = 0 WHERE recipient_id = :recipient AND seq IN :seqs").bindparams(
        bindparam("seqs", expanding=True)
    )
    for start in range(0, len(seqs), 1000):
        conn.execute(query, {"recipient": recipient_id, "seqs": seqs[start : start + 1000]})


def _withdraw(conn: Connection, head: _Head, chunk: Sequence[Taken], done: Written) -> None:
    """Take objects back: a row each that names sequence and leaf alone, and nothing is left of them in the rows before."""
    found = conn.execute(
        text(
            "SELECT seq, object_id, collection_id FROM ledger"
            " WHERE recipient_id = :recipient AND seq IN :seqs AND live = 1 AND object_id IS NOT NULL"
        ).bindparams(bindparam("seqs", expanding=True)),
        {"recipient": head.recipient_id, "seqs": [one.seq for one in chunk]},
    )
    had = {row.seq: row for row in found}
    rows: list[tuple[Any, ...]] = []
    objects: list[str] = []
    for one in chunk:
        row = had.pop(one.seq, None)
        if row is None:
            continue  # taken back already
        salt = os.urandom(HASH)
        leaf = leaf_of(salt, digest(encoded({"withdraws": one.seq})))
        seq, date = head.next(row.collection_id, leaf)
        objects.append(row.object_id)
        rows.append(
            (
                head.recipient_id, seq, date, row.collection_id, int(Action.WITHDRAW), 0, leaf, one.seq, one.reason, salt,
                None, None, None, None, None, None,
            )
        )  # fmt: skip
    if not rows:
        return
    conn.execute(
        text(
            "UPDATE ledger SET live = 0, salt = NULL, object_id = NULL, type = NULL, version = NULL, object_row = NULL,"
            " value_id = NULL, body = NULL WHERE recipient_id = :recipient AND object_id IN :objects"
        ).bindparams(bindparam("objects", expanding=True)),
        {"recipient": head.recipient_id, "objects": objects},
    )
    driver.insert(conn, "ledger", _COLUMNS, rows)
    done.withdrawn += len(rows)


_READ = (
    "SELECT seq, date_added, collection_id, action, live, leaf, of_seq, reason, salt, object_id, type, version, body"
    " FROM ledger WHERE recipient_id = :recipient AND seq > :after"
)


def rows(conn: Connection, recipient_id: int, *, after: int = 0, limit: int = 1000) -> list[Row]:
    """The rows after a sequence, in order, of all collections."""
    found = conn.execute(
        text(f"{_READ} ORDER BY seq LIMIT :limit"), {"recipient": recipient_id, "after": after, "limit": limit}
    )
    return [_row(row) for row in found]


def every(conn: Connection, recipient_id: int, *, after: int = 0, page: int = 1000) -> Iterator[Row]:
    """As `rows`, all of them, a page at a time in memory."""
    while found := rows(conn, recipient_id, after=after, limit=page):
        yield from found
        after = found[-1].seq


def withdrawals(conn: Connection, recipient_id: int, *, after: int = 0, limit: int = 1000) -> list[Row]:
    """The withdrawals after a sequence, in order."""
    found = conn.execute(
        text(f"{_READ} AND action = {int(Action.WITHDRAW)} ORDER BY seq LIMIT :limit"),
        {"recipient": recipient_id, "after": after, "limit": limit},
    )
    return [_row(row) for row in found]


def leaves(conn: Connection, collection_id: int, recipient_id: int, *, upto: int) -> Iterator[tuple[int, bytes]]:
    """Sequence and leaf of a collection's rows up to a sequence, in order: what its Merkle tree is made of."""
    query = (
        "SELECT seq, leaf FROM ledger WHERE recipient_id = :recipient AND collection_id = :collection"
        " AND seq <= :upto ORDER BY seq"
    )
    found = conn.execute(text(query), {"recipient": recipient_id, "collection": collection_id, "upto": upto})
    yield from ((row.seq, bytes(row.leaf)) for row in found)


def _row(row: Any) -> Row:
    return Row(
        seq=row.seq,
        date_added=row.date_added,
        collection_id=row.collection_id,
        action=Action(row.action),
        live=bool(row.live),
        leaf=bytes(row.leaf),
        of_seq=row.of_seq,
        reason=row.reason,
        salt=None if row.salt is None else bytes(row.salt),
        object_id=row.object_id,
        type=row.type,
        version=row.version,
        body=None if row.body is None else bytes(row.body),
    )
