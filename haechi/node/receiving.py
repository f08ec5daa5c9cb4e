"""What a peer sends, into the catalog: the shelf that `exchange.sync` fills, one transaction a chunk.

An object keeps its bytes and its marking; what carries none is AMBER+STRICT. What can't be taken is kept with the reason
beside its row, never dropped unsaid: `haechi receipts` lists it.

While the database takes one chunk, in a thread of its own, the next is fetched and read: the two take about as long.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from sqlalchemy import Connection

from haechi.exchange import receipt, wire
from haechi.exchange.sync import Row, Side
from haechi.formats.stixframe import Frames
from haechi.messages.catalogue import encode
from haechi.model.errors import BadInput
from haechi.model.merkle import Tree, leaf_of
from haechi.model.source_object import SourceObject
from haechi.node import indicators, withdrawing
from haechi.node.home import Home
from haechi.store.catalog import driver, indicator_load, receipts, received, submissions
from haechi.store.catalog.receipts import ReceiptRow
from haechi.store.catalog.received import Cursor, State
from haechi.store.catalog.recipients import RecipientRow

_LONGEST_ID = 300  # characters of an id that is kept of what was refused


class _Named(msgspec.Struct):
    id: str = ""


class _Chunk(NamedTuple):
    """Rows as read: what is to be loaded, what is to be kept, and where in it each object stands."""

    kept: list[received.Row]
    objects: list[SourceObject]
    places: dict[str, int]


class Catalog:
    """One peer's shelf in a node's catalog: `exchange.sync.Shelf`. `told` hears how many rows were taken.

    At its end, as a context manager, whatever was under way is done; what then goes wrong is raised.
    """

    def __init__(
        self, home: Home, peer: RecipientRow, side: Side, told: Callable[[int], None] = lambda _: None
    ) -> None:
        self._home, self._peer, self._side, self._told = home, peer, side, told
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="haechi-receiving")
        self._under_way: Future[None] | None = None
        self._frames: Frames | None = None
        self._around: list[bytes] | None = None  # the marking-definitions so far; None: to be read anew
        self.refused = self.taken = self.objects = 0  # rows refused, rows taken, objects among these

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.shutdown(wait=True)
        if error is None:
            self._settled()

    def _settled(self) -> None:
        """Wait for the chunk that is being written. Raises what went wrong with it."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def state(self) -> State:
        self._settled()
        with self._home.catalog().connect() as conn:
            return received.state(conn, self._peer.id)

    def cursor(self, collection: str) -> Cursor:
        self._settled()
        with self._home.catalog().connect() as conn:
            return received.cursor(conn, self._peer.id, collection)

    def take(self, collection: str, rows: Sequence[Row]) -> None:
        """Objects, rows, cursor and tree in one transaction, with its entry in the audit log; under way on return."""
        with driver.without_collector():
            chunk = self._read(rows)
            self._settled()
            self._under_way = self._writer.submit(self._write, collection, chunk, rows[-1].seq, rows[-1].date)

    def _read(self, rows: Sequence[Row]) -> _Chunk:
        """The rows to keep and the objects to load; what can't be read is kept with the reason."""
        if self._around is None or self._frames is None:
            self._settled()
            with self._home.catalog().begin() as conn:
                source, marking = submissions.source(conn, self._peer)
                self._around = indicator_load.marking_definitions(conn, source)
            self._frames = self._frames or Frames(marking)
        bodies = [row.body for row in rows if row.body is not None]
        found = iter(self._frames.read(bodies, self._around))
        chunk = _Chunk([], [], {})
        for row in rows:
            if row.body is None or row.salt is None:
                assert row.leaf is not None
                chunk.kept.append(received.Row(row.seq, row.leaf))
                continue
            digest, read = next(found)
            leaf = leaf_of(row.salt, digest)
            if isinstance(read, BadInput):
                chunk.kept.append(received.Row(row.seq, leaf, row.salt, _id_of(row.body), encode([read.message])))
                continue
            chunk.objects.append(read)
            chunk.places[read.object_id] = len(chunk.kept)
            chunk.kept.append(received.Row(row.seq, leaf, row.salt, read.object_id))
            if read.type == "marking-definition":
                self._around = None
        return chunk

    def _write(self, collection: str, chunk: _Chunk, seq: int, date: int) -> None:
        log = self._home.audit()
        with driver.without_collector(), self._home.catalog().begin() as conn, driver.roomy(conn):
            fresh = self._load(conn, chunk)
            received.add(conn, self._peer.id, collection, chunk.kept, date=date, fresh=fresh)
            received.keep_state(conn, self._peer.id, seq=max(received.state(conn, self._peer.id).seq, seq))
            refused = sum(row.refused is not None for row in chunk.kept)
            details = {"collection": collection, "rows": len(chunk.kept), "last": seq, "refused": refused}
            log.append("exchange.received", subject=self._peer.uuid, details=details)
        self.refused += refused
        self.taken += len(chunk.kept)
        self.objects += sum(row.salt is not None for row in chunk.kept)
        self._told(self.taken)

    def _load(self, conn: Connection, chunk: _Chunk) -> bool:
        """Load the objects; what is refused gets its reason in `kept`. Whether all were new here."""
        source, _ = submissions.source(conn, self._peer)
        loaded = indicator_load.load(conn, source, chunk.objects, at=self._home.clock.now(), list_name="")
        indicators.warn(conn, loaded)
        for conflict in loaded.conflicts:
            place = chunk.places[conflict.location.value]
            chunk.kept[place] = chunk.kept[place]._replace(refused=encode([conflict.message]))
        refused = any(row.refused is not None for row in chunk.kept)
        return loaded.new_objects == loaded.objects and not refused

    def withdraw(self, withdrawals: Sequence[wire.Withdrawn]) -> Mapping[str, int]:
        self._settled()
        return withdrawing.apply(self._home, self._peer, withdrawals)

    def withdrawn(self, seq: int) -> None:
        self._settled()
        with self._home.catalog().begin() as conn:
            received.keep_state(conn, self._peer.id, withdrawn_seq=seq)

    def epoch(self, epoch: int, kept: Mapping[str, tuple[int, int]], withdrawn: int) -> None:
        self._settled()
        log = self._home.audit()
        with self._home.catalog().begin() as conn:
            for collection, (seq, date) in kept.items():
                received.new_epoch(conn, self._peer.id, collection, kept=seq, date=date)
            received.keep_state(conn, self._peer.id, epoch=epoch, withdrawn_seq=withdrawn)
            log.append("exchange.epoch", subject=self._peer.uuid, details={"epoch": epoch, "kept": dict(kept)})

    def digest(self, collection: str, after: int, upto: int) -> tuple[int, bytes]:
        self._settled()
        tree = Tree()
        with self._home.catalog().connect() as conn:
            for _, leaf in received.leaves(conn, self._peer.id, collection, after=after, upto=upto):
                tree.add(leaf)
        return tree.size, tree.root()

    def leaves(self, collection: str, after: int, upto: int) -> list[tuple[int, bytes]]:
        self._settled()
        with self._home.catalog().connect() as conn:
            return list(received.leaves(conn, self._peer.id, collection, after=after, upto=upto))

    def repair(self, collection: str, rows: Sequence[Row], gone: Sequence[int]) -> Sequence[str]:
        """Take in what was missing or otherwise; the ids of the objects that came."""
        chunk = self._read(rows)
        self._settled()
        log = self._home.audit()
        with self._home.catalog().begin() as conn:
            self._load(conn, chunk)
            received.repair(conn, self._peer.id, collection, chunk.kept, gone)
            details = {"collection": collection, "rows": len(rows), "unknown": len(gone)}
            log.append("exchange.repaired", subject=self._peer.uuid, details=details)
        return [row.object_id for row in chunk.kept if row.object_id is not None]

    def receipts(self, ours: str, theirs: str, agreed: bool) -> None:
        self._settled()
        said = receipt.verify(theirs, self._side.key)
        mine = msgspec.json.decode(ours, type=receipt.Receipt)
        row = ReceiptRow(
            recipient_id=self._peer.id,
            direction="received",
            collection=mine.collection,
            epoch=said.epoch,
            size=mine.size,
            root=bytes.fromhex(mine.root),
            at=mine.at,
            agreed=agreed,
            ours=ours,
            theirs=theirs,
        )
        log = self._home.audit()
        with self._home.catalog().begin() as conn:
            receipts.keep(conn, row)
            details = {"collection": mine.collection, "size": mine.size, "seq": mine.seq, "agreed": agreed}
            log.append("receipt.exchanged", subject=self._peer.uuid, details=details)


def _id_of(body: bytes) -> str | None:
    try:
        found = msgspec.json.decode(body, type=_Named).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found[:_LONGEST_ID].replace("\0", "") or None
