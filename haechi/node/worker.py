"""One worker of an ingest: a piece of a log becomes Parquet files of events, and rows of sightings and refusals.

The files are on disk and flushed, but not committed: the batch's one commit comes when all its pieces are done.
"""

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from haechi.detect.index import Index
from haechi.detect.match import PLAN, Matcher
from haechi.detect.sightings import sighting_tables
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.quarantine import RefusedRecord, refused_by_feed, refused_records
from haechi.model.block import BAD, BLANK, ITEMS, LINES, POSITION, ROWS, Block, L, T
from haechi.model.clock import DAY
from haechi.model.event import EVENT, SIGHTING
from haechi.node.blocks import Setting, filled
from haechi.store.lake import Lake, Staged

CHUNK = 16 << 20  # bytes of a piece
ROWS_HELD = 98_304  # rows of a block: about one Parquet row group
FEW = 16  # refused rows of a block, around which its columns are cut
MOST_DAYS = 16  # of a block's events; of more, few are of each day: they wait for those of other pieces
HELD_BYTES = 8 << 20  # of a piece's sightings in memory; more go to files at once

_SHOWN = sorted({T["src_addr"], T["dst_addr"], *PLAN[:, 0].tolist()})  # what is matched, but for lists


@dataclass(slots=True)
class Done:
    """What became of one piece."""

    events: int = 0
    blank: int = 0
    dark: int = 0  # events that show nothing that can be matched
    slow: int = 0
    lines: int = 0
    unread: int = 0  # bytes at the piece's end that begin a record of the next piece
    files: list[Staged] = field(default_factory=list)
    scattered: list[pa.Table] = field(default_factory=list)  # events of many days, to be written with others
    sightings: list[pa.Table] = field(default_factory=list)  # those not in files
    sighted: int = 0  # all sightings
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
        if piece.header:
            engine.take_header(piece.header)

        def take() -> None:
            self._take_sightings(piece, setting, index, now, done)

        for finisher in filled(self.block, self._matcher, index, engine, piece, setting, take):
            self._write(piece, setting, finisher, now, done)
        if (left := piece.length - int(state[POSITION])) > 0:
            if piece.last or not engine.multiline:
                raise RuntimeError(f"the reader makes no progress at byte {piece.base + int(state[POSITION])}")
            done.unread = left

    def _take_sightings(self, piece: Piece, setting: Setting, index: Index, now: int, done: Done) -> None:
        for table in sighting_tables(
            self.block, self._matcher, index, base=piece.base, input_id=setting.input_id, matched_at=now
        ):
            done.sighted += table.num_rows
            done.sightings.append(_with_constants(table, setting))
            if sum(table.nbytes for table in done.sightings) > HELD_BYTES:
                done.files += day_files(self._lake, SIGHTING, pa.concat_tables(done.sightings))
                done.sightings = []

    def _write(self, piece: Piece, setting: Setting, finisher: Finisher, now: int, done: Done) -> None:
        state = self.block.a.state
        rows = int(state[ROWS])
        done.events += rows - finisher.refused
        done.blank += int(state[BLANK])
        done.dark += _dark(self.block, rows)
        done.lines += int(state[LINES])
        done.slow += finisher.slow
        if state[BAD] or finisher.refused:
            done.refused += refused_records(self.block, piece)
        if rows > finisher.refused:
            self._write_events(piece, setting, finisher, now, done)

    def _write_events(self, piece: Piece, setting: Setting, finisher: Finisher, now: int, done: Done) -> None:
        rows = int(self.block.a.state[ROWS])
        columns = self.block.columns(rows)
        columns["raw_offset"] = pc.add(columns["raw_offset"], piece.base)
        columns["ingested_at"] = pa.array(np.full(rows, now)).cast(pa.timestamp("us", tz="UTC"))
        table = _with_constants(pa.table(columns), setting)
        if finisher.refused:
            table = _without(table, np.flatnonzero(self.block.a.error[:rows]))
        if len(np.unique(_days(table))) > MOST_DAYS:
            done.scattered.append(table.take(pa.array(np.arange(table.num_rows))))  # a copy: the block is used again
        else:
            done.files += day_files(self._lake, EVENT, table)


def _dark(block: Block, rows: int) -> int:
    """How many events show no address, name, URL, digest or mail address: whatever they say, nothing can hit them."""
    a = block.a
    seen = np.unpackbits(np.bitwise_or.reduce(a.valid[_SHOWN, : rows // 8 + 1]), bitorder="little")[:rows]
    for which in (L["answers"], L["mail_to"]):
        seen[a.item_row[which, : int(a.state[ITEMS + which])]] = 1
    return int(((seen == 0) & (a.error[:rows] == 0)).sum())


def day_files(lake: Lake, kind: str, table: pa.Table) -> list[Staged]:
    """Write rows of a kind, a file a day, in their order; where one fails (a full disk: OSError) none is left."""
    days = _days(table)
    if np.any(days[1:] < days[:-1]):
        order = np.argsort(days, kind="stable")
        table, days = table.take(pa.array(order)), days[order]
    borders = [0, *(np.flatnonzero(np.diff(days)) + 1).tolist(), len(days)]
    files: list[Staged] = []
    try:
        for begin, end in pairwise(borders):
            files.append(lake.write(kind, int(days[begin]), table.slice(begin, end - begin)))
    except BaseException:
        lake.discard(files)
        raise
    return files


def _days(table: pa.Table) -> npt.NDArray[np.int64]:
    days: npt.NDArray[np.int64] = table["ts"].cast(pa.int64()).to_numpy() // DAY
    return days


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
