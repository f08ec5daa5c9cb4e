"""What a peer sends, into the catalog: the shelf that `exchange.sync` fills, one transaction a chunk.

An object keeps its bytes and its marking; what carries none is AMBER+STRICT. What can't be taken is kept with the reason
beside its row, never dropped unsaid: `haechi receipts` lists it.
"""

from collections.abc import Callable, Mapping, Sequence

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


class Catalog:
    """One peer's shelf in a node's catalog: `exchange.sync.Shelf`. `told` hears how many rows were taken."""

    def __init__(
        self, home: Home, peer: RecipientRow, side: Side, told: Callable[[int], None] = lambda _: None
    ) -> None:
        self._home, self._peer, self._side, self._told = home, peer, side, told
        self._frames: Frames | None = None
        self.refused = 0
        self.taken = 0

    def state(self) -> State:
        with self._home.catalog().connect() as conn:
            return received.state(conn, self._peer.id)

    def cursor(self, collection: str) -> Cursor:
        with self._home.catalog().connect() as conn:
            return received.cursor(conn, self._peer.id, collection)

    def take(self, collection: str, rows: Sequence[Row]) -> None:
        """Objects, rows, cursor and tree in one transaction, with its entry in the audit log."""
        log = self._home.audit()
        with driver.without_collector(), self._home.catalog().begin() as conn, driver.roomy(conn):
            kept, fresh = self._kept(conn, rows)
            received.add(conn, self._peer.id, collection, kept, date=rows[-1].date, fresh=fresh)
            received.keep_state(conn, self._peer.id, seq=max(received.state(conn, self._peer.id).seq, rows[-1].seq))
            refused = sum(row.refused is not None for row in kept)
            details = {"collection": collection, "rows": len(rows), "last": rows[-1].seq, "refused": refused}
            log.append("exchange.received", subject=self._peer.uuid, details=details)
        self.refused += refused
        self.taken += len(rows)
        self._told(self.taken)

    def _kept(self, conn: Connection, rows: Sequence[Row]) -> tuple[list[received.Row], bool]:
        """Load the objects; the rows to keep, with the reason where one was refused, and whether all were new here."""
        source, marking = submissions.source(conn, self._peer)
        if self._frames is None:
            self._frames = Frames(marking)
        bodies = [row.body for row in rows if row.body is not None]
        around = indicator_load.marking_definitions(conn, source) if bodies else []
        found = iter(self._frames.read(bodies, around))
        kept: list[received.Row] = []
        objects: list[SourceObject] = []
        places: dict[str, int] = {}
        for row in rows:
            if row.body is None or row.salt is None:
                assert row.leaf is not None
                kept.append(received.Row(row.seq, row.leaf))
                continue
            digest, read = next(found)
            leaf = leaf_of(row.salt, digest)
            if isinstance(read, BadInput):
                kept.append(received.Row(row.seq, leaf, row.salt, _id_of(row.body), encode([read.message])))
                continue
            objects.append(msgspec.structs.replace(read, digest=digest))
            places[read.object_id] = len(kept)
            kept.append(received.Row(row.seq, leaf, row.salt, read.object_id))
        loaded = indicator_load.load(conn, source, objects, at=self._home.clock.now(), list_name="")
        indicators.warn(conn, loaded)
        for conflict in loaded.conflicts:
            place = places[conflict.location.value]
            kept[place] = kept[place]._replace(refused=encode([conflict.message]))
        refused = any(row.refused is not None for row in kept)
        return kept, loaded.new_objects == loaded.objects and not refused

    def withdraw(self, withdrawals: Sequence[wire.Withdrawn]) -> Mapping[str, int]:
        return withdrawing.apply(self._home, self._peer, withdrawals)

    def withdrawn(self, seq: int) -> None:
        with self._home.catalog().begin() as conn:
            received.keep_state(conn, self._peer.id, withdrawn_seq=seq)

    def epoch(self, epoch: int, kept: Mapping[str, tuple[int, int]], withdrawn: int) -> None:
        log = self._home.audit()
        with self._home.catalog().begin() as conn:
            for collection, (seq, date) in kept.items():
                received.new_epoch(conn, self._peer.id, collection, kept=seq, date=date)
            received.keep_state(conn, self._peer.id, epoch=epoch, withdrawn_seq=withdrawn)
            log.append("exchange.epoch", subject=self._peer.uuid, details={"epoch": epoch, "kept": dict(kept)})

    def digest(self, collection: str, after: int, upto: int) -> tuple[int, bytes]:
        tree = Tree()
        with self._home.catalog().connect() as conn:
            for _, leaf in received.leaves(conn, self._peer.id, collection, after=after, upto=upto):
                tree.add(leaf)
        return tree.size, tree.root()

    def leaves(self, collection: str, after: int, upto: int) -> list[tuple[int, bytes]]:
        with self._home.catalog().connect() as conn:
            return list(received.leaves(conn, self._peer.id, collection, after=after, upto=upto))

    def repair(self, collection: str, rows: Sequence[Row], gone: Sequence[int]) -> Sequence[str]:
        """Take in what was missing or otherwise; the ids of the objects that came."""
        log = self._home.audit()
        with self._home.catalog().begin() as conn:
            kept, _ = self._kept(conn, rows)
            received.repair(conn, self._peer.id, collection, kept, gone)
            details = {"collection": collection, "rows": len(rows), "unknown": len(gone)}
            log.append("exchange.repaired", subject=self._peer.uuid, details=details)
        return [row.object_id for row in kept if row.object_id is not None]

    def receipts(self, ours: str, theirs: str, agreed: bool) -> None:
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
