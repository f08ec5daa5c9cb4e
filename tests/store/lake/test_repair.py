import shutil
import threading
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haechi.model.event import EVENT
from haechi.store.files import locked
from haechi.store.lake import Lake, Staged
from haechi.store.lake.maintain import compact
from haechi.store.lake.repair import move_aside, torn_checkpoint, torn_entry
from haechi.store.lake.table import EPOCH, LOCK

DAY = 20_000
NOW = (DAY + 2) * 86_400_000_000


def put(lake: Lake, first: int) -> Staged:
    file = lake.stage(EVENT, DAY)
    ts = pa.array([DAY * 86_400_000_000] * 3, pa.timestamp("us", tz="UTC"))
    pq.write_table(pa.table({"ts": ts, "raw_offset": pa.array(range(first, first + 3), pa.int64())}), file)
    return lake.staged(file, EVENT, DAY, 3)


def offsets(lake: Lake) -> list[int]:
    return lake.query("select raw_offset from event order by raw_offset")["raw_offset"].to_pylist()  # type: ignore[no-any-return]


def entry(lake: Lake, version: int) -> Path:
    return lake.path / "_delta_log" / f"{version:020d}.json"


def batch(lake: Lake, number: int) -> None:
    """Two files and two inputs, so that a cut can fall between lines of each sort."""
    files = [put(lake, number * 6), put(lake, number * 6 + 3)]
    assert lake.commit(files, {"a": number + 1, "b": number + 1}, {"a": number, "b": number})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    made = Lake.create(tmp_path / "lake")
    batch(made, 0)
    batch(made, 1)
    return made


def test_whole_entries_stay(lake: Lake) -> None:
    assert torn_entry(lake.path / "_delta_log") is None
    assert Lake(lake.path).moved_aside is None


def test_a_cut_at_any_byte_is_found(lake: Lake) -> None:
    """At each byte but the last line's end, which carries nothing; among them all places between two lines."""
    last = entry(lake, 2)
    whole = last.read_bytes()
    needed = len(whole.rstrip(b"\n"))
    assert whole.count(b"\n") >= 4
    for cut in range(needed):
        last.write_bytes(whole[:cut])
        assert torn_entry(last.parent) == last, (cut, whole[max(0, cut - 30) : cut])
    last.write_bytes(whole[:needed])
    assert torn_entry(last.parent) is None


@pytest.mark.parametrize("tail", [b"\0" * 100, b'{"add":', b"\xff\xfe", b"[]\n", b"7\n"])
def test_an_entry_that_ends_in_other_bytes(lake: Lake, tail: bytes) -> None:
    last = entry(lake, 2)
    last.write_bytes(last.read_bytes().split(b"\n", 1)[0] + b"\n" + tail)
    assert torn_entry(last.parent) == last


def _cuts(whole: bytes) -> list[int]:
    ends = [i + 1 for i, byte in enumerate(whole[:-1]) if byte == 10]
    return [0, 1, *ends, *(e - 1 for e in ends), len(whole) - 2]


def test_a_torn_entry_is_moved_aside_and_its_batch_committed_again(lake: Lake) -> None:
    last = entry(lake, 2)
    whole = last.read_bytes()
    for number, cut in enumerate(_cuts(whole)):
        last.write_bytes(whole[:cut])
        opened = Lake(lake.path)
        assert opened.moved_aside == lake.path / "_torn" / f"{last.name}.{number}"
        assert opened.moved_aside.read_bytes() == whole[:cut]
        assert offsets(opened) == list(range(6)), cut
        assert opened.committed("a") == opened.committed("b") == 1, cut
        batch(opened, 1)
        assert offsets(Lake(lake.path)) == list(range(12))
        whole = last.read_bytes()


def test_an_empty_entry(lake: Lake) -> None:
    entry(lake, 2).write_bytes(b"")
    opened = Lake(lake.path)
    assert opened.moved_aside is not None
    assert offsets(opened) == list(range(6))


def test_only_the_last_entry_is_moved(lake: Lake) -> None:
    """A torn entry with a whole one behind it was acknowledged: this is damage, which no repair may hide."""
    first = entry(lake, 1)
    first.write_bytes(first.read_bytes()[:50])
    assert torn_entry(first.parent) is None


def test_a_compaction_cut_at_any_line_is_undone(lake: Lake) -> None:
    assert compact(lake, EPOCH.fromordinal(EPOCH.toordinal() + DAY + 1), at=NOW) == 4
    last = entry(lake, 3)
    whole = last.read_bytes()
    assert whole.count(b'"remove"') == 4
    for cut in _cuts(whole):
        last.write_bytes(whole[:cut])
        assert torn_entry(last.parent) == last, cut
    opened = Lake(lake.path)
    assert opened.moved_aside is not None
    assert offsets(opened) == list(range(12))


def test_what_another_program_committed_is_whole_if_it_reads(lake: Lake) -> None:
    """Spark or a maintenance tool doesn't write our counts."""
    entry(lake, 3).write_text('{"commitInfo":{"operation":"VACUUM START"}}\n')
    assert torn_entry(lake.path / "_delta_log") is None


def test_moved_entries_do_not_overwrite_each_other(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log"
    log.mkdir()
    for text in ("one", "two"):
        (log / "3.json").write_text(text)
        move_aside(log / "3.json")
    assert [p.read_text() for p in sorted((tmp_path / "_torn").iterdir())] == ["one", "two"]


@pytest.mark.parametrize("kept", [0, 7, 200, -3])
def test_a_torn_checkpoint_is_done_without(lake: Lake, kept: int) -> None:
    """The log's entries all stay, so that a checkpoint cut by a power failure is merely slower."""
    for version in range(3, 101):
        lake.commit([], {"c": version})
    (checkpoint,) = (lake.path / "_delta_log").glob("*.checkpoint.parquet")
    assert torn_checkpoint(checkpoint.parent) is None
    checkpoint.write_bytes(checkpoint.read_bytes()[:kept])
    assert torn_checkpoint(checkpoint.parent) == checkpoint
    opened = Lake(lake.path)
    assert offsets(opened) == list(range(12))
    assert opened.committed("a") == 2
    assert opened.committed("c") == 100
    assert opened.commit([put(opened, 12)], {"c": 101})
    assert len(offsets(Lake(lake.path))) == 15


def test_an_empty_log_has_nothing_torn(tmp_path: Path) -> None:
    assert torn_entry(tmp_path) is None
    assert torn_checkpoint(tmp_path) is None
    shutil.rmtree(tmp_path)


def test_an_entry_that_is_being_written_is_waited_for(lake: Lake) -> None:
    """What looks torn without the lock is looked at again under it: the commit may have ended meanwhile."""
    last = entry(lake, 2)
    whole = last.read_bytes()
    last.write_bytes(whole[:50])
    opened: list[Lake] = []
    reader = threading.Thread(target=lambda: opened.append(Lake(lake.path)))
    with locked(lake.path / LOCK):
        reader.start()
        reader.join(0.3)
        assert not opened
        last.write_bytes(whole)
    reader.join(10)
    assert opened[0].moved_aside is None
    assert offsets(opened[0]) == list(range(12))
