"""One batch: what the workers made of its pieces, and its one commit."""

import threading
from collections.abc import Sequence

import pyarrow as pa

from haechi.ingest.feed import Piece
from haechi.ingest.quarantine import RefusedRecord
from haechi.model.clock import DAY
from haechi.model.errors import Conflict
from haechi.model.event import EVENT, LAKE_SCHEMA, QUARANTINE, SIGHTING
from haechi.node.inputs import OpenInput
from haechi.node.unfinished import seen_by, take_away
from haechi.node.worker import Done, day_files
from haechi.store.lake import Lake, Staged

HELD_SIGHTINGS = 8192  # in memory; more go to files of the batch at once
HELD_EVENTS = 64 << 20  # bytes of scattered events in memory; so a day's come into one file
HELD_BYTES = 8 << 20  # of refused records in memory; more go to a file of the batch at once


class Batch:
    """Collects pieces; `commit` makes them part of the lake together, `abandon` removes what was written of them."""

    def __init__(self, lake: Lake, now: int) -> None:
        self._lake, self._now = lake, now
        self._lock = threading.Lock()
        self._files: list[Staged] = []
        self._scattered: list[pa.Table] = []
        self._sightings: list[pa.Table] = []
        self._refused: list[tuple[OpenInput, Piece, RefusedRecord]] = []
        self._pieces: dict[OpenInput, list[Piece]] = {}
        self._lines: dict[tuple[OpenInput, int], int] = {}  # by the piece's place: its lines, once it is done
        self._held = 0
        self._counts: dict[OpenInput, list[int]] = {}
        self.bytes = 0
        self.slow = 0
        self.ends: dict[OpenInput, tuple[int, bytes]] = {}
        self._seen: dict[OpenInput, int] = {}  # how far each input that ends in an unfinished record was seen

    def take(self, opened: OpenInput, piece: Piece) -> None:
        """A piece belongs to this batch; pieces are taken in the order of the stream."""
        self.bytes += piece.length
        self.ends[opened] = (piece.end, piece.tail)
        self._pieces.setdefault(opened, []).append(piece)

    def counted(self) -> tuple[int, int, int]:
        """Events, sightings and refused records of the pieces that are worked through and not committed yet."""
        with self._lock:
            events, sightings, refused, *_ = map(sum, zip([0] * 5, *self._counts.values(), strict=True))
        return events, sightings, refused

    def add(self, opened: OpenInput, piece: Piece, done: Done, seen: int = 0) -> None:
        """A piece is worked through; `seen` is the log's end where its last record is unfinished."""
        with self._lock:
            if done.unread or seen:
                self.ends[opened] = (piece.end, piece.tail)
            if seen:
                self._seen[opened] = seen
            self._files += done.files
            self._scattered += done.scattered
            self._sightings += done.sightings
            self._refused += [(opened, piece, record) for record in done.refused]
            self._lines[opened, piece.base] = done.lines
            self._held += sum(len(record.raw) for record in done.refused)
            self.slow += done.slow
            counts = self._counts.setdefault(opened, [0, 0, 0, 0, 0])
            counts[0] += done.events
            counts[1] += done.sighted
            counts[2] += len(done.refused)
            counts[3] += done.blank
            counts[4] += done.dark
            if self._held > HELD_BYTES:
                self._stage_refused()
            full = sum(table.num_rows for table in self._sightings) > HELD_SIGHTINGS
            sightings, self._sightings = (self._sightings, []) if full else ([], self._sightings)
            full = sum(table.nbytes for table in self._scattered) > HELD_EVENTS
            scattered, self._scattered = (self._scattered, []) if full else ([], self._scattered)
        # By the worker that met the limit, while the other one reads on.
        for kind, tables in ((EVENT, scattered), (SIGHTING, sightings)):
            files = self._day_files(kind, tables)
            with self._lock:
                self._files += files

    def commit(self) -> bool:
        """Write what is still in memory, flush it, and commit all with the inputs' offsets.

        False if another process had committed the same: its files count, these are removed.
        """
        with self._lock:
            self._stage_refused()
            self._files += self._day_files(EVENT, self._scattered)
            self._files += self._day_files(SIGHTING, self._sightings)
            self._scattered, self._sightings = [], []
            old = self._take_away_unfinished()
            versions, begins = self._versions()
            # Once a commit is tried, they may be the lake's whatever fails next: then only vacuum may remove them.
            files, self._files = self._files, []
            try:
                mine = self._lake.commit(files, versions, begins, old=old, now=self._now)
            except Conflict:
                self._files = files
                raise
            if not mine:
                self._files = files
                self.abandon()
                self._counts.clear()
            for opened, (end, _) in self.ends.items():
                opened.end = opened.committed = end
                opened.seen, opened.waits = self._seen.get(opened, opened.seen), opened in self._seen
                opened.lines += sum(self._lines[opened, piece.base] for piece in self._pieces[opened])
            for opened, (events, sightings, refused, blank, dark) in self._counts.items():
                opened.events += events
                opened.sightings += sightings
                opened.quarantined += refused
                opened.blank += blank
                opened.dark += dark
            self._counts.clear()
            return mine

    def _versions(self) -> tuple[dict[str, int], dict[str, int]]:
        """What the lake is to hold of each input, and what it holds now."""
        versions: dict[str, int] = {}
        begins: dict[str, int] = {}
        for opened, (end, _) in self.ends.items():
            uuid = opened.row.uuid
            begins |= {uuid: opened.committed, seen_by(uuid): opened.seen}
            if end > opened.committed:
                versions[uuid] = end
            if opened in self._seen:
                versions[seen_by(uuid)] = self._seen[opened]
        return versions, begins

    def _take_away_unfinished(self) -> list[str]:
        """The records that earlier runs left unfinished were read again: the files that lose them, others in their stead."""
        waiting = {opened.row.id: opened.committed for opened in self.ends if opened.waits}
        if not waiting:
            return []
        old, files = take_away(self._lake, waiting)
        self._files += files
        if not old:
            raise Conflict("ingest.replayed_meanwhile")
        return old

    def abandon(self) -> None:
        """Remove the files of a batch that will not be committed."""
        self._lake.discard(self._files)

    def _day_files(self, kind: str, tables: Sequence[pa.Table]) -> list[Staged]:
        """Write tables of several pieces, a file a day, in order of time."""
        if not tables:
            return []
        return day_files(self._lake, kind, pa.concat_tables(tables, promote_options="default").sort_by("ts"))

    def _stage_refused(self) -> None:
        if not self._refused:
            return
        refused = [(opened, record, self._line(opened, piece, record)) for opened, piece, record in self._refused]
        refused.sort(key=lambda r: (r[0].row.id, r[1].offset))
        moment = pa.scalar(self._now, pa.timestamp("us", tz="UTC"))
        table = refused_table(refused)
        table = table.append_column("ts", pa.repeat(moment, table.num_rows))
        table = table.append_column("ingested_at", pa.repeat(moment, table.num_rows))
        self._files.append(self._lake.write(QUARANTINE, self._now // DAY, table))
        self._refused, self._held = [], 0

    def _line(self, opened: OpenInput, piece: Piece, record: RefusedRecord) -> int | None:
        """The record's line in the input; None where a piece before it isn't done yet, or lines aren't counted."""
        if record.line is None:
            return None
        before = [self._lines.get((opened, p.base)) for p in self._pieces[opened] if p.base < piece.base]
        if any(lines is None for lines in before):
            return None
        return opened.lines + sum(lines for lines in before if lines is not None) + record.line


def refused_table(refused: Sequence[tuple[OpenInput, RefusedRecord, int | None]]) -> pa.Table:
    """Refused records and their lines as rows of the quarantine."""
    columns = {
        "input_id": [opened.row.id for opened, _, _ in refused],
        "sensor_id": [opened.row.sensor_id for opened, _, _ in refused],
        "reader": [opened.reader.name for opened, _, _ in refused],
        "line": [line for _, _, line in refused],
        "raw_offset": [record.offset for _, record, _ in refused],
        "raw_length": [min(record.length, 2**31 - 1) for _, record, _ in refused],
        "reason": [record.reason for _, record, _ in refused],
        "field": [record.field or None for _, record, _ in refused],
        "value": [record.value or None for _, record, _ in refused],
        "raw": [record.raw for _, record, _ in refused],
    }
    return pa.table({name: pa.array(values, LAKE_SCHEMA.field(name).type) for name, values in columns.items()})
