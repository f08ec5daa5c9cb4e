"""A log opened for ingest: its bytes, its format, who it was last time and where to go on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection

from haechi.ingest.engines.engine import Engine, engine_for
from haechi.ingest.feed import TAIL, Feed
from haechi.ingest.reader import Reader
from haechi.ingest.source import HEAD_LENGTH, Source
from haechi.store.catalog import inputs
from haechi.store.catalog.inputs import InputRow

CommittedOffset = Callable[[str], int | None]


@dataclass(slots=True, eq=False)
class OpenInput:
    """One log being read. `lock` is held while a multi-line format's piece is worked on: such pieces go in order."""

    path: str
    source: Source
    feed: Feed
    reader: Reader
    why: str
    row: InputRow
    start: int
    make_engine: Callable[[], Engine]
    multiline: bool
    lock: Lock = field(default_factory=Lock)
    end: int = 0
    tail: bytes = b""
    events: int = 0
    sightings: int = 0
    quarantined: int = 0
    blank: int = 0
    lines: int = 0  # committed so far, where they are counted from the start


def open_input(
    connection: Connection,
    path: Path | None,
    reader_of: Callable[[bytes, str], tuple[Reader, str]],
    *,
    sensor_id: int,
    mapping: Path | None,
    committed: CommittedOffset,
    now: int,
) -> OpenInput:
    """Open a log and find the input that it continues, or note a new one."""
    source = Source(path)
    try:
        reader, why = reader_of(source.head, source.name)

        def make_engine() -> Engine:
            return engine_for(reader, head=source.head, file_name=source.name, mapping=mapping)

        engine = make_engine()
        document = reader.engine == "json" and is_document(source.head)
        row, start = _identify(connection, source, sensor_id, reader.name, committed)
        feed = Feed(source, document=document, multiline=engine.multiline, header_mark=engine.header_mark, now=now)
        if start and not feed.resume_at(start):
            start = 0
        return OpenInput(
            path=source.name,
            source=source,
            feed=feed,
            reader=reader,
            why=why,
            row=row,
            start=start,
            end=start,
            make_engine=make_engine,
            multiline=engine.multiline,
        )
    except BaseException:
        source.close()
        raise


def is_document(head: bytes) -> bool:
    """True for a JSON array of records, or a record that goes over several lines."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"["):
        return True
    first, _, rest = text.partition(b"\n")
    goes_on = rest.lstrip()[:1] not in (b"", b"{")  # a record behind it: the first line is merely a broken one
    return text.startswith(b"{") and goes_on and not first.rstrip().endswith(b"}") and first.count(b'"') < 4


def _identify(
    connection: Connection, source: Source, sensor_id: int, reader: str, committed: CommittedOffset
) -> tuple[InputRow, int]:
    """The input this log continues and the offset to go on from; a new input where it continues none."""
    inputs.lock(connection)
    if source.path is not None:
        for row in inputs.by_head(connection, source.digest_of_first):
            if row.sensor_id == sensor_id and row.reader == reader and _continues(source.path, row):
                return row, max(committed(row.uuid) or 0, 0)
    head_length = min(len(source.head), HEAD_LENGTH)
    row = inputs.create(
        connection,
        sensor_id=sensor_id,
        path=source.name,
        head=source.digest_of_first(head_length),
        head_length=head_length,
        reader=reader,
        compression=source.compression,
    )
    return row, 0


def _continues(path: Path, row: InputRow) -> bool:
    """True if the bytes before the row's committed offset are the same in this log."""
    if row.tail_length == 0:
        return True
    source = Source(path)
    try:
        if not source.skip_to(row.committed - row.tail_length):
            return False
        found = b""
        while len(found) < row.tail_length and (more := source.read(row.tail_length - len(found))):
            found += more
        return len(found) == row.tail_length <= TAIL and sha256(found).digest() == row.tail
    finally:
        source.close()
