"""One worker of an ingest: a piece of a log becomes Parquet files of events, and rows of sightings and refusals.

The files are on disk and flushed, but not committed: the batch's one commit comes when all its pieces are done.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.detect.sightings import sighting_table
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.normal_forms.finish_kernel import PartyTable
from haechi.ingest.normal_forms.time_kernel import TimeRule
from haechi.ingest.quarantine import RefusedRecord, refused_by_feed, refused_records
from haechi.model.block import BAD, BLANK, LINES, POSITION, ROWS, Block, N
from haechi.model.event import EVENT
from haechi.store.lake import Lake, Staged

CHUNK = 16 << 20  # bytes of a piece
ROWS_HELD = 98_304  # rows of a block: about one Parquet row group
STEP = 4096  # rows that are scanned, finished and matched while they are in cache
DAY = 86_400_000_000
FEW = 16  # refused rows of a block, around which its columns are cut


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all pieces of one input."""

    input_id: int
    sensor_id: int
    observer_id: int
    rule: TimeRule
    parties: PartyTable


@dataclass(slots=True)
class Done:
    """What became of one piece."""

    events: int = 0
    blank: int = 0
    slow: int = 0
    lines: int = 0
    unread: int = 0  # bytes at the piece's end that begin a record of the next piece
    files: list[Staged] = field(default_factory=list)
    sightings: list[pa.Table] = field(default_factory=list)
    refused: list[RefusedRecord] = field(default_factory=list)


class Worker:
    """Holds a block and a matcher of one thread; used piece after piece."""

    def __init__(self, lake: Lake) -> None:
        self.block = Block(chunk=CHUNK, rows=ROWS_HELD)
        self._matcher = Matcher(ROWS_HELD)
        self._lake = lake

    def work(self, piece: Piece, engine: Engine, setting: Setting, index: Index, now: int) -> Done:
        """Read, match and write one piece that stands in the block. Raises OSError on a full disk: nothing is committed."""
        done = Done(refused=list(refused_by_feed(piece)), lines=len(piece.refused))
        try:
            self._work(piece, engine, setting, index, now, done)
        except BaseException:
            self._lake.discard(done.files)  # the batch doesn't know them yet
            raise
        return done

    def _work(self, piece: Piece, engine: Engine, setting: Setting, index: Index, now: int, done: Done) -> None:
        state = self.block.a.state
        position = 0
        if piece.header:
            engine.take_header(piece.header)
        while position < piece.length:
            self.block.reset(position)
            self._matcher.reset()
            finisher = Finisher(engine.meaning, setting.rule, setting.parties)
            while True:
                before, rows = int(state[POSITION]), int(state[ROWS])
                engine.scan(self.block, piece.length, min(rows + STEP, self.block.rows), last=piece.last)
                finisher.finish(self.block, rows)
                self._matcher.match(self.block, index, int(state[ROWS]))
                if state[POSITION] >= piece.length or state[ROWS] >= self.block.rows:
                    break
                if state[POSITION] == before and state[ROWS] == rows:
                    break
                if state[ROWS] < rows + STEP and state[ROWS] > rows and state[POSITION] < piece.length:
                    break  # the engine stopped early: its lists are full, or its columns change
            self._write(piece, setting, index, finisher, now, done)
            if state[POSITION] == position:
                if piece.last or not engine.multiline:
                    raise RuntimeError(f"the reader makes no progress at byte {piece.base + position}")
                done.unread = piece.length - position
                break
            position = int(state[POSITION])

    def _write(self, piece: Piece, setting: Setting, index: Index, finisher: Finisher, now: int, done: Done) -> None:
        state = self.block.a.state
        rows = int(state[ROWS])
        done.events += rows - finisher.refused
        done.blank += int(state[BLANK])
        done.lines += int(state[LINES])
        done.slow += finisher.slow
        if state[BAD] or finisher.refused:
            done.refused += refused_records(self.block, piece)
        if int(self._matcher.hits.count[0]):
            table = sighting_table(
                self.block, self._matcher, index, base=piece.base, input_id=setting.input_id, matched_at=now
            )
            done.sightings.append(_with_constants(table, setting))
        if rows > finisher.refused:
            self._write_events(piece, setting, finisher, now, done)

    def _write_events(self, piece: Piece, setting: Setting, finisher: Finisher, now: int, done: Done) -> None:
        rows = int(self.block.a.state[ROWS])
        columns = self.block.columns(rows)
        columns["raw_offset"] = pc.add(columns["raw_offset"], piece.base)
        columns["ingested_at"] = pa.array(np.full(rows, now)).cast(pa.timestamp("us", tz="UTC"))
        table = _with_constants(pa.table(columns), setting)
        ts = self.block.a.num[N["ts"], :rows]
        if finisher.refused:
            bad = np.flatnonzero(self.block.a.error[:rows])
            table, ts = _without(table, bad), np.delete(ts, bad)
        first, last = int(ts.min()) // DAY, int(ts.max()) // DAY
        if first == last:
            done.files.append(self._lake.write(EVENT, first, table))
            return
        days = ts // DAY
        for day in np.unique(days).tolist():
            done.files.append(self._lake.write(EVENT, day, table.filter(pa.array(days == day))))


def _without(table: pa.Table, rows: npt.NDArray[np.intp]) -> pa.Table:
    """The table less these rows: what is left of a few is put together from slices, which copies nothing."""
    if len(rows) > FEW:
        keep = np.ones(table.num_rows, np.bool_)
        keep[rows] = False
        return table.filter(pa.array(keep))
    borders = zip([0, *(rows + 1).tolist()], [*rows.tolist(), table.num_rows], strict=True)
    return pa.concat_tables([table.slice(begin, end - begin) for begin, end in borders if begin < end])


def _with_constants(table: pa.Table, setting: Setting) -> pa.Table:
    n = table.num_rows
    for name, value in (
        ("sensor_id", setting.sensor_id),
        ("observer_id", setting.observer_id),
        ("input_id", setting.input_id),
    ):
        table = table.append_column(name, pa.array(np.full(n, value, np.int32)))
    return table
