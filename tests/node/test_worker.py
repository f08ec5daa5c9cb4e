import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from haechi.detect.index import Index
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.readers import eve
from haechi.model.event import LAKE_SCHEMA
from haechi.node import worker as worker_module
from haechi.node.matching import current_index
from haechi.node.worker import Done, Setting, Worker
from haechi.store.lake import Lake

NOW = 1_790_000_000_000_000
DAY = 86_400_000_000
SETTING = Setting(
    input_id=4, sensor_id=5, observer_id=6, rule=time_rule("", newest=NOW, oldest=0, latest=NOW + DAY), parties=party_table([])
)  # fmt: skip


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    made.knows("list", "evil.example")
    yield made
    made.home.close()


@pytest.fixture
def work(node: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    monkeypatch.setattr(worker_module, "CHUNK", 1 << 20)
    monkeypatch.setattr(worker_module, "ROWS_HELD", 256)
    made, found = Worker(Lake(node.home.lake_path)), current_index(node.home)

    def run(data: bytes, base: int = 1000, index: Index = found) -> Done:
        buf = made.block.a.buf
        buf[: len(data)] = np.frombuffer(data, np.uint8)
        buf[len(data) : len(data) + 128] = 0
        return made.work(
            Piece(base, len(data), base + len(data), True, b""), engine_for(eve.READER), SETTING, index, NOW
        )

    return run


def line(node: Any, at: int, **more: Any) -> bytes:
    return node.line(at, "198.51.100.1", **more).encode() + b"\n"  # type: ignore[no-any-return]


def rows(node: Any, done: Done) -> list[dict[str, Any]]:
    found = []
    for staged in done.files:
        table = pq.ParquetFile(node.home.lake_path / staged.path).read()
        assert table.num_rows == staged.rows
        for field in table.schema:
            assert field.type == LAKE_SCHEMA.field(field.name).type, field.name
        assert staged.first is not None
        assert staged.last is not None
        times = [int(t.timestamp() * 1e6) for t in table["ts"].to_pylist()]
        assert abs(min(times) - staged.first) <= 1
        assert abs(max(times) - staged.last) <= 1
        found += table.to_pylist()
    return found


def test_a_piece_becomes_files_by_day_and_rows_of_sightings_and_refusals(node: Any, work: Callable[..., Done]) -> None:
    data = [
        line(node, NOW - DAY),
        b"\n",
        line(node, NOW, dns={"rrname": "www.evil.example"}),
        b"{broken\n",
        line(node, NOW, dest_port=70_000),
        line(node, NOW + 1),
    ]
    done = work(b"".join(data))
    places = [1000 + sum(map(len, data[:n])) for n in range(6)]
    assert (done.events, done.blank, done.lines, done.unread) == (3, 1, 6, 0)
    found = rows(node, done)
    assert sorted(row["raw_offset"] for row in found) == [places[0], places[2], places[5]]
    assert {(row["input_id"], row["sensor_id"], row["observer_id"]) for row in found} == {(4, 5, 6)}
    assert len(done.files) == 2
    assert sorted((r.offset, r.line, r.raw) for r in done.refused) == [
        (places[3], 4, data[3][:-1]),
        (places[4], 5, data[4][:-1]),
    ]
    (table,) = done.sightings
    assert table.to_pylist()[0]["raw"] == data[2][:-1]
    assert table["input_id"].to_pylist() == [4]


def test_more_rows_than_a_block_holds(node: Any, work: Callable[..., Done]) -> None:
    data = b"".join(line(node, NOW - n) for n in range(1500))
    done = work(data)
    assert done.events == 1500
    found = rows(node, done)
    assert len({row["raw_offset"] for row in found}) == 1500
    assert sum(len(json.dumps(r, default=str)) > 0 for r in found) == 1500


def test_nothing_is_committed(node: Any, work: Callable[..., Done]) -> None:
    work(line(node, NOW))
    assert Lake(node.home.lake_path).query("select count(*) as n from event")["n"].to_pylist() == [0]


def test_a_piece_without_an_event_writes_no_file(node: Any, work: Callable[..., Done]) -> None:
    done = work(b"{broken\n\n")
    assert (done.events, done.files, len(done.refused)) == (0, [], 1)


def test_a_failed_write_leaves_no_file(node: Any, work: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second day's file can't be flushed: the first day's is taken away with it."""
    real, calls = Lake.staged, []

    def staged(self: Lake, *args: Any, **named: Any) -> Any:
        calls.append(args)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(self, *args, **named)

    monkeypatch.setattr(Lake, "staged", staged)
    with pytest.raises(OSError, match="No space left"):
        work(line(node, NOW - DAY) + line(node, NOW))
    assert list(Path(node.home.lake_path).glob("kind=*/*/*")) == []
