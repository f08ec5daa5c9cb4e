"""Bytes of refused records through a reader again: into rows of the lake that keep their place in the input."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.detect.sightings import sighting_tables
from haechi.ingest.engines.delimited.csv_mapping import CsvMapping
from haechi.ingest.engines.engine import Engine, engine_for
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.quarantine import RefusedRecord, refused_records
from haechi.ingest.reader import Reader
from haechi.ingest.source import Source
from haechi.model.block import PADDING, POSITION, ROWS, Block
from haechi.model.event import LAKE_SCHEMA
from haechi.node.blocks import Setting, filled
from haechi.node.events import log_of
from haechi.store.catalog.inputs import InputRow

CHUNK = 4 << 20  # bytes; the longest record that is kept whole has 1 MiB
ROWS_HELD = 16_384
_LONGEST_LINE = 1 << 20


@dataclass(slots=True)
class Log:
    """What is left of a record's log: its first bytes, its time, and where it names its columns."""

    there: bool
    head: bytes = b""
    mtime: int | None = None
    header_at: list[int] = field(default_factory=list)  # offsets of the lines that name columns, and the lines
    header: list[bytes] = field(default_factory=list)

    def columns_of(self, offset: int) -> bytes:
        """The header lines that stand before an offset."""
        return b"\n".join(self.header[: bisect_left(self.header_at, offset)])


def log_for(row: InputRow, mark: bytes) -> Log:
    """The log of an input, its header lines gathered where the format has them (`mark` begins one)."""
    source = log_of(row)
    if source is None:
        return Log(there=False)
    try:
        log = Log(there=True, head=source.head, mtime=source.mtime)
        if mark:
            for at, line in _comments(source, row.committed):
                log.header_at.append(at)
                log.header.append(line)
        return log
    finally:
        source.close()


def _comments(source: Source, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a log that begin with #, with their offsets."""
    at, rest = 0, b""
    while at < end and (more := source.read(1 << 20)):
        lines = (rest + more).split(b"\n")
        for line in lines[:-1]:
            if line.startswith((b"#", b"\xef\xbb\xbf#")):
                yield at, line.rstrip(b"\r")
            at += len(line) + 1
        rest = lines[-1]
        if len(rest) > _LONGEST_LINE:  # no header; what follows up to its end isn't either
            at += len(rest)
            rest = b""


@dataclass(slots=True)
class Reread:
    """What became of some records, which are told by their number in the order given."""

    events: list[pa.Table] = field(default_factory=list)
    refused: list[tuple[int, RefusedRecord]] = field(default_factory=list)  # its offset is that in the input
    read: set[int] = field(default_factory=set)  # numbers of those that gave an event


class Rereader:
    """Reads records of one input by one reader; holds a block, used again for all of them."""

    def __init__(self, index: Index) -> None:
        self._block = Block(chunk=CHUNK, rows=ROWS_HELD)
        self._matcher = Matcher(ROWS_HELD)
        self._index = index

    def read(
        self,
        raws: Sequence[bytes],
        offsets: Sequence[int],
        *,
        row: InputRow,
        reader: Reader,
        head: bytes,
        header: bytes,
        mapping: CsvMapping | None,
        setting: Setting,
        now: int,
        keep: Callable[[pa.Table], None],
    ) -> Reread:
        """Read the records' bytes, which stand at `offsets` in the input; `keep` is given the sightings as they come."""
        done = Reread()
        first = 0
        while first < len(raws):
            last, size = first, 0
            while last < len(raws) and last - first < ROWS_HELD and (size == 0 or size + len(raws[last]) < CHUNK):
                size += len(raws[last]) + 1
                last += 1
            engine = engine_for(reader, head=head or raws[first], file_name=row.path, mapping=mapping)
            if header:
                engine.take_header(header)
            part = _Part(first, raws[first:last], offsets[first:last], reader.engine == "json")
            self._part(part, engine, setting, now, done, keep)
            first = last
        return done

    def _part(
        self,
        part: "_Part",
        engine: Engine,
        setting: Setting,
        now: int,
        done: Reread,
        keep: Callable[[pa.Table], None],
    ) -> None:
        piece = part.into(self._block)
        if engine.multiline:
            engine = _Apart(engine, part.ends())

        def take() -> None:
            for table in sighting_tables(
                self._block, self._matcher, self._index, base=0, input_id=setting.input_id, matched_at=now
            ):
                keep(_in_lake(part.placed_sightings(table), setting))

        for finisher in filled(self._block, self._matcher, self._index, engine, piece, setting, take):
            self._collect(part, piece, finisher, setting, now, done)
        if int(self._block.a.state[POSITION]) < piece.length:
            raise RuntimeError("the reader makes no progress")

    def _collect(
        self, part: "_Part", piece: Piece, finisher: Finisher, setting: Setting, now: int, done: Reread
    ) -> None:
        block, rows = self._block, int(self._block.a.state[ROWS])
        for record in refused_records(block, piece):
            number, offset = part.place(record.offset)
            done.refused.append(
                (
                    number,
                    RefusedRecord(offset, record.length, None, record.reason, record.field, record.value, record.raw),
                )
            )
        if rows > finisher.refused:
            good = pa.table(block.columns(rows)).filter(pa.array(block.a.error[:rows] == 0))
            numbers, table = part.placed(good)
            done.read |= set(numbers.tolist())
            moment = pa.repeat(pa.scalar(now, pa.timestamp("us", tz="UTC")), table.num_rows)
            done.events.append(_in_lake(table.append_column("ingested_at", moment), setting))


class _Apart:
    """An engine whose records may span lines, held to one record at a time: an open quote must not reach the next."""

    header_mark = b""
    multiline = True

    def __init__(self, engine: Engine, ends: Sequence[int]) -> None:
        self._engine, self._ends = engine, ends
        self.meaning = engine.meaning
        self.take_header = engine.take_header

    @property
    def extra_keys(self) -> pa.StringArray:
        """See Engine."""
        return self._engine.extra_keys

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:  # noqa: ARG002 (as Engine)
        """See Engine. Each record is there whole."""
        state = block.a.state
        while state[POSITION] < end and state[ROWS] < max_rows:
            stop = self._ends[bisect_right(self._ends, int(state[POSITION]))]
            self._engine.scan(block, stop, max_rows)
            if state[POSITION] < stop:
                return  # the block is full


class _Part:
    """Some records in one buffer, a line each, and where they stand in their input."""

    def __init__(self, first: int, raws: Sequence[bytes], offsets: Sequence[int], json: bool) -> None:
        self._first = first
        # A record of a JSON document may span lines; line ends in it are blanks, for inside strings they are escaped.
        raws = [raw.replace(b"\n", b" ").replace(b"\r", b" ") for raw in raws] if json else raws
        self._bytes = b"".join(raw + b"\n" for raw in raws)
        self._starts = np.cumsum([0, *(len(raw) + 1 for raw in raws[:-1])], dtype=np.int64)
        self._offsets = np.array(offsets, np.int64)

    def into(self, block: Block) -> Piece:
        """Put the bytes into the block's buffer."""
        n = len(self._bytes)
        block.a.buf[:n] = np.frombuffer(self._bytes, np.uint8)
        block.a.buf[n : n + PADDING] = 0
        return Piece(0, n, n, False, b"", last=True)

    def ends(self) -> list[int]:
        """Where each record ends in the buffer."""
        return [*self._starts[1:].tolist(), len(self._bytes)]

    def place(self, at: int) -> tuple[int, int]:
        """The number of the record that stands at a byte of the buffer, and that byte's place in the input."""
        k = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self._first + k, int(self._offsets[k] + at - self._starts[k])

    def _places(self, at: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        k = np.searchsorted(self._starts, at, side="right") - 1
        return self._first + k, self._offsets[k] + at - self._starts[k]

    def placed(self, table: pa.Table) -> tuple[npt.NDArray[np.int64], pa.Table]:
        """The records' numbers, and the table with offsets of the input in place of the buffer's."""
        numbers, offsets = self._places(table["raw_offset"].to_numpy())
        return numbers, table.set_column(table.column_names.index("raw_offset"), "raw_offset", pa.array(offsets))

    def placed_sightings(self, table: pa.Table) -> pa.Table:
        """The same for sightings, which name their event too."""
        _, table = self.placed(table)
        kind = LAKE_SCHEMA.field("events").type
        offsets = table["raw_offset"].combine_chunks()
        inputs = pc_list_field(table["events"], "input_id")
        events = pa.StructArray.from_arrays([inputs, offsets], fields=list(kind.value_type))
        lists = pa.ListArray.from_arrays(pa.array(np.arange(table.num_rows + 1, dtype=np.int32)), events)
        return table.set_column(table.column_names.index("events"), "events", lists)


def pc_list_field(lists: Any, name: str) -> Any:
    """One field of lists that hold one struct each."""
    return lists.combine_chunks().flatten().field(name)


def _in_lake(table: pa.Table, setting: Setting) -> pa.Table:
    """The table with its constants, each column as the lake has it."""
    constants = {"sensor_id": setting.sensor_id, "observer_id": setting.observer_id, "input_id": setting.input_id}
    for name, value in constants.items():
        table = table.append_column(name, pa.array(np.full(table.num_rows, value, np.int32)))
    return pa.table({name: table[name].cast(LAKE_SCHEMA.field(name).type) for name in table.column_names})
