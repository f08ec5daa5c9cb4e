import errno
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from haechi.model.errors import Conflict, NodeCannot, UsageError
from haechi.model.event import EVENT, LAKE_SCHEMA, QUARANTINE, SCHEMA_VERSION, SIGHTING
from haechi.store import files
from haechi.store.files import locked
from haechi.store.lake import Lake, Staged
from haechi.store.lake.table import LOCK, check_path

DAY = 20_000
US = 86_400_000_000


def put(lake: Lake, rows: int = 3, *, kind: str = EVENT, day: int = DAY, first: int = 0) -> Staged:
    """A staged file of `rows` events, offsets from `first` on."""
    file = lake.stage(kind, day)
    ts = [day * US + k for k in range(first, first + rows)]
    columns = {
        "ts": pa.array(ts, pa.timestamp("us", tz="UTC")),
        "input_id": pa.array([1] * rows, pa.int32()),
        "raw_offset": pa.array(range(first, first + rows), pa.int64()),
    }
    pq.write_table(pa.table(columns), file)
    return lake.staged(file, kind, day, rows, ts[0], ts[-1])


def offsets(lake: Lake, kind: str = EVENT) -> list[int]:
    return lake.query(f"select raw_offset from {kind} order by raw_offset")["raw_offset"].to_pylist()  # type: ignore[no-any-return]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.create(tmp_path / "lake")


def test_a_batch_is_committed_once(lake: Lake) -> None:
    assert lake.committed("a") is None
    assert lake.commit([put(lake)], {"a": 100})
    assert not lake.commit([put(lake)], {"a": 100})
    assert not lake.commit([put(lake)], {"a": 99})
    assert lake.committed("a") == 100
    assert offsets(lake) == [0, 1, 2]


def test_version_zero_is_a_version(lake: Lake) -> None:
    assert lake.commit([put(lake)], {"a": 0})
    assert not lake.commit([put(lake)], {"a": 0})
    assert offsets(lake) == [0, 1, 2]


def test_a_second_lake_object_sees_the_first_ones_commit(lake: Lake) -> None:
    other = Lake(lake.path)
    assert lake.commit([put(lake)], {"a": 100})
    assert not other.commit([put(other)], {"a": 100})
    assert other.committed("a") == 100
    assert offsets(other) == [0, 1, 2]


def test_partial_overlap_is_refused_and_writes_nothing(lake: Lake) -> None:
    lake.commit([put(lake)], {"a": 100})
    version = DeltaTable(str(lake.path)).version()
    with pytest.raises(Conflict, match="part of this batch is in the lake already.*Run the ingest again"):
        lake.commit([put(lake, first=3)], {"a": 100, "b": 5})
    assert DeltaTable(str(lake.path)).version() == version
    assert lake.committed("b") is None


def test_a_batch_that_begins_where_the_table_is_not_is_refused(lake: Lake) -> None:
    """Two processes read one growing file: who read further must not commit the other's rows again."""
    lake.commit([put(lake)], {"a": 100}, {"a": 0})
    with pytest.raises(Conflict, match="part of this batch"):
        lake.commit([put(lake, 5)], {"a": 150}, {"a": 0})
    assert lake.commit([put(lake, 2, first=3)], {"a": 150}, {"a": 100})
    assert offsets(lake) == [0, 1, 2, 3, 4]


def _race(path: Path, start: "multiprocessing.synchronize.Barrier", done: "multiprocessing.Queue[int]") -> None:
    lake = Lake(path)
    won = 0
    for version in range(1, 21):
        file = put(lake, 1, first=version)
        start.wait()
        won += lake.commit([file], {"a": version}, {"a": version - 1})
    done.put(won)


def test_a_commit_takes_old_files_out_or_does_nothing(lake: Lake) -> None:
    lake.commit([put(lake, 4, kind=QUARANTINE)], {"a": 100})
    (old,) = lake.files(QUARANTINE)
    assert lake.commit([put(lake, 3)], {"a": 150}, {"a": 100, "b": 0}, old=[old], now=DAY * US)
    assert (lake.files(QUARANTINE), len(lake.files(EVENT))) == ([], 1)
    with pytest.raises(Conflict):
        lake.commit([put(lake, 2)], {"a": 200}, {"a": 150}, old=[old], now=DAY * US)
    with pytest.raises(Conflict):
        lake.commit([put(lake, 2)], {"a": 200}, {"a": 150, "b": 7})
    assert (lake.committed("a"), len(lake.files(EVENT))) == (150, 1)


def test_two_racing_processes_commit_each_batch_once(lake: Lake) -> None:
    context = multiprocessing.get_context("spawn")
    start, done = context.Barrier(2), context.Queue()
    racers = [context.Process(target=_race, args=(lake.path, start, done)) for _ in range(2)]
    for racer in racers:
        racer.start()
    won = [done.get(timeout=60) for _ in racers]
    for racer in racers:
        racer.join()
    assert sum(won) == 20
    assert offsets(lake) == list(range(1, 21))


Call = tuple[str, str]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What the lake asks of the disk, in order: ("fsync", path) and ("commit", version)."""
    seen: list[Call] = []
    names: dict[int, str] = {}
    real_open, real_fsync, real_close = os.open, os.fsync, os.close

    def opened(path, flags, mode=0o777, *, dir_fd=None):
        descriptor = real_open(path, flags, mode, dir_fd=dir_fd)
        names[descriptor] = str(path)
        return descriptor

    def fsync(descriptor):
        seen.append(("fsync", names[descriptor]))
        real_fsync(descriptor)

    def closed(descriptor):
        names.pop(descriptor, None)
        real_close(descriptor)

    class Audited:
        def __getattr__(self, name):
            return {"open": opened, "fsync": fsync, "close": closed}.get(name) or getattr(os, name)

    monkeypatch.setattr(files, "os", Audited())
    real_commit: Callable[..., None] = DeltaTable.create_write_transaction

    def committing(self, *args, **kwargs):
        real_commit(self, *args, **kwargs)
        seen.append(("commit", ""))

    monkeypatch.setattr(DeltaTable, "create_write_transaction", committing)
    return seen


def test_file_folder_and_log_entry_are_flushed_in_this_order_before_commit_returns(
    lake: Lake, calls: list[Call]
) -> None:
    staged = put(lake)
    lake.commit([staged], {"a": 1})
    file, log = lake.path / staged.path, lake.path / "_delta_log"
    order = [
        ("fsync", str(file)),
        ("fsync", str(file.parent)),
        ("commit", ""),
        ("fsync", str(log / f"{1:020d}.json")),
        ("fsync", str(log)),
    ]
    assert [call for call in calls if call in order] == order
    assert calls[-1] == order[-1]


def test_new_partition_folders_are_flushed_in_their_parents(lake: Lake, calls: list[Call]) -> None:
    file = lake.stage(EVENT, DAY)
    assert ("fsync", str(file.parent.parent)) in calls
    assert ("fsync", str(lake.path)) in calls


def test_a_checkpoint_is_flushed_with_the_commit_that_wrote_it(lake: Lake, calls: list[Call]) -> None:
    log = lake.path / "_delta_log"
    for version in range(1, 101):
        lake.commit([], {"a": version})
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    assert ("fsync", str(checkpoint)) in calls
    assert ("fsync", str(log / "_last_checkpoint")) in calls
    assert (log / f"{1:020d}.json").exists(), "the entries that stand behind it are kept"


_STRACED = """
import sys
from pathlib import Path
import pyarrow as pa, pyarrow.parquet as pq
from haechi.store.lake import Lake
lake = Lake(Path(sys.argv[1]))
file = lake.stage("event", 20000)
pq.write_table(pa.table({"raw_offset": pa.array([1], pa.int64())}), file)
lake.commit([lake.staged(file, "event", 20000, 1)], {"a": 1})
sys.stderr.flush(); sys.stdout.write("acknowledged\\n"); sys.stdout.flush()
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed")
def test_the_kernel_sees_the_flushes_before_the_acknowledgement(lake: Lake, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=fsync,fdatasync,write"]
    ran = subprocess.run(
        [*command, sys.executable, "-c", _STRACED, str(lake.path)], check=False, capture_output=True, text=True
    )
    if "PTRACE" in ran.stderr or "Operation not permitted" in ran.stderr:
        pytest.skip(f"strace may not trace here: {ran.stderr.strip()[:200]}")
    assert ran.returncode == 0, ran.stderr
    lines = trace.read_text(errors="replace").splitlines()
    flushed = [m.group(1) for line in lines if (m := re.search(r"fsync\(\d+<(.*?)>", line))]
    folder = str(lake.path / "kind=event" / "day=2024-10-04")
    log = str(lake.path / "_delta_log")
    wanted = [f"{folder}/part-", folder, f"{log}/{1:020d}.json", log]
    at = [next(i for i, path in enumerate(flushed) if _is(path, want)) for want in wanted]
    assert at == sorted(at), flushed
    acknowledged = next(i for i, line in enumerate(lines) if "acknowledged" in line)
    last = max(i for i, line in enumerate(lines) if "fsync(" in line)
    assert last < acknowledged


def _is(path: str, wanted: str) -> bool:
    return path.startswith(wanted) if wanted.endswith("part-") else path == wanted


def test_a_newer_schema_is_refused_with_advice(lake: Lake) -> None:
    entry = lake.path / "_delta_log" / f"{0:020d}.json"
    old, new = f'"haechi.schemaVersion":"{SCHEMA_VERSION}"', f'"haechi.schemaVersion":"{SCHEMA_VERSION + 1}"'
    assert old in entry.read_text()
    entry.write_text(entry.read_text().replace(old, new))
    with pytest.raises(NodeCannot, match=f"schema version {SCHEMA_VERSION + 1}.*upgrade this one") as refused:
        Lake(lake.path)
    assert refused.value.exit_status == 3


def test_a_folder_without_a_lake(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match=r"holds no lake.*haechi init"):
        Lake(tmp_path)
    assert list(tmp_path.iterdir()) == [], "looking doesn't leave anything behind"
    with pytest.raises(NodeCannot, match="holds no lake"):
        Lake(tmp_path / "nowhere")


def test_the_folder_is_private(lake: Lake) -> None:
    assert lake.path.stat().st_mode & 0o777 == 0o700
    assert lake.stage(EVENT, DAY).parent.stat().st_mode & 0o777 == 0o700


def test_views_have_the_whole_schema_without_a_file(lake: Lake) -> None:
    for kind in (EVENT, SIGHTING, QUARANTINE):
        found = lake.query(f"select * from {kind}")
        assert found.num_rows == 0
        assert found.schema.names == LAKE_SCHEMA.names
        for wanted in LAKE_SCHEMA:
            assert found.schema.field(wanted.name).type == wanted.type, wanted.name


def test_views_have_the_whole_schema_with_files_of_few_columns(lake: Lake) -> None:
    lake.commit([put(lake)], {"a": 1})
    found = lake.query("select * from event order by raw_offset")
    assert found.schema.names == LAKE_SCHEMA.names
    assert found["kind"].to_pylist() == [EVENT] * 3
    assert {str(day) for day in found["day"].to_pylist()} == {"2024-10-04"}
    assert found["extra"].null_count == 3


def test_kinds_are_apart(lake: Lake) -> None:
    lake.commit([put(lake, 1), put(lake, 2, kind=SIGHTING), put(lake, 4, kind=QUARANTINE)], {"a": 1})
    assert [len(offsets(lake, kind)) for kind in (EVENT, SIGHTING, QUARANTINE)] == [1, 2, 4]


def test_days_choose_files_and_absent_days_are_empty(lake: Lake) -> None:
    lake.commit([put(lake, 1), put(lake, 2, day=DAY + 1), put(lake, 4, day=DAY + 3)], {"a": 1})
    count = "select count(*) as n from event"
    for days, wanted in (([DAY], 1), ([DAY, DAY + 3], 5), ([DAY + 2], 0), ([], 0), (None, 7)):
        assert lake.query(count, days=days)["n"].to_pylist() == [wanted], days
    assert len(lake.files(EVENT, [DAY + 1])) == 1
    assert lake.files(SIGHTING) == []


@pytest.mark.parametrize("name", ["O'Brien's", 'a "new" lake', "a[1]", "a*b?", "#1+2", "대한민국", "臺灣"])
def test_any_name_of_the_folder(tmp_path: Path, name: str) -> None:
    lake = Lake.create(tmp_path / name)
    lake.commit([put(lake)], {"a": 1})
    assert offsets(Lake(lake.path)) == [0, 1, 2]


@pytest.mark.parametrize("name", ["a%20b", "50%ad"])
def test_a_name_that_would_be_read_as_another(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"in a path is read as an escaped sign.*without % signs"):
        check_path(tmp_path / name / "lake")
    check_path(tmp_path / "100%" / "lake")


def test_opening_and_reading_wait_for_no_commit(lake: Lake) -> None:
    lake.commit([put(lake)], {"a": 1})
    with locked(lake.path / LOCK):
        assert offsets(Lake(lake.path)) == [0, 1, 2]


def test_a_lake_that_nobody_may_write_to_is_read(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a read-only disk: whoever runs the tests may be root, whom no file's rights stop."""
    lake.commit([put(lake)], {"a": 1})

    def read_only(path, flags, mode=0o777, *, dir_fd=None):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(os, "open", read_only)
    assert offsets(Lake(lake.path)) == [0, 1, 2]


@pytest.mark.parametrize("content", [None, b"", b"garbage" * 1000, b"PAR1" + b"x" * 5000 + b"PAR1"])
def test_a_file_that_is_gone_or_damaged_is_named(lake: Lake, content: bytes | None) -> None:
    staged = put(lake)
    lake.commit([staged, put(lake, first=3)], {"a": 1})
    file = lake.path / staged.path
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(NodeCannot, match=rf"{re.escape(str(file))} can't be read: .*haechi lake check"):
        offsets(lake)


def test_a_fault_in_our_own_sql_stays_one(lake: Lake) -> None:
    with pytest.raises(duckdb.Error):
        lake.query("select nothing_of_that_name from event")


def test_parameters_are_values_not_sql(lake: Lake) -> None:
    lake.commit([put(lake)], {"a": 1})
    found = lake.query("select raw_offset from event where raw_offset >= $low", {"low": 1})
    assert sorted(found["raw_offset"].to_pylist()) == [1, 2]


def test_sql_reads_the_lake_and_nothing_else(lake: Lake, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    lake.commit([put(lake)], {"a": 1})
    for sql in (f"select * from read_text('{tmp_path}/secret')", "set enable_external_access=true"):
        with pytest.raises(duckdb.Error, match="[Pp]ermission|configuration|enable_external_access"):
            lake.query(sql)
    assert offsets(lake) == [0, 1, 2]


def test_a_commit_keeps_no_text_in_the_log(lake: Lake) -> None:
    """A deleted value must not live on as a column's minimum or maximum (DATA-MODEL.md, 1)."""
    lake.commit([put(lake)], {"a": 1})
    (add,) = [json.loads(line)["add"] for line in _entry(lake, 1) if '"add"' in line]
    stats = json.loads(add["stats"])
    assert set(stats["minValues"]) == set(stats["maxValues"]) == {"ts"}
    assert stats["numRecords"] == 3


def test_statistics_bound_the_times(lake: Lake) -> None:
    """Milliseconds in the log: rounded down for the first, up for the last, else a reader skips the file wrongly."""
    file = lake.stage(EVENT, DAY)
    pq.write_table(pa.table({"ts": pa.array([DAY * US + 1_001, DAY * US + 2_999], pa.timestamp("us", tz="UTC"))}), file)
    lake.commit([lake.staged(file, EVENT, DAY, 2, DAY * US + 1_001, DAY * US + 2_999)], {"a": 1})
    (add,) = [json.loads(line)["add"] for line in _entry(lake, 1) if '"add"' in line]
    stats = json.loads(add["stats"])
    assert stats["minValues"]["ts"] == "2024-10-04T00:00:00.001Z"
    assert stats["maxValues"]["ts"] == "2024-10-04T00:00:00.003Z"


def test_another_delta_reader_sees_the_same(lake: Lake) -> None:
    lake.commit([put(lake, 5)], {"a": 1})
    assert len(DeltaTable(str(lake.path)).to_pyarrow_table(columns=["raw_offset"])) == 5


def _entry(lake: Lake, version: int) -> list[str]:
    return (lake.path / "_delta_log" / f"{version:020d}.json").read_text().splitlines()
