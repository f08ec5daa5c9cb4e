"""Logs into the lake: read, match, commit; exactly once, whatever happens in between (DESIGN.md, ideas 1 and 2).

Two workers take pieces of the inputs in order. The pieces of a batch are committed together with each input's offset:
what was acknowledged is on disk, and a second run goes on from there.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from hashlib import sha256
from pathlib import Path
from typing import Self

import msgspec

from haechi.detect.index import Index
from haechi.ingest.engines.delimited.csv_mapping import csv_reader, load_mapping
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.reader import Reader
from haechi.ingest.readers import reader_named, recognise
from haechi.model.clock import DAY
from haechi.model.errors import HaechiError, UsageError
from haechi.node.batch import Batch
from haechi.node.disk import disk_errors
from haechi.node.home import Home
from haechi.node.inputs import OpenInput, open_input
from haechi.node.matching import current_index
from haechi.node.worker import Setting, Worker
from haechi.store.catalog import inputs, parties, sensors
from haechi.store.lake import Lake

WORKERS = 2
BATCH_BYTES = 512 << 20
OLDEST_DAYS = 30 * 365  # what lies further back, or more than a day ahead, is taken for a wrong clock


class IngestProgress(msgspec.Struct, frozen=True):
    """How far an ingest is: what is committed, of how much. `total_bytes` is None where it can't be known."""

    path: str
    bytes: int
    total_bytes: int | None
    events: int
    sightings: int
    quarantined: int


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one input. `left` bytes at its end are no whole line yet and are read next time."""

    path: str
    reader: str
    why: str  # how the format was recognised
    events: int
    sightings: int
    quarantined: int
    blank: int
    bytes: int
    already: int  # bytes that an earlier run had committed
    left: int = 0
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
    zone: str = "",
    mapping: Path | None = None,
    progress: Callable[[IngestProgress], None] | None = None,
) -> IngestResult:
    """Read the logs into the node's lake and match them. Paths may be files, folders or "-" for standard input.

    A log that can't be opened or isn't recognised is left out and says why in its result's `problem`; the others are
    read. Raises UsageError, before anything is read, where the call itself is wrong (no such format, a wrong mapping), and
    NodeCannot where the disk is full: what was committed until then stays, and the same call goes on from there.
    """
    begun = time.perf_counter()
    with disk_errors("the batch"), _Run(home, format, sensor, zone, mapping, progress) as run:
        for path in expand(paths):
            run.add(path)
        run.go()
        result = run.result(time.perf_counter() - begun)
    counts = {"events": result.events, "sightings": result.sightings, "quarantined": result.quarantined}
    home.audit().append("ingest", subject=f"sensor--{sensor}", details={"files": len(result.files), **counts})
    return result


def expand(paths: Iterable[Path | str]) -> list[Path | None]:
    """Files of folders (in name order, hidden ones left out) and of globs; "-" is standard input, as None."""
    found: list[Path | None] = []
    for given in paths:
        path = Path(given)
        if str(given) == "-":
            found.append(None)
        elif path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif not path.exists() and any(c in str(given) for c in "*?["):
            matches = sorted(Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))))
            if not matches:
                raise UsageError(f"{given}: nothing matches", advice="Check the pattern")
            found += [m for m in matches if m.is_file()]
        else:
            found.append(path)
    return found


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
    ) -> None:
        self._home, self._format, self._mapping, self._progress = home, format, mapping, progress
        # A wrong word or a wrong mapping is told before anything is opened.
        self._csv = None if mapping is None else load_mapping(mapping)
        if self._csv is None and format == "csv":
            raise UsageError("CSV names no fields by itself", advice="Say which column is what: --mapping FILE")
        if format not in ("auto", "csv"):
            reader_named(format)
        self._lake = Lake(home.lake_path)
        with home.catalog().begin() as connection:
            self._sensor = sensors.get_or_add(connection, sensor, home.party_id, zone)
            self._parties = party_table(parties.networks(connection))
        self._inputs: list[OpenInput] = []
        self._results: list[FileResult] = []
        self._at = 0  # the input that pieces are taken from
        self._lock = threading.Lock()
        self._index: Index | None = None
        self._workers: list[Worker] = []
        self._engines: dict[tuple[int, int], Engine] = {}
        self._batches = self._slow = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for opened in self._inputs:
            opened.source.close()

    def add(self, path: Path | None) -> None:
        """Open an input; what can't be opened or recognised becomes a result with its problem."""
        try:
            with self._home.catalog().begin() as connection:
                opened = open_input(
                    connection,
                    path,
                    self._reader,
                    sensor_id=self._sensor.id,
                    mapping=self._mapping,
                    committed=self._lake.committed,
                    now=self._home.clock.now(),
                )
                same = next((other for other in self._inputs if other.row.id == opened.row.id), None)
                if same is None:
                    self._inputs.append(opened)
            if same is not None:
                opened.source.close()
                self._results.append(_same(opened, same.path))
        except HaechiError as error:
            name = "-" if path is None else str(path)
            self._results.append(_failed(name, str(error)))

    def _reader(self, head: bytes, name: str) -> tuple[Reader, str]:
        if self._csv is not None:
            return csv_reader(self._csv), "read by the mapping file"
        if self._format == "auto":
            return recognise(head, name)
        return reader_named(self._format), "named by --format"

    def go(self) -> None:
        """Batch after batch until all inputs are read."""
        if not self._inputs:
            return
        self._workers = [Worker(self._lake) for _ in range(WORKERS)]
        with ThreadPoolExecutor(WORKERS) as pool:
            while self._at < len(self._inputs):
                self._index = current_index(self._home, self._index)
                batch = Batch(self._lake, self._home.clock.now())
                try:
                    futures = [pool.submit(self._drain, worker, batch) for worker in self._workers]
                    wait(futures)  # all, also when one fails: else a file may be written after the clearing up
                    for future in futures:
                        future.result()
                    self._commit(batch)
                except BaseException:
                    batch.abandon()
                    raise

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
            if piece is not None:
                batch.take(opened, piece)
                return opened, piece
            self._at += 1
        return None

    def _work(self, worker: Worker, batch: Batch, opened: OpenInput, piece: Piece) -> None:
        assert self._index is not None
        key = (id(worker), opened.row.id)
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
        if done.unread:
            opened.feed.give_back(piece, done.unread)
        batch.add(opened, piece, done)

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
                )
        if self._progress:
            last = max(batch.ends, key=self._inputs.index)
            self._progress(
                IngestProgress(
                    path=last.path,
                    bytes=sum(o.end - o.start for o in self._inputs),
                    total_bytes=self._total(),
                    events=sum(o.events for o in self._inputs),
                    sightings=sum(o.sightings for o in self._inputs),
                    quarantined=sum(o.quarantined for o in self._inputs),
                )
            )

    def _total(self) -> int | None:
        if any(o.source.size is None or o.source.compression for o in self._inputs):
            return None
        return sum((o.source.size or 0) - o.start for o in self._inputs)

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
        bytes=opened.end - opened.start,
        already=opened.start,
        left=opened.feed.left,
    )


def _same(opened: OpenInput, path: str) -> FileResult:
    """The same log by another name, named twice in one call: it is read once."""
    return FileResult(
        path=opened.path,
        reader=opened.reader.name,
        why=f"the same log as {path}",
        events=0,
        sightings=0,
        quarantined=0,
        blank=0,
        bytes=0,
        already=opened.start,
    )


def _failed(path: str, problem: str) -> FileResult:
    return FileResult(
        path=path, reader="", why="", events=0, sightings=0, quarantined=0, blank=0, bytes=0, already=0, problem=problem
    )
