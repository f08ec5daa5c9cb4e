import errno
import json
import os
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from haechi.model.event import EVENT, LAKE_SCHEMA, QUARANTINE, SIGHTING
from haechi.store.files import locked
from haechi.store.lake import Lake, Staged, maintain
from haechi.store.lake.maintain import compact, compactable, freeable, vacuum
from haechi.store.lake.table import EPOCH, LOCK

DAY = 20_000
US = 86_400_000_000
NOW = (DAY + 5) * US


def put(lake: Lake, number: int, *, kind: str = EVENT, day: int = DAY, rows: int = 10) -> Staged:
    file = lake.stage(kind, day)
    ts = [day * US + number * rows + k for k in range(rows)]
    columns = {
        "ts": pa.array(ts, pa.timestamp("us", tz="UTC")),
        "raw_offset": pa.array(range(number * rows, (number + 1) * rows), pa.int64()),
        "raw": pa.array([b"\0\xff"] * rows, pa.binary()),
        "extra": pa.array([[("k", "v")]] * rows, LAKE_SCHEMA.field("extra").type),
        "events": pa.array([[{"input_id": 1, "offset": k}] for k in range(rows)], LAKE_SCHEMA.field("events").type),
    }
    if number % 2:  # files of one day need not have the same columns
        columns["domain"] = pa.array(["a.example"] * rows)
    pq.write_table(pa.table(columns), file)
    return lake.staged(file, kind, day, rows, ts[0], ts[-1])


def rows(lake: Lake) -> Counter[str]:
    """Every row of every kind, as text."""
    found: Counter[str] = Counter()
    for kind in (EVENT, SIGHTING, QUARANTINE):
        found.update(map(str, lake.query(f"select * from {kind}").to_pylist()))
    return found


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake.create(tmp_path / "O'Brien 臺")
    for number in range(6):
        files = [put(made, number), put(made, number, kind=SIGHTING), put(made, number, kind=QUARANTINE)]
        made.commit([*files, put(made, number, day=DAY + 2)], {"a": number + 1, f"b{number}": 7})
    return made


def before(day: int):
    return EPOCH + timedelta(days=day)


def test_compaction_keeps_rows_and_application_transactions(lake: Lake) -> None:
    there = rows(lake)
    assert sum(there.values()) == 240
    assert compactable(lake, before(DAY + 1)) == 18
    assert compact(lake, before(DAY + 1), at=NOW) == 18
    assert compactable(lake, before(DAY + 1)) == 0
    for opened in (lake, Lake(lake.path)):
        assert rows(opened) == there
        assert opened.committed("a") == 6
        assert [opened.committed(f"b{n}") for n in range(6)] == [7] * 6
        assert not opened.commit([put(opened, 0)], {"a": 6})
        assert [len(opened.files(kind, [DAY])) for kind in (EVENT, SIGHTING, QUARANTINE)] == [1, 1, 1]
        assert len(opened.files(EVENT, [DAY + 2])) == 6, "an open day is left alone"
    assert compact(lake, before(DAY + 1), at=NOW) == 0


def test_compacted_files_carry_their_bounds(lake: Lake) -> None:
    compact(lake, before(DAY + 1), at=NOW)
    actions = pa.table(DeltaTable(str(lake.path)).get_add_actions(flatten=True)).to_pylist()
    (event,) = [a for a in actions if f"kind={EVENT}/day={before(DAY)}" in a["path"]]
    assert event["num_records"] == 60
    assert event["min.ts"].timestamp() * 1_000_000 <= DAY * US
    assert event["max.ts"].timestamp() * 1_000_000 >= DAY * US + 59


def test_large_files_are_left_alone(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    size = Path(lake.files(EVENT, [DAY])[0]).stat().st_size
    monkeypatch.setattr(maintain, "TARGET_BYTES", size)
    assert compact(lake, before(DAY + 9), at=NOW) == 0
    monkeypatch.setattr(maintain, "TARGET_BYTES", size * 3)
    there = rows(lake)
    compact(lake, before(DAY + 1), at=NOW)
    assert 1 < len(lake.files(EVENT, [DAY])) < 6
    assert rows(lake) == there


def test_a_reader_from_before_reads_on(lake: Lake) -> None:
    with lake.connect() as connection:
        compact(lake, before(DAY + 1), at=time.time_ns() // 1000)  # noqa: TID251 (Delta asks the machine's clock)
        vacuum(lake)
        assert connection.sql("select count(*) from event").fetchall() == [(120,)]


def test_who_was_overtaken_changes_nothing(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes compact one day: the second finds the files gone, and removes what it wrote."""
    there = rows(lake)
    other = Lake(lake.path)
    real = Lake.replace

    def overtaken(self, old, new, *, at, same_rows):
        monkeypatch.setattr(Lake, "replace", real)
        compact(other, before(DAY + 1), at=at)
        return real(self, old, new, at=at, same_rows=same_rows)

    monkeypatch.setattr(Lake, "replace", overtaken)
    assert compact(lake, before(DAY + 1), at=NOW) == 0
    assert rows(lake) == there
    on_disk = {str(p) for p in lake.path.glob("kind=*/day=*/*")}
    assert len(on_disk) == 24 + 3, "old ones until the vacuum, and one new one a kind"


def test_replaced_files_go_after_the_reader_lease_and_no_sooner(lake: Lake) -> None:
    old = lake.files(EVENT, [DAY])
    compact(lake, before(DAY + 1), at=time.time_ns() // 1000)  # noqa: TID251 (Delta asks the machine's clock)
    vacuum(lake)
    assert all(Path(name).exists() for name in old)
    size = sum(Path(name).stat().st_size for name in old)
    would = freeable(lake, hours=0)
    assert (would.files, would.bytes > size) == (18, True)
    assert vacuum(lake, hours=0) == would
    assert freeable(lake, hours=0).files == 0
    assert not any(Path(name).exists() for name in old)
    assert sum(rows(lake).values()) == 240


def test_orphans_go_but_none_younger_than_the_longest_batch(lake: Lake) -> None:
    now = time.time()  # noqa: TID251 (a file's time is the machine's)
    old, young, fresh = put(lake, 90), put(lake, 91), put(lake, 92)
    for staged, hours in ((old, maintain.LONGEST_BATCH_HOURS + 1), (young, maintain.LONGEST_BATCH_HOURS - 1)):
        os.utime(lake.path / staged.path, (now - hours * 3600,) * 2)
    there = rows(lake)
    assert vacuum(lake).files == 1
    assert not (lake.path / old.path).exists()
    assert (lake.path / young.path).exists()
    assert rows(lake) == there
    assert lake.commit([fresh], {"c": 1}), "a batch that was open during the vacuum commits"


def test_committed_files_stay_however_old(lake: Lake) -> None:
    for name in lake.files(EVENT):
        os.utime(name, (1, 1))
    vacuum(lake, hours=0)
    assert sum(rows(lake).values()) == 240


def test_vacuum_leaves_the_lock_and_torn_entries(lake: Lake) -> None:
    (lake.path / "_torn").mkdir()
    (lake.path / "_torn" / "entry").write_text("x")
    os.utime(lake.path / "_torn" / "entry", (1, 1))
    vacuum(lake, hours=0)
    assert (lake.path / "_torn" / "entry").exists()
    assert (lake.path / "_lock").exists()


def test_who_follows_the_table_as_a_stream_is_told_that_no_row_is_new(lake: Lake) -> None:
    """Spark's Delta source passes over a commit whose actions all say dataChange false."""
    compact(lake, before(DAY + 1), at=NOW)
    entry = (lake.path / "_delta_log" / f"{lake.version():020d}.json").read_text()
    actions = [next(iter(json.loads(line).items())) for line in entry.splitlines()]
    changes = [action["dataChange"] for name, action in actions if name in ("add", "remove")]
    assert changes == [False] * 7


def test_vacuum_waits_for_nobody(lake: Lake) -> None:
    compact(lake, before(DAY + 1), at=NOW)
    with locked(lake.path / LOCK):
        assert vacuum(lake, hours=0).files == 18


def test_a_full_disk_leaves_no_half_file(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(files, target):
        target.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    there = set(lake.path.rglob("*.parquet"))
    monkeypatch.setattr("haechi.store.lake.parquet.merge", full)
    with pytest.raises(OSError, match="No space left"):
        compact(lake, before(DAY + 1), at=NOW)
    assert set(lake.path.rglob("*.parquet")) == there
