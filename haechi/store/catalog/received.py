"""What a peer has sent us: the rows of its ledger's slice for us, their leaves, and how far we are.

One row for each of the peer's, in its sequence, so that both sides' Merkle trees are made of the same leaves. A row whose
object was withdrawn keeps sequence and leaf alone. Rows of an earlier epoch of the peer's ledger that the present one
doesn't have are kept under the negative of their sequence: what they name is still held, and nobody vouches for it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, select, text

from haechi.model.merkle import Tree
from haechi.store.catalog import driver
from haechi.store.catalog.exchange_tables import PEER_STATE, RECEIVED_TREE

_COLUMNS: Final = ("recipient_id", "seq", "collection", "leaf", "live", "salt", "object_id", "refused")
_PARAMETERS: Final = 1000  # in one statement


class State(msgspec.Struct, frozen=True, kw_only=True):
    """How far we are with a peer. Times in microseconds UTC; `epoch` 0: never."""

    epoch: int = 0
    seq: int = 0
    withdrawn_seq: int = 0
    tried_at: int | None = None
    done_at: int | None = None
    failures: int = 0


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """How far we are with one collection: its tree, the last row and that row's date."""

    tree: Tree
    seq: int = 0
    date: int = 0


class Row(NamedTuple):
    """One row of the peer's ledger. `object_id` None: it shows no object; `refused`: why the catalog didn't take it."""

    seq: int
    leaf: bytes
    salt: bytes | None = None
    object_id: str | None = None
    refused: str | None = None


class Refusal(NamedTuple):
    """An object that was received and not taken. `reason` holds messages, encoded."""

    seq: int
    collection: str
    object_id: str | None
    reason: str


def state(conn: Connection, recipient_id: int) -> State:
    """How far we are with a peer."""
    query = select(PEER_STATE).where(PEER_STATE.c.recipient_id == recipient_id)
    found = conn.execute(query).mappings().first()
    return State() if found is None else State(**{key: found[key] for key in found if key != "recipient_id"})


def keep_state(conn: Connection, recipient_id: int, **fields: Any) -> None:
    """Set some of a peer's state, in the caller's transaction."""
    full = {**msgspec.structs.asdict(State()), **fields}
    names = ", ".join(full)
    marks = ", ".join(f":{name}" for name in full)
    sets = ", ".join(f"{name} = :{name}" for name in fields)
    conn.execute(
        text(
            f"INSERT INTO peer_state (recipient_id, {names}) VALUES (:recipient, {marks})"
            f" ON CONFLICT (recipient_id) DO UPDATE SET {sets}"
        ),
        {**full, "recipient": recipient_id},
    )


def cursor(conn: Connection, recipient_id: int, collection: str) -> Cursor:
    """How far we are with a collection."""
    query = select(RECEIVED_TREE).where(
        RECEIVED_TREE.c.recipient_id == recipient_id, RECEIVED_TREE.c.collection == collection
    )
    row = conn.execute(query).first()
    if row is None:
        return Cursor(tree=Tree())
    return Cursor(tree=Tree(row.size, bytes(row.frontier)), seq=row.seq, date=row.date_added)


def collections(conn: Connection, recipient_id: int) -> list[str]:
    """The collections of which something was received, by name."""
    query = select(RECEIVED_TREE.c.collection).where(RECEIVED_TREE.c.recipient_id == recipient_id)
    return sorted(conn.execute(query).scalars())


def add(
    conn: Connection, recipient_id: int, collection: str, rows: Sequence[Row], *, date: int, fresh: bool = False
) -> Cursor:
    """Take in the next rows of a collection, in order, the last one of that date: rows, tree and cursor together.

    An earlier row of an object that comes anew is no longer live; `fresh` says that none of the objects came before.
    """
    had = cursor(conn, recipient_id, collection)
    if not rows:
        return had
    for row in rows:
        had.tree.add(row.leaf)
    if not fresh:
        _retire(conn, recipient_id, [row.object_id for row in rows if row.object_id is not None])
    driver.insert(conn, "received", _COLUMNS, (_values(recipient_id, collection, row) for row in rows))
    now = Cursor(tree=had.tree, seq=rows[-1].seq, date=date)
    _store(conn, recipient_id, collection, now)
    return now


def _values(recipient_id: int, collection: str, row: Row) -> tuple[Any, ...]:
    live = int(row.object_id is not None)
    return (recipient_id, row.seq, collection, row.leaf, live, row.salt, row.object_id, row.refused)


def _retire(conn: Connection, recipient_id: int, object_ids: Sequence[str]) -> None:
    query = _many(
        "UPDATE received SET live = 0 WHERE recipient_id = :recipient AND object_id IN :many AND live = 1 AND seq > 0"
    )
    forgotten = _many("DELETE FROM received WHERE recipient_id = :recipient AND object_id IN :many AND seq < 0")
    for start in range(0, len(object_ids), _PARAMETERS):
        part = {"recipient": recipient_id, "many": object_ids[start : start + _PARAMETERS]}
        conn.execute(query, part)
        conn.execute(forgotten, part)


def _store(conn: Connection, recipient_id: int, collection: str, now: Cursor) -> None:
    conn.execute(
        text(
            "INSERT INTO received_tree (recipient_id, collection, size, frontier, seq, date_added)"
            " VALUES (:recipient, :collection, :size, :frontier, :seq, :date)"
            " ON CONFLICT (recipient_id, collection)"
            " DO UPDATE SET size = :size, frontier = :frontier, seq = :seq, date_added = :date"
        ),
        {
            "recipient": recipient_id,
            "collection": collection,
            "size": now.tree.size,
            "frontier": now.tree.frontier,
            "seq": now.seq,
            "date": now.date,
        },
    )


def repair(conn: Connection, recipient_id: int, collection: str, rows: Sequence[Row], gone: Sequence[int]) -> Cursor:
    """Put rows where they are missing or differ, set those aside that the peer doesn't have, and make the tree anew."""
    _set_aside(conn, recipient_id, gone)
    _delete(conn, recipient_id, [*gone, *(row.seq for row in rows)])
    driver.insert(conn, "received", _COLUMNS, (_values(recipient_id, collection, row) for row in rows))
    return rebuild(conn, recipient_id, collection)


def _set_aside(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> None:
    """Keep the rows whose objects are held under sequences that no ledger has."""
    query = _many("UPDATE received SET seq = :top - seq WHERE recipient_id = :recipient AND seq IN :many AND live = 1")
    top = _lowest(conn, recipient_id)
    for start in range(0, len(seqs), _PARAMETERS):
        conn.execute(query, {"recipient": recipient_id, "top": top, "many": seqs[start : start + _PARAMETERS]})


def _lowest(conn: Connection, recipient_id: int) -> int:
    found = conn.execute(
        text("SELECT coalesce(min(seq), 0) FROM received WHERE recipient_id = :recipient AND seq < 0"),
        {"recipient": recipient_id},
    )
    return int(found.scalar_one())


def _delete(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> None:
    query = _many("DELETE FROM received WHERE recipient_id = :recipient AND seq IN :many")
    for start in range(0, len(seqs), _PARAMETERS):
        conn.execute(query, {"recipient": recipient_id, "many": seqs[start : start + _PARAMETERS]})


def rebuild(conn: Connection, recipient_id: int, collection: str) -> Cursor:
    """Make a collection's tree of the rows that there are. A million take two seconds."""
    had, tree, last = cursor(conn, recipient_id, collection), Tree(), 0
    for seq, leaf in leaves(conn, recipient_id, collection):
        tree.add(leaf)
        last = seq
    now = Cursor(tree=tree, seq=max(had.seq, last), date=had.date)
    _store(conn, recipient_id, collection, now)
    return now


def new_epoch(conn: Connection, recipient_id: int, collection: str, *, kept: int, date: int) -> Cursor:
    """Set aside the rows after `kept` (of that date), which the peer's ledger no longer has; the cursor stands there."""
    conn.execute(
        text(
            "DELETE FROM received WHERE recipient_id = :recipient AND collection = :collection"
            " AND seq > :kept AND (object_id IS NULL OR live = 0)"
        ),
        {"recipient": recipient_id, "collection": collection, "kept": kept},
    )
    top = _lowest(conn, recipient_id)
    conn.execute(
        text(
            "UPDATE received SET seq = :top - seq WHERE recipient_id = :recipient AND collection = :collection"
            " AND seq > :kept"
        ),
        {"recipient": recipient_id, "collection": collection, "kept": kept, "top": top},
    )
    _store(conn, recipient_id, collection, Cursor(tree=Tree(), seq=kept, date=date))
    rebuilt = rebuild(conn, recipient_id, collection)
    now = Cursor(tree=rebuilt.tree, seq=kept, date=date)
    _store(conn, recipient_id, collection, now)
    return now


def leaves(
    conn: Connection, recipient_id: int, collection: str, *, after: int = 0, upto: int | None = None
) -> Iterator[tuple[int, bytes]]:
    """Sequence and leaf of the rows after one sequence and up to another, in order, a bounded number at a time."""
    query = text(
        "SELECT seq, leaf FROM received WHERE recipient_id = :recipient AND collection = :collection"
        " AND seq > :after AND seq <= :upto ORDER BY seq LIMIT :limit"
    )
    last = (1 << 62) if upto is None else upto
    while True:
        arguments = {"recipient": recipient_id, "collection": collection, "after": after, "upto": last}
        found = conn.execute(query, {**arguments, "limit": 10_000}).all()
        yield from ((row[0], bytes(row[1])) for row in found)
        if len(found) < 10_000:
            return
        after = found[-1][0]


def objects(conn: Connection, recipient_id: int, seqs: Sequence[int]) -> dict[int, str]:
    """The objects that these rows still name."""
    query = _many("SELECT seq, object_id FROM received WHERE recipient_id = :recipient AND seq IN :many")
    found: dict[int, str] = {}
    for start in range(0, len(seqs), _PARAMETERS):
        part = {"recipient": recipient_id, "many": seqs[start : start + _PARAMETERS]}
        found.update((row.seq, row.object_id) for row in conn.execute(query, part) if row.object_id is not None)
    return found


def later(conn: Connection, recipient_id: int, object_ids: Sequence[str], *, after: int) -> set[str]:
    """Those of the objects that came anew in a live row after this sequence."""
    query = _many(
        "SELECT object_id FROM received WHERE recipient_id = :recipient AND object_id IN :many AND live = 1"
        " AND seq > :after"
    )
    found: set[str] = set()
    for start in range(0, len(object_ids), _PARAMETERS):
        part = {"recipient": recipient_id, "many": object_ids[start : start + _PARAMETERS], "after": after}
        found.update(conn.execute(query, part).scalars())
    return found


def forget(conn: Connection, recipient_id: int, object_ids: Sequence[str], *, upto: int) -> None:
    """Leave of these objects' rows up to a sequence nothing but sequence and leaf."""
    query = _many(
        "UPDATE received SET live = 0, salt = NULL, object_id = NULL, refused = NULL"
        " WHERE recipient_id = :recipient AND object_id IN :many AND seq <= :upto"
    )
    for start in range(0, len(object_ids), _PARAMETERS):
        conn.execute(query, {"recipient": recipient_id, "many": object_ids[start : start + _PARAMETERS], "upto": upto})


def refusals(conn: Connection, recipient_id: int, *, after: int = 0, limit: int = 1000) -> list[Refusal]:
    """What was received and not taken, in order."""
    query = text(
        "SELECT seq, collection, object_id, refused FROM received WHERE recipient_id = :recipient AND seq > :after"
        " AND refused IS NOT NULL ORDER BY seq LIMIT :limit"
    )
    return [Refusal(*row) for row in conn.execute(query, {"recipient": recipient_id, "after": after, "limit": limit})]


def held(conn: Connection, recipient_id: int) -> dict[str, tuple[int, int]]:
    """Of each collection how many objects we hold, and how many are of an earlier epoch that the present one lacks."""
    query = text(
        "SELECT collection, count(*), sum(CASE WHEN seq < 0 THEN 1 ELSE 0 END) FROM received"
        " WHERE recipient_id = :recipient AND live = 1 AND refused IS NULL GROUP BY collection"
    )
    return {row[0]: (int(row[1]), int(row[2])) for row in conn.execute(query, {"recipient": recipient_id})}


def _many(sql: str) -> Any:
    return text(sql).bindparams(bindparam("many", expanding=True))
