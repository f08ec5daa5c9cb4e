from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from haechi.ingest.feed import Piece
from haechi.ingest.quarantine import RefusedRecord
from haechi.model.clock import DAY
from haechi.node import batch as batch_module
from haechi.node.batch import Batch
from haechi.node.worker import Done
from haechi.store.lake import Lake

NOW = 1_790_000_000_000_000


@pytest.fixture
def lake(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield Lake(made.home.lake_path)
    made.home.close()


def opened(uuid: str = "a") -> Any:
    row = SimpleNamespace(id=1, uuid=uuid, sensor_id=1)
    counts = {"events": 0, "sightings": 0, "quarantined": 0, "blank": 0, "dark": 0, "lines": 0}
    return _Opened(
        row=row, reader=SimpleNamespace(name="suricata-eve"), end=0, committed=0, seen=0, waits=False, **counts
    )


class _Opened(SimpleNamespace):
    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)  # as OpenInput: by identity


def piece(base: int, end: int) -> Piece:
    return Piece(base, end - base, end, True, b"", tail=b"x")


def refused(offset: int, line: int, raw: bytes = b"{broken") -> RefusedRecord:
    return RefusedRecord(offset, len(raw), line, "refused.bracket", "", "", raw)


def quarantine(lake: Lake) -> list[tuple[Any, ...]]:
    rows = lake.query("select raw_offset, line, raw from quarantine order by raw_offset").to_pylist()
    return [(row["raw_offset"], row["line"], row["raw"]) for row in rows]


def test_pieces_done_in_any_order_are_committed_together(lake: Lake) -> None:
    one, batch = opened(), Batch(lake, NOW)
    first, second = piece(0, 100), piece(100, 200)
    batch.take(one, first)
    batch.take(one, second)
    batch.add(one, second, Done(events=1, blank=1, lines=4, refused=[refused(120, 2)]))
    batch.add(one, first, Done(events=2, lines=10, refused=[refused(50, 5)]))
    assert one.end == 0, "nothing counts before the commit"
    assert batch.commit()
    assert (one.end, one.events, one.quarantined, one.blank, one.lines) == (200, 3, 2, 1, 14)
    assert quarantine(lake) == [(50, 5, b"{broken"), (120, 12, b"{broken")]
    assert lake.committed("a") == 200


def test_many_refused_records_do_not_stay_in_memory(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "HELD_BYTES", 1000)
    one, batch = opened(), Batch(lake, NOW)
    for number in range(20):
        here = piece(number * 100, number * 100 + 100)
        batch.take(one, here)
        batch.add(one, here, Done(lines=1, refused=[refused(number * 100, 1, b"x" * 400)]))
    assert len(list(lake.path.glob("kind=quarantine/*/*.parquet"))) >= 6
    assert quarantine(lake) == []
    assert batch.commit()
    assert [row[0] for row in quarantine(lake)] == [n * 100 for n in range(20)]


def events(*days: int) -> pa.Table:
    ts = pa.array([day * DAY + 1 for day in days], pa.timestamp("us", tz="UTC"))
    activity = pa.DictionaryArray.from_arrays(pa.array([0] * len(days), pa.int8()), pa.array(["flow"]))
    return pa.table({"ts": ts, "activity": activity, "raw_offset": pa.array(days, pa.int64())})


@pytest.mark.parametrize("held", [batch_module.HELD_EVENTS, 0])
def test_scattered_events_make_a_file_a_day(lake: Lake, monkeypatch: pytest.MonkeyPatch, held: int) -> None:
    """Of a whole batch, not of each piece; unless they take too much memory."""
    monkeypatch.setattr(batch_module, "HELD_EVENTS", held)
    one, batch = opened(), Batch(lake, NOW)
    for number in range(3):
        here = piece(number * 100, number * 100 + 100)
        batch.take(one, here)
        batch.add(one, here, Done(events=3, lines=3, scattered=[events(20_000 + number, 20_001, 20_300)]))
    assert batch.commit()
    files = list(lake.path.glob("kind=event/*/*.parquet"))
    assert len(files) == (4 if held else 8)
    found = lake.query("select day, count(*) as n from event group by day order by day").to_pylist()
    assert [row["n"] for row in found] == [1, 4, 1, 3]


def test_who_comes_second_with_the_same_batch_changes_nothing(lake: Lake) -> None:
    results = []
    for _ in range(2):
        one, batch = opened(), Batch(lake, NOW)
        batch.take(one, piece(0, 100))
        batch.add(one, piece(0, 100), Done(events=0, lines=3, refused=[refused(50, 3)]))
        results.append((batch.commit(), one.end, one.quarantined))
    assert results == [(True, 100, 1), (False, 100, 0)]
    assert len(quarantine(lake)) == len(list(lake.path.glob("kind=quarantine/*/*.parquet"))) == 1


def test_an_abandoned_batch_leaves_no_files(lake: Lake) -> None:
    one, batch = opened(), Batch(lake, NOW)
    batch.take(one, piece(0, 100))
    batch.add(one, piece(0, 100), Done(lines=3, refused=[refused(50, 3)]))
    batch._stage_refused()
    assert list(lake.path.glob("kind=quarantine/*/*.parquet"))
    batch.abandon()
    assert list(lake.path.glob("kind=quarantine/*/*.parquet")) == []
    assert lake.committed("a") is None


def test_inputs_of_a_batch_are_committed_together(lake: Lake) -> None:
    one, other, batch = opened("a"), opened("b"), Batch(lake, NOW)
    for log, end in ((one, 100), (other, 70)):
        batch.take(log, piece(0, end))
        batch.add(log, piece(0, end), Done(lines=1))
    assert batch.commit()
    assert (lake.committed("a"), lake.committed("b")) == (100, 70)
