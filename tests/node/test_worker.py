import ipaddress
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haechi.detect import index
from haechi.detect.index import Index
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.reader import Reader
from haechi.ingest.readers import READERS, eve
from haechi.model.clock import DAY
from haechi.model.event import LAKE_SCHEMA, SIGHTING
from haechi.node import worker as worker_module
from haechi.node.blocks import Setting
from haechi.node.matching import current_index
from haechi.node.worker import Done, Worker
from haechi.store.lake import Lake
from tests.detect.conftest import table_of
from tests.ingest.engines.test_engine import mutated, sample

NOW = 1_790_000_000_000_000
SETTING = Setting(
    input_id=4, sensor_id=5, observer_id=6, rule=time_rule("UTC", newest=NOW, oldest=0, latest=NOW + DAY), parties=party_table([])
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

    def run(
        data: bytes, base: int = 1000, index: Index = found, reader: Reader = eve.READER, last: bool = False
    ) -> Done:
        buf = made.block.a.buf
        buf[: len(data)] = np.frombuffer(data, np.uint8)
        buf[len(data) : len(data) + 128] = 0
        piece = Piece(base, len(data), base + len(data), True, b"", last=last)
        return made.work(piece, engine_for(reader, head=data), SETTING, index, NOW)

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


def index_of(folder: Path, indicators: Sequence[tuple[str, str]]) -> Index:
    index.write(folder / "index", index.build(table_of(indicators)), 1)
    made = index.load(folder / "index")
    assert made is not None
    return made


def sighted(node: Any, done: Done) -> set[tuple[int, int]]:
    """(event's offset, value id) of all sightings, of which none comes twice."""
    files = [pq.ParquetFile(node.home.lake_path / f.path).read() for f in done.files if f.kind == SIGHTING]
    found = [
        pair for t in files + done.sightings for pair in zip(*map(t.column, ("raw_offset", "matcher_id")), strict=True)
    ]
    pairs = {(offset.as_py(), value.as_py()) for offset, value in found}
    assert len(pairs) == len(found) == done.sighted
    return pairs


def test_no_log_can_fill_the_arena_and_blind_the_matching(node: Any, work: Callable[..., Done], tmp_path: Path) -> None:
    """URLs that become three times as long, a piece full of them, and behind them two that are known."""

    def request(host: str, url: str) -> bytes:
        return line(node, NOW, event_type="http", http={"hostname": host, "url": url, "http_port": 80})

    data = request("a.test", "/" + "<" * 3500) * 250 + request("a.test", "/" + "<" * 100) * 210
    behind = request("c2.test", "/x") + line(node, NOW, dns={"rrname": "WWW.BAD.TEST"})
    assert len(data + behind) < 1 << 20
    done = work(data + behind, index=index_of(tmp_path, [("url", "http://c2.test/x"), ("domain", "bad.test")]))
    assert (done.events, done.refused) == (462, [])
    assert {value for _, value in sighted(node, done)} == {1, 2}


def test_a_record_that_no_arena_holds_is_refused_with_its_field(node: Any, work: Callable[..., Done]) -> None:
    """Both texts are decoded, the host is made small, and then stands before the URL."""
    http = {"hostname": "X" * 400_000 + "\t", "url": "/" + "a" * 500_000 + "\t"}
    done = work(line(node, NOW) + line(node, NOW, http=http) + line(node, NOW))
    (record,) = done.refused
    assert (record.reason, record.field) == ("refused.arena-full", "url")
    assert len(rows(node, done)) == done.events == 2


def test_sightings_beyond_a_bound_go_to_files(
    node: Any, work: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed of a thousand ranges that overlap, and a log full of what they hold."""
    monkeypatch.setattr(worker_module, "HELD_BYTES", 1 << 20)
    ranges = [("ipv4-range", f"198.51.100.{n % 50}-198.51.{101 + n // 50}.{n}") for n in range(100)]
    ranges += [("ipv4-range", f"198.51.{n}.0-198.51.100.{n + 100}") for n in range(90)]
    data = b"".join(line(node, NOW, dns={"answers": [{"rdata": "198.51.100.77"}]}) for _ in range(400))
    known = [*ranges, ("ipv4", "198.51.100.77"), ("domain", "evil.example")]
    places = {1000 + k * (len(data) // 400) for k in range(400)}
    wanted = {k for k, (kind, text) in enumerate(known, 1) if kind != "domain" and _holds(text)}
    done = work(data, index=index_of(tmp_path, known))
    assert done.sighted > 30_000
    assert sighted(node, done) == {(place, value) for place in places for value in wanted}
    assert sum(table.nbytes for table in done.sightings) <= 1 << 20
    assert any(file.kind == SIGHTING for file in done.files)


def _holds(text: str) -> bool:
    """Whether a range has one of the two addresses of the test's log."""
    first, last = (int(ipaddress.IPv4Address(part)) for part in (text.split("-") * 2)[:2])
    return any(first <= int(ipaddress.IPv4Address(a)) <= last for a in ("198.51.100.1", "198.51.100.77"))


def test_one_row_with_more_hits_than_there_is_room_for(node: Any, work: Callable[..., Done], tmp_path: Path) -> None:
    nets = [("ipv4-range", f"198.51.{n // 250}.{n % 250}-198.51.{100 + n // 200}.200") for n in range(10_000)]
    done = work(line(node, NOW) * 3, index=index_of(tmp_path, nets))
    assert len(sighted(node, done)) == done.sighted == 3 * len({text for _, text in nets})


def test_events_of_many_days_wait_for_those_of_other_pieces(node: Any, work: Callable[..., Done]) -> None:
    done = work(b"".join(line(node, NOW - n % 40 * DAY) for n in range(80)))
    assert (done.events, done.files) == (80, [])
    assert [table.num_rows for table in done.scattered] == [80]
    work(line(node, NOW) * 80)  # the block is used again
    assert sorted(set(done.scattered[0]["raw_length"].to_pylist())) == [len(line(node, NOW)) - 1]


@pytest.mark.parametrize("number", [99_999_999_999, -99_999_999_999])
def test_a_number_that_no_column_holds_refuses_its_record_alone(
    node: Any, work: Callable[..., Done], number: int
) -> None:
    done = work(line(node, NOW) + line(node, NOW, http={"status": number}) + line(node, NOW))
    (record,) = done.refused
    assert (record.reason, record.field, record.value) == ("refused.number-range", "http_status", str(number))
    assert len(rows(node, done)) == done.events == 2


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_what_is_read_of_mutated_lines_can_be_written(
    node: Any, work: Callable[..., Done], reader: Reader, data: st.DataObject
) -> None:
    text = mutated(data, bytearray(sample(reader)))
    text += b"" if text.endswith(b"\n") else b"\n"
    done = work(text, reader=reader, last=True)
    written = sum(staged.rows for staged in done.files) + sum(table.num_rows for table in done.scattered)
    assert written == done.events
    Lake(node.home.lake_path).discard(done.files)
