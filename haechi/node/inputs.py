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
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.node.events import log_of
from haechi.node.unfinished import seen_by, waits
from haechi.store.catalog import inputs
from haechi.store.catalog.inputs import InputRow
from haechi.store.lake import Lake

_STEP = 1 << 20


class NothingInIt(BadInput):
    """An empty log: no fault, there may be something in it later."""


@dataclass(slots=True, eq=False)
class OpenInput:
    """One log being read."""

    path: str
    source: Source
    feed: Feed
    reader: Reader
    why: str  # id of the text that says by what the format was recognised
    row: InputRow
    start: int
    make_engine: Callable[[], Engine]
    multiline: bool
    committed: int  # what the lake holds of it
    seen: int = 0  # what was seen of it when its last record was left unfinished
    waits: bool = False  # that record is in the quarantine, to leave it when the log goes on
    copy: bool = False  # it is the beginning of what was read already
    same: str = ""  # the log of this call that has the same bytes, as far as this one goes
    begun: int = 0  # where reading began, as the source's `stored_position` counts
    end: int = 0
    events: int = 0
    dark: int = 0  # events that show nothing that can be matched
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
    again: bool = False,
) -> OpenInput:
    """Open a log and find the input that it continues, or note a new one.

    Raises NothingInIt for an empty file. A log that is the beginning of an input brings nothing new. Where that can't be
    told, for the longer log isn't where it was, raises BadInput; with `again` it is a new input.
    """
    source = Source(path)
    try:
        if source.regular and source.size is None:
            raise NothingInIt("log.empty", location=Location(path=source.name))
        reader, why = reader_of(source.head, source.name)

        def make_engine() -> Engine:
            return engine_for(reader, head=source.head, file_name=source.name, mapping=mapping)

        engine = make_engine()
        document = reader.engine == "json" and is_document(source.head)
        row, copied = _identify(catalog, source, sensor_id, reader.name, again=again)
        committed, seen = max(lake.committed(row.uuid) or 0, 0), lake.committed(seen_by(row.uuid)) or 0
        unfinished = seen and seen >= committed
        waiting = bool(unfinished) and waits(lake, row.id, committed)
        feed = Feed(source, document=document, multiline=engine.multiline, header_mark=engine.header_mark, now=now)
        start = seen if unfinished and not waiting else committed  # a replay has read the unfinished record
        start = start if copied is None else copied
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
            copy=copied is not None,
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


def _identify(
    catalog: CatalogEngine, source: Source, sensor_id: int, reader: str, *, again: bool
) -> tuple[InputRow, int | None]:
    """The input this log continues, or a new one; or the one that it is the beginning of, and how long it is itself.

    The sensor and the bytes tell an input, not the format it was read by: a record must not come in by two formats. It
    is compared while no transaction is open.
    """

    def alike(connection: Connection) -> list[InputRow]:
        if not source.regular:
            return []
        found = [row for row in inputs.by_head(connection, source.digest_of_first) if row.sensor_id == sensor_id]
        return sorted(found, key=lambda row: row.reader != reader)

    while True:
        with catalog.connect() as connection:
            known = alike(connection)
        found = _first_alike(source, known, again=again)
        if found is not None:
            return found
        with catalog.begin() as connection:
            inputs.lock(connection)
            if alike(connection) == known:  # else another process noted one meanwhile
                return _create(connection, source, sensor_id, reader), None


def _first_alike(source: Source, known: list[InputRow], *, again: bool) -> tuple[InputRow, int | None] | None:
    if source.path is None:
        return None
    shorter: list[tuple[InputRow, int]] = []
    for row in known:
        continues, length = _continues(source.path, row)
        if continues:
            return row, None
        if length is not None:
            shorter.append((row, length))
    unknown: InputRow | None = None
    for row, length in shorter:
        begins = _begins(source.path, length, row)
        if begins:
            return row, length
        if begins is None:
            unknown = row
    if unknown is None or again:
        return None
    raise BadInput("log.shorter", location=Location(path=source.name), other=unknown.path)


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


def _continues(path: Path, row: InputRow) -> tuple[bool, int | None]:
    """If the bytes before the row's committed offset are the same in this log; its length where it is shorter."""
    source = Source(path)
    try:
        found = b""
        if source.skip_to(row.committed - row.tail_length):
            found = _next(source, row.tail_length)
            if len(found) == row.tail_length:
                return row.tail_length <= TAIL and (not found or sha256(found).digest() == row.tail), None
        return False, source.position if source.compression else source.size
    finally:
        source.close()


def _begins(path: Path, length: int, row: InputRow) -> bool | None:
    """If this log's bytes are the first of the input; None where its log isn't there any more."""
    longer = log_of(row)
    if longer is None:
        return None
    source = Source(path)
    try:
        if not _continues(Path(row.path), row)[0]:
            return None
        while source.position < length:
            step = _next(source, min(_STEP, length - source.position))
            if step != _next(longer, len(step)):
                return False
        return True
    finally:
        source.close()
        longer.close()


def _next(source: Source, length: int) -> bytes:
    """The next `length` bytes, fewer at the end."""
    found = b""
    while len(found) < length and (more := source.read(length - len(found))):
        found += more
    return found
