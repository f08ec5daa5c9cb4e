"""Refused records read again: with a zone that was missing, another format, or a reader that has learnt since.

A record keeps its place in its input, so its event has the id it would have had. One commit takes a file of the
quarantine out of the lake and puts in its stead the events, the sightings and what is still refused: whatever happens
in between, no record is lost and none is there twice.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from haechi.ingest.engines.delimited.csv_mapping import CsvMapping, csv_reader, load_mapping
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.normal_forms.finish_kernel import PartyTable
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.reader import Reader
from haechi.ingest.readers import READERS, reader_named
from haechi.model.clock import DAY
from haechi.model.errors import BadInput, Conflict, UsageError
from haechi.model.event import EVENT, LAKE_SCHEMA, QUARANTINE, SIGHTING
from haechi.node import quarantine
from haechi.node.blocks import Setting
from haechi.node.disk import disk_errors
from haechi.node.home import Home
from haechi.node.ingest import OLDEST_DAYS
from haechi.node.matching import current_index
from haechi.node.quarantine import Chosen
from haechi.node.rereading import Log, Reread, Rereader, log_for
from haechi.store.catalog import inputs, parties, sensors
from haechi.store.catalog.inputs import InputRow
from haechi.store.catalog.sensors import Sensor
from haechi.store.lake import Lake, Staged
from haechi.store.lake.table import EPOCH

_TRIES = 5  # when others write at the same time
HELD_BYTES = 64 << 20  # of sightings; each has its whole record in it, and a long record may be hit very often
_HEADER_MARK = {"zeek": b"#"}  # how the lines begin that name columns amid a log


class Replayed(msgspec.Struct, kw_only=True):
    """What a replay did, in records; `still` counts by reason those that are refused again."""

    read: int = 0
    sightings: int = 0
    still: dict[str, int] = {}
    incomplete: int = 0  # too long: only their first part was kept
    no_columns: int = 0  # their log names the columns, and it is gone or isn't the same
    no_mapping: int = 0  # of a CSV log, and no mapping was given that fits it

    @property
    def left(self) -> int:
        """How many of the chosen records stay in the quarantine."""
        return sum(self.still.values()) + self.incomplete + self.no_columns + self.no_mapping


def replay(
    home: Home,
    chosen: Chosen,
    *,
    format: str = "",
    zone: str = "",
    mapping: Path | None = None,
    progress: Callable[[int], None] | None = None,
) -> Replayed:
    """Read the chosen records again; `format` names another reader than theirs, `zone` the zone of their sensors.

    `mapping` is that of CSV records: of those that were read by a mapping of its name, with `format` "csv" of all that
    are chosen. Without one they are left and counted. `progress` is told how many records are done. Raises `UsageError`
    for an unknown format or "csv" without a mapping, `BadInput` for an unknown zone or a wrong mapping, `NodeCannot`
    where the disk is full, `Conflict` where a sensor has another zone already or where others keep writing; what was
    committed until then stays so.
    """
    csv = None if mapping is None else load_mapping(mapping)
    if format == "csv" and csv is None:
        raise UsageError("mapping.needed")
    named = None if format in ("", "csv") else reader_named(format)
    with disk_errors("replay.unwritten"):
        run = _Run(home, chosen, csv_reader(csv) if format == "csv" and csv else named, csv)
        if zone:
            run.set_zone(zone)
        done = run.go(progress or (lambda _: None))
    counts = {"read": done.read, "sightings": done.sightings, "left": done.left}
    home.audit().append("quarantine.replay", subject="quarantine", details={"format": format, "zone": zone, **counts})
    return done


@dataclass(slots=True)
class _Outcome:
    """What becomes of one file of the quarantine."""

    done: Replayed = field(default_factory=Replayed)
    leave: list[int] = field(default_factory=list)  # numbers of the rows that leave it
    refused: list[dict[str, Any]] = field(default_factory=list)  # rows that come in their stead
    events: list[pa.Table] = field(default_factory=list)
    sightings: list[pa.Table] = field(default_factory=list)  # not written yet
    held: int = 0  # their bytes
    staged: list[Staged] = field(default_factory=list)


class _Run:
    """One call of `replay`."""

    def __init__(self, home: Home, chosen: Chosen, reader: Reader | None, mapping: CsvMapping | None) -> None:
        self._home, self._reader, self._mapping = home, reader, mapping
        self._lake = Lake(home.lake_path)
        self._where, self._arguments = quarantine.conditions(chosen, quarantine.input_paths(home))
        self._logs: dict[tuple[int, bytes], Log] = {}
        with home.catalog().connect() as conn:
            self._parties: PartyTable = party_table(parties.networks(conn))
            self._sensors: dict[int, Sensor] = {sensor.id: sensor for sensor in sensors.list_sensors(conn)}
            self._inputs: dict[int, InputRow] = {row.id: row for row in inputs.list_inputs(conn)}

    def set_zone(self, zone: str) -> None:
        """The zone belongs to the sensors of the chosen records, as if their logs had been read with --zone."""
        wanted: set[int] = set()
        for name in self._lake.files(QUARANTINE):
            wanted |= set(self._choose(name)[1]["sensor_id"].to_pylist())
        with self._home.catalog().begin() as conn:
            for sensor in [self._sensors[id] for id in sorted(wanted)]:
                self._sensors[sensor.id] = sensors.get_or_add(conn, sensor.name, sensor.party_id, zone)

    def go(self, progress: Callable[[int], None]) -> Replayed:
        """File after file of the quarantine, each by a commit of its own, until all that there were are done."""
        total, finished, tries = Replayed(), set[str](), 0
        rereader = Rereader(current_index(self._home))
        while left := [name for name in self._lake.files(QUARANTINE) if name not in finished]:
            outcome = self._work(left[0], rereader)
            written = None if outcome is None else self._commit(left[0], outcome)
            if outcome is None or written is None:
                tries += 1
                if tries == _TRIES:
                    raise Conflict("replay.others_write")
                continue
            finished |= {left[0], *written}
            _add(total, outcome.done)
            progress(total.read + total.left)
        return total

    def _choose(self, name: str) -> tuple[pa.Table, pa.Table]:
        """A file's rows, numbered, and those of them that are chosen."""
        rows = pq.ParquetFile(name).read()
        rows = rows.append_column("number", pa.array(np.arange(rows.num_rows)))
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set TimeZone='UTC'")
            connection.register("rows", rows)
            sql = (
                f"select number from (select *, epoch_us(ts) as read_at from rows) where {self._where} order by number"
            )
            numbers = connection.sql(sql, params=self._arguments or None).to_arrow_table()["number"]
        return rows, rows.take(numbers.combine_chunks())

    def _work(self, name: str, rereader: Rereader) -> _Outcome | None:
        """Read a file's chosen records again; None where another process changed the file meanwhile."""
        try:
            _, chosen = self._choose(name)
        except FileNotFoundError:
            return None
        found = _Outcome()
        try:
            self._read(chosen, rereader, found)
        except BaseException:
            self._lake.discard(found.staged)
            raise
        return found

    def _read(self, chosen: pa.Table, rereader: Rereader, found: _Outcome) -> None:
        whole = pc.greater_equal(pc.binary_length(chosen["raw"]), chosen["raw_length"])
        found.done.incomplete = chosen.num_rows - (pc.sum(whole).as_py() or 0)
        chosen = chosen.filter(whole)
        now = self._home.clock.now()
        for (input_id, name_of_reader), rows in _grouped(chosen, "input_id", "reader"):
            row, reader = self._inputs[input_id], self._reader or self._reader_of(name_of_reader)
            if reader is None:
                found.done.no_mapping += rows.num_rows
                continue
            log = self._log(row, _HEADER_MARK.get(reader.engine, b""))
            if self._log_names_columns(reader) and not log.there:
                found.done.no_columns += rows.num_rows
                continue
            if reader.engine == "csv" and not self._fits(reader, log, row):
                found.done.no_mapping += rows.num_rows
                continue
            for header, part in _by_header(rows, log):
                reread = rereader.read(
                    part["raw"].to_pylist(),
                    part["raw_offset"].to_pylist(),
                    row=row,
                    reader=reader,
                    head=log.head,
                    header=header,
                    mapping=self._mapping,
                    setting=self._setting(part, reader, log, now),
                    now=now,
                    keep=partial(self._keep, found),
                )
                _settle(found, part, reread, reader.name)

    def _keep(self, found: _Outcome, sightings: pa.Table) -> None:
        """Hold some sightings; write those that are held where they have become many."""
        found.done.sightings += sightings.num_rows
        found.sightings.append(sightings)
        found.held += sightings.nbytes
        if found.held > HELD_BYTES:
            self._stage_days(SIGHTING, found.sightings, found.staged)
            found.sightings, found.held = [], 0

    def _reader_of(self, name: str) -> Reader | None:
        """The reader of that name; None for a mapping's that isn't the one given."""
        if self._mapping is not None and name == self._mapping.name:
            return csv_reader(self._mapping)
        return next((reader for reader in READERS if reader.name == name), None)

    def _log_names_columns(self, reader: Reader) -> bool:
        by_header = self._mapping is not None and self._mapping.header
        return reader.engine == "zeek" or (reader.engine == "csv" and by_header)

    def _fits(self, reader: Reader, log: Log, row: InputRow) -> bool:
        """Whether the mapping's columns stand in the log's header."""
        try:
            engine_for(reader, head=log.head, file_name=row.path, mapping=self._mapping)
        except BadInput:
            return False
        return True

    def _log(self, row: InputRow, mark: bytes) -> Log:
        key = (row.id, mark)
        if key not in self._logs:
            self._logs[key] = log_for(row, mark)
        return self._logs[key]

    def _setting(self, rows: pa.Table, reader: Reader, log: Log, now: int) -> Setting:
        """As `node.ingest` sets it; a log that is gone was written before it was read."""
        sensor = self._sensors[rows["sensor_id"][0].as_py()]
        written = log.mtime if log.mtime is not None else pc.min(rows["ts"].cast(pa.int64())).as_py()
        of_mapping = self._mapping.time_zone if self._mapping is not None and reader.engine == "csv" else ""
        rule = time_rule(
            sensor.zone or of_mapping,
            newest=min(written, now) + DAY,
            oldest=now - OLDEST_DAYS * DAY,
            latest=now + DAY,
        )
        return Setting(
            input_id=rows["input_id"][0].as_py(),
            sensor_id=sensor.id,
            observer_id=sensor.party_id,
            rule=rule,
            parties=self._parties,
        )

    def _commit(self, name: str, outcome: _Outcome) -> list[str] | None:
        """Put what a file's records became in its stead; what was written of the quarantine. None: another was first."""
        if not outcome.leave:
            return []
        staged = outcome.staged
        try:
            self._stage_rest(name, outcome, staged)
            self._stage_days(EVENT, outcome.events, staged)
            self._stage_days(SIGHTING, outcome.sightings, staged)
            # Once a commit is tried, they may be the lake's whatever fails next: then only vacuum may remove them.
            whole, staged = staged, []
            if self._lake.replace([name], whole, at=self._home.clock.now()):
                return [str(self._lake.path / file.path) for file in whole if file.kind == QUARANTINE]
            staged = whole
        except FileNotFoundError:
            pass
        finally:
            self._lake.discard(staged)
        return None

    def _stage_rest(self, name: str, outcome: _Outcome, staged: list[Staged]) -> None:
        """The file's rows without those that leave it, with those that come in their stead."""
        rows = pq.ParquetFile(name).read()
        stays = np.ones(rows.num_rows, bool)
        stays[outcome.leave] = False
        rest = rows.filter(pa.array(stays))
        new = {
            key: pa.array([row[key] for row in outcome.refused], LAKE_SCHEMA.field(key).type)
            for key in rows.column_names
        }
        table = pa.concat_tables([rest, pa.table(new).cast(rest.schema)])
        if table.num_rows:
            staged.append(self._lake.write(QUARANTINE, _day(name), table))

    def _stage_days(self, kind: str, tables: Sequence[pa.Table], staged: list[Staged]) -> None:
        if not tables:
            return
        table = pa.concat_tables(tables, promote_options="default").sort_by("ts")
        days = pc.floor(pc.divide(table["ts"].cast(pa.int64()), DAY)).to_numpy()
        for day in np.unique(days).tolist():
            staged.append(self._lake.write(kind, day, table.filter(pa.array(days == day))))  # noqa: PERF401 (what is written must be known if the next one fails)


def _day(name: str) -> int:
    """The day of a file of the lake, in days since 1970-01-01."""
    return (date.fromisoformat(Path(name).parent.name.removeprefix("day=")) - EPOCH).days


def _grouped(table: pa.Table, *keys: str) -> Iterator[tuple[tuple[Any, ...], pa.Table]]:
    found: dict[tuple[Any, ...], list[int]] = {}
    for k, key in enumerate(zip(*(table[name].to_pylist() for name in keys), strict=True)):
        found.setdefault(key, []).append(k)
    for key, places in found.items():
        yield key, table.take(pa.array(places, pa.int64()))


def _by_header(rows: pa.Table, log: Log) -> Iterator[tuple[bytes, pa.Table]]:
    """The records with the header lines that stand before them in the log."""
    if not log.header:
        yield b"", rows
        return
    headers = [log.columns_of(offset) for offset in rows["raw_offset"].to_pylist()]
    for (header,), part in _grouped(rows.append_column("header", pa.array(headers, pa.binary())), "header"):
        yield header, part.drop_columns("header")


def _settle(found: _Outcome, part: pa.Table, reread: Reread, reader: str) -> None:
    """What became of each record: it leaves the quarantine, stays with a new reason, or stays as it is."""
    rows = part.to_pylist()
    refused: dict[int, list[Any]] = {}
    for number, record in reread.refused:
        refused.setdefault(number, []).append(record)
    still: Counter[str] = Counter(found.done.still)
    for number, row in enumerate(rows):
        parts = refused.get(number, [])
        if number not in reread.read:
            still[parts[0].reason if parts else row["reason"]] += 1
            if not parts or (len(parts) == 1 and _same(row, parts[0], reader)):
                continue
        found.leave.append(row["number"])
        for record in parts:
            found.refused.append(_refused(row, record, reader, whole=len(parts) == 1 and number not in reread.read))
    found.done.still = dict(still)
    found.done.read += len(reread.read)
    found.events += reread.events


def _same(row: dict[str, Any], record: Any, reader: str) -> bool:
    told = (record.reason, record.field or None, record.value or None, reader)
    return told == (row["reason"], row["field"], row["value"], row["reader"])


def _refused(row: dict[str, Any], record: Any, reader: str, *, whole: bool) -> dict[str, Any]:
    """The quarantine's row of a record that is refused again; of one that was read in part, its refused part's."""
    told = {"reason": record.reason, "field": record.field or None, "value": record.value or None, "reader": reader}
    if whole:
        return {**row, **told}
    return {**row, **told, "raw_offset": record.offset, "raw_length": record.length, "raw": record.raw}


def _add(total: Replayed, one: Replayed) -> None:
    total.read += one.read
    total.sightings += one.sightings
    total.incomplete += one.incomplete
    total.no_columns += one.no_columns
    total.no_mapping += one.no_mapping
    total.still = dict(Counter(total.still) + Counter(one.still))
