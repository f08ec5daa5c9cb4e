"""One worker of an ingest: a piece of a log becomes Parquet files of events, and rows of sightings and refusals.

The files are on disk and flushed, but not committed: the batch's one commit comes when all its pieces are done.
"""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.detect.sightings import sighting_table
from haechi.ingest.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.finish import Finisher
from haechi.ingest.finish_kernel import PartyTable
from haechi.ingest.quarantine import RefusedRecord, refused_by_feed, refused_records
from haechi.ingest.time_kernel import TimeRule
from haechi.model.block import BAD, BLANK, LINES, POSITION, ROWS, Block
from haechi.model.event import EVENT
from haechi.store.lake import Lake, Staged

CHUNK = 24 << 20  # bytes of a piece
ROWS_HELD = 98_304  # rows of a block: about one Parquet row group
STEP = 1024  # rows that are scanned, finished and matched while they are in cache
DAY = 86_400_000_000
_COPY = "format parquet, compression zstd, compression_level 1, parquet_version v2, dictionary_size_limit 100, row_group_size 122880"
_CASTS = {
    **dict.fromkeys(("ts_offset", "src_port", "dst_port", "http_status", "severity"), "integer"),
    "activity": "varchar",
}


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
    """Holds a block, a matcher and a DuckDB connection of one thread; used piece after piece."""

    def __init__(self, lake: Lake) -> None:
        self.block = Block(chunk=CHUNK, rows=ROWS_HELD)
        self._matcher = Matcher(ROWS_HELD)
        self._lake = lake
        self._duckdb = duckdb.connect(config={"threads": 1})
        self._duckdb.execute("set preserve_insertion_order=true; set TimeZone='UTC'; set memory_limit='1GB'")

    def close(self) -> None:
        """Let go of the connection."""
        self._duckdb.close()

    def work(self, piece: Piece, engine: Engine, setting: Setting, index: Index, now: int) -> Done:
        """Read, match and write one piece that stands in the block. Raises OSError on a full disk: nothing is committed."""
        done = Done(refused=list(refused_by_feed(piece)), lines=len(piece.refused))
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
        return done

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

    def _remove(self, done: Done, file: Path) -> None:
        """Take away the files of a piece that failed: the batch doesn't know them yet."""
        for name in (file, *(self._lake.path / staged.path for staged in done.files)):
            name.unlink(missing_ok=True)

    def _write_events(self, piece: Piece, setting: Setting, finisher: Finisher, now: int, done: Done) -> None:
        rows = int(self.block.a.state[ROWS])
        columns = self.block.columns(rows)
        if finisher.refused:
            columns["error"] = pa.array(self.block.a.error[:rows])
        self._duckdb.register("rows", pa.table(columns))
        try:
            names = [n for n in columns if n != "error" and n != "raw_offset"]
            chosen = ", ".join(f'"{n}"::{_CASTS[n]} as "{n}"' if n in _CASTS else f'"{n}"' for n in names)
            select = (
                f"select {chosen}, raw_offset + {piece.base} as raw_offset, make_timestamptz({now}) as ingested_at,"
                f" {setting.sensor_id}::integer as sensor_id, {setting.observer_id}::integer as observer_id,"
                f" {setting.input_id}::integer as input_id from rows"
            )
            good = self.block.a.error[:rows] == 0 if finisher.refused else None
            for day, count, first, last in _days(self.block.a.num[0, :rows], good):
                where = [f"ts >= make_timestamptz({day * DAY}) and ts < make_timestamptz({(day + 1) * DAY})"] * (
                    count != rows
                )
                where += ["error = 0"] * (good is not None)
                file = self._lake.stage(EVENT, day)
                condition = f" where {' and '.join(where)}" if where else ""
                path = str(file).replace("'", "''")
                try:
                    self._duckdb.execute(f"copy ({select}{condition}) to '{path}' ({_COPY})")
                    done.files.append(self._lake.staged(file, EVENT, day, count, first, last))
                except BaseException as error:
                    self._remove(done, file)
                    if isinstance(error, duckdb.IOException):
                        raise _as_os_error(error) from error
                    raise
        finally:
            self._duckdb.unregister("rows")


def _as_os_error(error: duckdb.IOException) -> OSError:
    """DuckDB tells the system's error number in its text."""
    if found := re.search(r'"errno":"?(\d+)', str(error)):
        return OSError(int(found[1]), os.strerror(int(found[1])))
    return OSError(str(error))


def _days(
    ts: "np.ndarray[tuple[int], np.dtype[np.int64]]", good: "np.ndarray[tuple[int], np.dtype[np.bool_]] | None"
) -> list[tuple[int, int, int, int]]:
    """(day, rows, first, last) of each UTC day that the good rows fall on."""
    if good is not None:
        ts = ts[good]
    first, last = int(ts.min()), int(ts.max())
    if first // DAY == last // DAY:
        return [(first // DAY, len(ts), first, last)]
    days = ts // DAY
    found = []
    for day in np.unique(days).tolist():
        those = ts[days == day]
        found.append((day, len(those), int(those.min()), int(those.max())))
    return found


def _with_constants(table: pa.Table, setting: Setting) -> pa.Table:
    n = table.num_rows
    for name, value in (
        ("sensor_id", setting.sensor_id),
        ("observer_id", setting.observer_id),
        ("input_id", setting.input_id),
    ):
        table = table.append_column(name, pa.array(np.full(n, value, np.int32)))
    return table
