"""A log opened for ingest: its bytes, its format, who it was last time and where to go on.

A log may be slow (a quiet pipe, a large file to be unpacked up to where it was read): while its bytes are waited for,
no transaction of the catalog is open.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy import Engine as CatalogEngine

from haechi.ingest.engines.engine import Engine, engine_for
from haechi.ingest.feed import TAIL, Feed
from haechi.ingest.reader import Reader
from haechi.ingest.source import HEAD_LENGTH, Source
from haechi.node.unfinished import seen_by, waits
from haechi.store.catalog import inputs
from haechi.store.catalog.inputs import InputRow
from haechi.store.lake import Lake


@dataclass(slots=True, eq=False)
class OpenInput:
    """One log being read."""

    path: str
    source: Source
    feed: Feed
    reader: Reader
    why: str
    row: InputRow
    start: int
    make_engine: Callable[[], Engine]
    multiline: bool
    committed: int  # what the lake holds of it
    seen: int = 0  # what was seen of it when its last record was left unfinished
    waits: bool = False  # that record is in the quarantine, to leave it when the log goes on
    begun: int = 0  # where reading began, as the source's `stored_position` counts
    end: int = 0
    events: int = 0
    sightings: int = 0
    quarantined: int = 0
    blank: int = 0
    lines: int = 0  # committed so far, where they are counted from the start


def open_input(
    catalog: CatalogEngine,
    path: Path | None,
    reader_of: Callable[[bytes, str], tuple[Reader, str]],
    *,
    sensor_id: int,
    mapping: Path | None,
    lake: Lake,
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
        row = _identify(catalog, source, sensor_id, reader.name)
        committed, seen = max(lake.committed(row.uuid) or 0, 0), lake.committed(seen_by(row.uuid)) or 0
        unfinished = seen and seen >= committed
        waiting = bool(unfinished) and waits(lake, row.id, committed)
        feed = Feed(source, document=document, multiline=engine.multiline, header_mark=engine.header_mark, now=now)
        start = seen if unfinished and not waiting else committed  # a replay has read the unfinished record
        if start and not feed.resume_at(start):
            committed = start = 0
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
            committed=committed,
            seen=seen,
            waits=waiting,
            begun=source.stored_position if start else 0,
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


def _identify(catalog: CatalogEngine, source: Source, sensor_id: int, reader: str) -> InputRow:
    """The input this log continues, a new one where it continues none; it is compared while no transaction is open."""

    def alike(connection: Connection) -> list[InputRow]:
        if not source.regular:
            return []
        found = inputs.by_head(connection, source.digest_of_first)
        return [row for row in found if (row.sensor_id, row.reader) == (sensor_id, reader)]

    while True:
        with catalog.connect() as connection:
            known = alike(connection)
        for row in known:
            if source.path is not None and _continues(source.path, row):
                return row
        with catalog.begin() as connection:
            inputs.lock(connection)
            if alike(connection) == known:  # else another process noted one meanwhile
                return _create(connection, source, sensor_id, reader)


def _create(connection: Connection, source: Source, sensor_id: int, reader: str) -> InputRow:
    head_length = min(len(source.head), HEAD_LENGTH)
    return inputs.create(
        connection,
        sensor_id=sensor_id,
        path=source.name,
        head=source.digest_of_first(head_length),
        head_length=head_length,
        reader=reader,
        compression=source.compression,
    )


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
