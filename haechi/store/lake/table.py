"""The one Delta table, and a batch's one commit: exactly once, durable before it is acknowledged.

deltalake records application transactions but doesn't refuse a repeated one, and never calls fsync (STACK.md, 5); so the
check, the lock that a commit holds and the order of fsyncs are here.
"""

import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, Transaction
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from haechi.model.errors import Conflict, NodeCannot, UsageError
from haechi.model.event import EVENT, LAKE_SCHEMA, QUARANTINE, SCHEMA_VERSION, SIGHTING
from haechi.store.files import fsync_path, locked
from haechi.store.lake import parquet
from haechi.store.lake.repair import FILES_KEY, TRANSACTIONS_KEY, mend, torn

# All log entries stay: a checkpoint that a power cut tore can be done without.
KEEP_LOG = PostCommitHookProperties(create_checkpoint=True, cleanup_expired_logs=False)
_PARTITIONS = ["kind", "day"]
_VERSION_KEY = "haechi.schemaVersion"
LOCK = "_lock"
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
EPOCH = date(1970, 1, 1)


def flush_log(path: Path, version: int) -> None:
    """Flush a log entry, the checkpoint that was written with it, and the folder that names them."""
    log = path / "_delta_log"
    fsync_path(log / f"{version:020d}.json")
    for checkpoint in log.glob(f"{version:020d}.checkpoint.parquet"):
        fsync_path(checkpoint)
        fsync_path(log / "_last_checkpoint")
    fsync_path(log)


class Staged(msgspec.Struct, frozen=True):
    """A Parquet file that stands on disk, fsynced, and isn't part of the table yet. Times in microseconds UTC."""

    path: str  # relative to the table
    kind: str
    day: int  # days since 1970-01-01
    rows: int
    first: int | None = None
    last: int | None = None


class Lake:
    """A lake in a folder. Reading takes no lock, but for an end of the log that looks torn; a commit holds one briefly."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.moved_aside: Path | None = None
        log = path / "_delta_log"
        if not log.is_dir():
            raise _no_lake(path)
        check_path(path)
        if torn(log):
            with locked(path / LOCK):  # a commit may have been under way: looked at again, nothing moves then
                self.moved_aside = mend(log)
        try:
            self._table = DeltaTable(str(path))
        except TableNotFoundError:
            raise _no_lake(path) from None
        version = self._table.metadata().configuration.get(_VERSION_KEY, "1")
        if int(version) > SCHEMA_VERSION:
            raise NodeCannot("lake.newer", found=version, known=SCHEMA_VERSION)

    @classmethod
    def create(cls, path: Path) -> "Lake":
        """Make an empty lake in a new or empty folder (mode 0700), whose path `check_path` lets pass."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        DeltaTable.create(
            str(path),
            LAKE_SCHEMA,
            partition_by=_PARTITIONS,
            # Statistics of a text column would keep a deleted value alive in the log as its minimum or maximum.
            configuration={_VERSION_KEY: str(SCHEMA_VERSION), "delta.dataSkippingStatsColumns": "ts"},
            raise_if_key_not_exists=False,
        )
        for folder in (path / "_delta_log", path):
            fsync_path(folder)
        fsync_path(path / "_delta_log" / f"{0:020d}.json")
        return cls(path)

    def stage(self, kind: str, day: int) -> Path:
        """A new file's absolute path within the table; the caller writes it, then calls `staged`."""
        folder = self.path / f"kind={kind}" / f"day={EPOCH + timedelta(days=day)}"
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fsync_path(folder.parent)
            fsync_path(self.path)
        return folder / f"part-{uuid.uuid4()}.parquet"

    def staged(
        self, file: Path, kind: str, day: int, rows: int, first: int | None = None, last: int | None = None
    ) -> Staged:
        """Flush a written file and its folder entry: from here on only the commit is missing."""
        fsync_path(file)
        fsync_path(file.parent)
        return Staged(str(file.relative_to(self.path)), kind, day, rows, first, last)

    def write(self, kind: str, day: int, table: pa.Table) -> Staged:
        """Write rows of one kind and day to a file, flushed; on a failure (a full disk: OSError) no file is left."""
        file = self.stage(kind, day)
        try:
            parquet.write(table, file)
            bounds = pc.min_max(table["ts"].cast(pa.int64())).as_py() if "ts" in table.column_names else {}
            return self.staged(file, kind, day, table.num_rows, bounds.get("min"), bounds.get("max"))
        except BaseException:
            file.unlink(missing_ok=True)
            raise

    def discard(self, files: Iterable[Staged]) -> None:
        """Remove files that will not be committed; what can't be removed is an orphan for vacuum."""
        for file in files:
            with suppress(OSError):
                (self.path / file.path).unlink(missing_ok=True)

    def committed(self, application: str) -> int | None:
        """The version that was last committed for an application, None if none was."""
        self._table.update_incremental()
        version: int | None = self._table.transaction_version(application)
        return version

    def commit(
        self,
        files: Sequence[Staged],
        versions: Mapping[str, int],
        begins: Mapping[str, int] | None = None,
        *,
        old: Sequence[str] = (),
        now: int = 0,
    ) -> bool:
        """Commit the files with each application's new version; False if they were committed before.

        `begins` says from which version on the files hold the application's rows; `old` are files that leave the table
        for it at `now`, as `replace` takes them. Raises Conflict, and writes nothing, where the table is at another
        version, has an old file no longer, or if only some of the applications had been committed: then another
        process was first, and its batch was cut differently.
        """
        with locked(self.path / LOCK):
            self._table.update_incremental()
            at = {app: self._table.transaction_version(app) for app in {**versions, **(begins or {})}}
            done = [(found := at[app]) is not None and found >= version for app, version in versions.items()]
            if all(done):
                return False
            elsewhere = any((at[app] or 0) != begin for app, begin in (begins or {}).items())
            if any(done) or elsewhere or not self._holds(old):
                raise Conflict("lake.partly_there")
            properties = CommitProperties(
                custom_metadata={FILES_KEY: str(len(files)), TRANSACTIONS_KEY: str(len(versions))},
                app_transactions=[Transaction(app, version) for app, version in versions.items()],
            )
            try:
                self._table.create_write_transaction(
                    self._actions(old, files, now),
                    mode="append",
                    schema=self._table.schema(),
                    partition_by=_PARTITIONS,
                    commit_properties=properties,
                    post_commithook_properties=KEEP_LOG,
                )
            except CommitFailedError as error:
                raise Conflict("lake.other_writer", cause=str(error)) from None
            self._table.update_incremental()
            flush_log(self.path, self._table.version())
        return True

    def replace(self, old: Sequence[str], new: Sequence[Staged], *, at: int, same_rows: bool = False) -> bool:
        """Take files out of the table and add others in one commit; `at` is now, in microseconds UTC.

        `same_rows` says that the new files hold the old ones' rows: a program that follows the table as a stream then
        passes over the commit (Delta protocol, dataChange) instead of reading the rows a second time.
        `old` are paths as `files` gives them. False, with nothing changed, if one of them is in the table no longer:
        another process was first, read it again. The old files stay on disk for readers until they are vacuumed.
        """
        with locked(self.path / LOCK):
            self._table.update_incremental()
            if not self._holds(old):
                return False
            self._table.create_write_transaction(
                self._actions(old, new, at, not same_rows),
                mode="append",
                schema=self._table.schema(),
                partition_by=_PARTITIONS,
                commit_properties=CommitProperties(custom_metadata={FILES_KEY: str(len(new))}),
                post_commithook_properties=KEEP_LOG,
            )
            self._table.update_incremental()
            flush_log(self.path, self._table.version())
        return True

    def _holds(self, files: Sequence[str]) -> bool:
        return not files or set(files) <= set(self._named(self._table.file_uris()))

    def _actions(
        self, old: Sequence[str], new: Sequence[Staged], at: int, data_change: bool = True
    ) -> list[AddAction | RemoveAction]:
        """What goes stands before what comes: a log entry that is cut off lacks an addition, which shows."""
        return [
            *(self._removal(name, at, data_change) for name in old),
            *(self._action(file, data_change) for file in new),
        ]

    def _removal(self, name: str, at: int, data_change: bool) -> RemoveAction:
        file = Path(name)
        folders = (folder.partition("=") for folder in file.relative_to(self.path).parent.parts)
        values: dict[str, str | None] = {name: value for name, _, value in folders}
        return RemoveAction(
            str(file.relative_to(self.path)), data_change, at // 1000, size=file.stat().st_size, partition_values=values
        )

    def files(self, kind: str, days: Sequence[int] | None = None) -> list[str]:
        """Paths of the committed files of a kind, of all days or of those given (days since 1970-01-01)."""
        self._table.update_incremental()
        wanted = None if days is None else {str(EPOCH + timedelta(days=day)) for day in days}
        found = self._named(self._table.file_uris(file_pruning_predicate=[("kind", "=", kind)]))
        return [f for f in found if wanted is None or f.rsplit("/day=", 1)[1].split("/", 1)[0] in wanted]

    def version(self) -> int:
        """The log's newest version."""
        self._table.update_incremental()
        return int(self._table.version())

    def additions(self) -> list[dict[str, Any]]:
        """What the log says of each committed file: path (relative), size_bytes, num_records, partition.kind, min.ts ..."""
        self._table.update_incremental()
        found: list[dict[str, Any]] = pa.table(self._table.get_add_actions(flatten=True)).to_pylist()
        return found

    def unnamed(self, hours: int) -> list[Path]:
        """The files in the folder that no version of the last `hours` names and that are older than that."""
        self._table.update_incremental()
        found = self._table.vacuum(
            retention_hours=hours,
            dry_run=True,
            enforce_retention_duration=False,
            full=True,  # else orphans, which no log entry names, would be left out
        )
        return [self.path / name for name in found]

    def partitions(self) -> list[tuple[str, int]]:
        """(kind, day since 1970-01-01) of all committed files, in order."""
        self._table.update_incremental()
        found = {(p["kind"], str(p["day"])) for p in self._table.partitions()}
        return sorted((kind, (date.fromisoformat(day) - EPOCH).days) for kind, day in found)

    def _named(self, uris: Sequence[str]) -> list[str]:
        """URIs as paths: above the table's folder they escape what isn't ASCII, below it there is nothing to escape."""
        return [f"{self.path}/{uri[uri.rindex('/kind=') + 1 :]}" for uri in uris]

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None, *, days: Sequence[int] | None = None
    ) -> pa.Table:
        """Run SQL over the views `event`, `sighting` and `quarantine`, each with the lake's whole schema."""
        with self.connect(days) as connection:
            return connection.sql(sql, params=parameters or None).to_arrow_table()

    def connect(self, days: Sequence[int] | None = None) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with the three views; file access beyond them is closed to the SQL.

        Raises `NodeCannot` naming a file that isn't there or isn't whole, or the folder of one whose footer is damaged.
        """
        chosen = {kind: self.files(kind, days) for kind in (EVENT, SIGHTING, QUARANTINE)}
        for name in chain.from_iterable(chosen.values()):
            if why := parquet.flaw(Path(name)):
                raise NodeCannot("lake.file", path=name, why=why)
        connection = duckdb.connect(config={"threads": 2})
        connection.execute("set TimeZone='UTC'; set enable_progress_bar=false")
        connection.register("nothing", LAKE_SCHEMA.empty_table())
        for kind, files in chosen.items():
            source = "select * from nothing"
            if files:
                names = ", ".join("'" + literally(name) + "'" for name in files)
                source += (
                    f" union all by name select * from read_parquet([{names}], union_by_name=true, hive_partitioning=true,"
                    " hive_types={'kind': VARCHAR, 'day': DATE})"
                )
            try:
                connection.execute(f"create view {kind} as {source}")
            except duckdb.Error as error:  # the view is right: a file's footer isn't
                folder, cause = str(self.path / f"kind={kind}"), str(error).splitlines()[0]
                raise NodeCannot("lake.folder", folder=folder, cause=cause) from error
        plain, pattern = str(self.path).replace("'", "''"), literally(str(self.path))
        connection.execute(f"set allowed_directories=['{plain}', '{pattern}']")
        connection.execute("set enable_external_access=false; set lock_configuration=true")
        return connection

    def _action(self, file: Staged, data_change: bool = True) -> AddAction:
        path = self.path / file.path
        statistics: dict[str, Any] = {"numRecords": file.rows}
        if file.first is not None and file.last is not None:
            statistics |= {
                "minValues": {"ts": _iso(file.first)},
                "maxValues": {"ts": _iso(file.last + 999)},  # the log keeps milliseconds: round up
                "nullCount": {"ts": 0},
            }
        values = {"kind": file.kind, "day": str(EPOCH + timedelta(days=file.day))}
        status = os.stat(path)
        modified = int(status.st_mtime * 1000)
        return AddAction(file.path, status.st_size, values, modified, data_change, json.dumps(statistics))


def check_path(path: Path) -> None:
    """`UsageError` for a path that deltalake can't open: it takes `%20` in a folder's name for a blank."""
    if found := _ESCAPE.search(str(path.absolute())):
        raise UsageError("lake.escaped_path", path=str(path), escape=found[0])


def literally(name: str) -> str:
    """A file's name as a string of SQL and a pattern that means only itself."""
    return re.sub(r"[*?[]", r"[\g<0>]", name).replace("'", "''")


def _no_lake(path: Path) -> NodeCannot:
    return NodeCannot("lake.missing", path=str(path))


def _iso(microseconds: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
