"""Logs into the lake: read, match, commit; exactly once, whatever happens in between (DESIGN.md, ideas 1 and 2).

Two workers take pieces of the inputs in order. The pieces of a batch are committed together with each input's offset:
what was acknowledged is on disk, and a second run goes on from there.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec
from sqlalchemy import Connection

from haechi.detect.index import Index
from haechi.ingest.engines.delimited.csv_mapping import csv_reader, load_mapping
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.reader import Reader
from haechi.ingest.readers import reader_named, recognise, refuse_others
from haechi.model.clock import DAY
from haechi.model.errors import HaechiError, UsageError
from haechi.node.batch import Batch
from haechi.node.blocks import Setting
from haechi.node.disk import disk_errors
from haechi.node.home import Home
from haechi.node.inputs import NothingInIt, OpenInput, open_input
from haechi.node.matching import current_index
from haechi.node.unfinished import unfinished
from haechi.node.worker import Worker
from haechi.store.catalog import inputs, parties, sensors
from haechi.store.lake import Lake

WORKERS = 2
TELL_SECONDS = 0.2  # between two words on how far it is
BATCH_BYTES = 512 << 20
OLDEST_DAYS = 30 * 365  # what lies further back, or more than a day ahead, is taken for a wrong clock


class IngestProgress(msgspec.Struct, frozen=True):
    """How far an ingest is. Bytes are the files' own, compressed where they are; the total is None where it can't be known."""

    path: str
    bytes: int
    total_bytes: int | None
    events: int
    committed: int  # of the events: those that are in the lake
    sightings: int
    quarantined: int
    seconds: float


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input. `left` bytes at its end are no whole line yet and are read next time."""

    path: str
    reader: str
    why: str  # id of the text that says how the format was recognised; "" where it wasn't
    events: int
    sightings: int
    quarantined: int
    blank: int
    dark: int = 0  # events that show nothing that can be matched: no address, name, URL, digest
    bytes: int
    already: int  # bytes that an earlier run had committed
    left: int = 0
    same: str = ""  # another log of the same call that holds all of it
    before: str = ""  # the format that what was read before was read by, if it was another
    problem: str = ""


class IngestResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an ingest did. `slow` counts cells whose normal form took Unicode or URL rules."""

    events: int
    sightings: int
    quarantined: int
    blank: int
    bytes: int
    slow: int
    batches: int
    seconds: float
    files: tuple[FileResult, ...]


def ingest(
    home: Home,
    paths: Sequence[Path | str],
    *,
    format: str = "auto",
    sensor: str = "default",
    observer: str = "",
    zone: str = "",
    mapping: Path | None = None,
    again: bool = False,
    progress: Callable[[IngestProgress], None] | None = None,
) -> IngestResult:
    """Read the logs into the node's lake and match them. Paths may be files, folders or "-" for standard input.

    `observer` names the party that owns a new sensor, else it is this node's. A log that can't be opened or isn't
    recognised is left out and says why in its result's `problem`, the others are read; so is one of which can't be told
    whether it was read, unless `again` says that it wasn't. `progress` is told some times a second how far it is, and
    after each commit. Raises UsageError, before anything is read, where the call itself is wrong (no such format or party,
    a wrong mapping), Conflict where the sensor is another party's, and NodeCannot where the disk is full or fails: what
    was committed until then stays, and the same call goes on from there.
    """
    begun = time.perf_counter()
    inputs_given = expand(paths)
    with (
        disk_errors("ingest.unwritten"),
        _Run(home, format, sensor, zone, mapping, progress, observer=observer, again=again) as run,
    ):
        try:
            run.read(inputs_given)
        finally:  # what was committed until then stays, and stands in the audit log
            result = run.result(time.perf_counter() - begun)
            counts = {"events": result.events, "sightings": result.sightings, "quarantined": result.quarantined}
            home.audit().append("ingest", subject=f"sensor--{sensor}", details={"files": len(result.files), **counts})
    return result


def expand(paths: Iterable[Path | str]) -> list[Path | None]:
    """Files of folders and globs (in name order, without hidden files and folders); "-" is standard input, as None."""
    found: list[Path | None] = []
    for given in paths:
        path = Path(given)
        if str(given) == "-":
            found.append(None)
        elif path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and not _hidden(p.relative_to(path)))
        elif not path.exists() and any(c in str(given) for c in "*?["):
            matches = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
            matches = [m for m in matches if not any(p.startswith(".") and p not in path.parts for p in m.parts)]
            if not matches:
                raise UsageError("ingest.no_match", pattern=str(given))
            for match in matches:
                found += expand([match]) if match.is_dir() else [match] if match.is_file() else []
        else:
            found.append(path)
    return found


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _owner(connection: Connection, home: Home, sensor: str, observer: str) -> int:
    """The party that owns the sensor: the one that was named, else the one that it has, else this node's."""
    if not observer:
        known = [one for one in sensors.list_sensors(connection) if one.name == sensor.strip()]
        return known[0].party_id if known else home.party_id
    found = [party for party in parties.list_parties(connection) if party.name == observer]
    if not found:
        raise UsageError("parties.no_name", name=observer)
    here = [party for party in found if party.country == home.config.country]
    return (here or found)[0].id


class _Run:
    """One call of `ingest`: its inputs, workers and counts."""

    def __init__(
        self,
        home: Home,
        format: str,
        sensor: str,
        zone: str,
        mapping: Path | None,
        progress: Callable[[IngestProgress], None] | None,
        *,
        observer: str,
        again: bool,
    ) -> None:
        self._again = again
        self._home, self._format, self._mapping, self._progress = home, format, mapping, progress
        # A wrong word or a wrong mapping is told before anything is opened.
        self._csv = None if mapping is None else load_mapping(mapping)
        if self._csv is None and format == "csv":
            raise UsageError("mapping.needed")
        if format not in ("auto", "csv"):
            reader_named(format)
        self._begun = time.perf_counter()
        self._lake = Lake(home.lake_path)
        with home.catalog().begin() as connection:
            owner = _owner(connection, home, sensor, observer)
            self._sensor = sensors.get_or_add(connection, sensor, owner, zone)
            self._parties = party_table(parties.networks(connection))
        self._inputs: list[OpenInput] = []
        self._results: list[FileResult] = []
        self._at = 0  # the input that pieces are taken from
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._workers: list[Worker] = []
        self._engines: dict[tuple[int, OpenInput], Engine] = {}
        self._batches = self._slow = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._inputs:
            opened.source.close()

    def read(self, paths: Sequence[Path | None]) -> None:
        """Read all inputs. What begins as one before it is opened again behind it: only then it shows what is new in it."""
        while paths:
            waiting = [waits for path in paths if (waits := self._add(path)) is not None]
            self._go()
            # The longest next: then the others are its beginning, which is soon told.
            paths = [path for path, _ in sorted(waiting, key=lambda found: -found[1])]

    def _add(self, path: Path | None) -> tuple[Path, int] | None:
        """Open an input; what can't be opened or recognised becomes a result with its problem.

        The path and its size where the log continues one that isn't read yet.
        """
        try:
            opened = open_input(
                self._home.catalog(),
                path,
                self._reader,
                sensor_id=self._sensor.id,
                mapping=self._mapping,
                lake=self._lake,
                now=self._home.clock.now(),
                again=self._again,
            )
        except HaechiError as error:
            problem = "" if isinstance(error, NothingInIt) else str(error)
            self._results.append(_failed("-" if path is None else str(path), problem))
            return None
        alike = [k for k, other in enumerate(self._inputs) if other.row.id == opened.row.id and not other.copy]
        if path is not None and not opened.copy and alike and alike[-1] >= self._at:
            opened.source.close()
            return path, opened.source.size or 0
        opened.same = self._inputs[alike[-1]].path if alike else ""
        self._inputs.append(opened)
        return None

    def _reader(self, head: bytes, name: str) -> tuple[Reader, str]:
        refuse_others(head, name)
        if self._csv is not None:
            return csv_reader(self._csv), "recognised.by_mapping"
        if self._format == "auto":
            return recognise(head, name)
        return reader_named(self._format), "recognised.by_option"

    def _go(self) -> None:
        """Batch after batch until all inputs are read that are open."""
        if self._at == len(self._inputs):
            return
        self._workers = self._workers or [Worker(self._lake) for _ in range(WORKERS)]
        with ThreadPoolExecutor(WORKERS) as pool:
            while self._at < len(self._inputs):
                self._index = current_index(self._home, self._index)
                batch = Batch(self._lake, self._home.clock.now())
                try:
                    futures = [pool.submit(self._drain, worker, batch) for worker in self._workers]
                    self._wait(futures, batch)
                    for future in futures:
                        future.result()
                    self._commit(batch)
                except BaseException:
                    batch.abandon()
                    raise

    def _wait(self, futures: list[Future[None]], batch: Batch) -> None:
        try:
            while wait(futures, timeout=TELL_SECONDS).not_done:
                self._tell(batch)
        except BaseException:
            self._at = len(self._inputs)  # no further piece is taken
            raise
        finally:
            wait(futures)  # all, whatever fails: else a file may be written after the clearing up

    def _drain(self, worker: Worker, batch: Batch) -> None:
        while True:
            with self._lock:
                taken = self._take(worker, batch)
                if taken is None:
                    return
                opened, piece = taken
                if opened.multiline:
                    self._work(worker, batch, opened, piece)
            if not opened.multiline:
                self._work(worker, batch, opened, piece)

    def _take(self, worker: Worker, batch: Batch) -> tuple[OpenInput, Piece] | None:
        """The next piece of the inputs in order, in the worker's block; None when the batch is full or all is read."""
        while self._at < len(self._inputs) and batch.bytes < BATCH_BYTES:
            opened = self._inputs[self._at]
            piece = opened.feed.next(worker.block)
            if piece is not None and opened.feed.ended and opened.source.position <= opened.seen:
                piece = None  # it is the unfinished record that an earlier run saw, and no more
            if piece is not None:
                batch.take(opened, piece)
                return opened, piece
            self._at += 1
        return None

    def _work(self, worker: Worker, batch: Batch, opened: OpenInput, piece: Piece) -> None:
        assert self._index is not None
        key = (id(worker), opened)
        engine = self._engines.get(key)
        if engine is None:
            engine = self._engines[key] = opened.make_engine()
        now = self._home.clock.now()
        setting = Setting(
            input_id=opened.row.id,
            sensor_id=self._sensor.id,
            observer_id=self._sensor.party_id,
            rule=time_rule(
                self._sensor.zone or (self._csv.time_zone if self._csv else ""),
                newest=min(opened.source.mtime, now) + DAY,
                oldest=now - OLDEST_DAYS * DAY,
                latest=now + DAY,
            ),
            parties=self._parties,
        )
        done = worker.work(piece, engine, setting, self._index, now)
        at, seen = unfinished(piece, done.refused, multiline=opened.multiline), 0
        if at is not None:
            done.unread, seen = piece.end - at, opened.source.position
        if done.unread:
            opened.feed.give_back(piece, done.unread)
        batch.add(opened, piece, done, seen)

    def _commit(self, batch: Batch) -> None:
        if not batch.ends:
            return
        if not batch.commit():
            return  # another process was first, and notes it in the catalog
        self._batches += 1
        self._slow += batch.slow
        with self._home.catalog().begin() as connection:
            for opened, (end, tail) in batch.ends.items():
                head_length = min(len(opened.source.head), inputs.HEAD_LENGTH)
                inputs.advance(
                    connection,
                    opened.row.id,
                    committed=end,
                    tail=sha256(tail).digest(),
                    tail_length=len(tail),
                    head=opened.source.digest_of_first(head_length),
                    head_length=head_length,
                    path=opened.path,
                    reader=opened.reader.name,
                )
        self._tell(batch)

    def _tell(self, batch: Batch) -> None:
        """How far it is: what is committed, and what of the batch is worked through."""
        if self._progress is None:
            return
        begun = self._inputs[: self._at + 1]
        sizes = [None if o.source.size is None else o.source.size - o.begun for o in self._inputs]
        events, sightings, quarantined = batch.counted()
        committed = sum(o.events for o in begun)
        self._progress(
            IngestProgress(
                path=begun[-1].path,
                bytes=sum(o.source.stored_position - o.begun for o in begun),
                total_bytes=None if None in sizes else sum(size or 0 for size in sizes),
                events=events + committed,
                committed=committed,
                sightings=sightings + sum(o.sightings for o in begun),
                quarantined=quarantined + sum(o.quarantined for o in begun),
                seconds=time.perf_counter() - self._begun,
            )
        )

    def result(self, seconds: float) -> IngestResult:
        """The sums, and each file's own."""
        files = tuple(self._results) + tuple(_result(opened) for opened in self._inputs)
        return IngestResult(
            events=sum(f.events for f in files),
            sightings=sum(f.sightings for f in files),
            quarantined=sum(f.quarantined for f in files),
            blank=sum(f.blank for f in files),
            bytes=sum(f.bytes for f in files),
            slow=self._slow,
            batches=self._batches,
            seconds=seconds,
            files=files,
        )


def _result(opened: OpenInput) -> FileResult:
    return FileResult(
        path=opened.path,
        reader=opened.reader.name,
        why=opened.why,
        events=opened.events,
        sightings=opened.sightings,
        quarantined=opened.quarantined,
        blank=opened.blank,
        dark=opened.dark,
        bytes=opened.end - opened.start,
        already=opened.start,
        left=opened.feed.left,
        same=opened.same if opened.end == opened.start else "",
        before=opened.row.reader if opened.start and opened.row.reader != opened.reader.name else "",
    )


def _failed(path: str, problem: str) -> FileResult:
    return FileResult(
        path=path, reader="", why="", events=0, sightings=0, quarantined=0, blank=0, bytes=0, already=0, problem=problem
    )
