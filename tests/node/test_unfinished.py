"""A log that was fetched before it was whole, then again: each record once, none in halves."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from haechi.ingest.feed import Piece
from haechi.ingest.quarantine import RefusedRecord
from haechi.model.errors import Conflict
from haechi.node import batch as batch_module
from haechi.node import unfinished as unfinished_module
from haechi.node.ingest import ingest
from haechi.node.quarantine import Chosen
from haechi.node.replay import replay
from haechi.node.unfinished import unfinished
from haechi.node.worker import Worker
from haechi.store.lake import Lake
from tests.journeys.small import sized

NOW = 1_790_000_000_000_000
BROKEN = "{broken"


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


def rows(node: Any, kind: str) -> list[int]:
    found = Lake(node.home.lake_path).query(f"select raw_offset from {kind} order by all").to_pylist()
    return [row["raw_offset"] for row in found]


def text_of(node: Any, count: int) -> bytes:
    lines = [node.line(NOW - 3_600_000_000 - n, f"198.51.100.{n % 200 + 1}", flow_id=n * n) for n in range(count)]
    return "".join(f"{line}\n" for line in lines).encode()


def starts(text: bytes) -> list[int]:
    return [0, *(at + 1 for at, byte in enumerate(text[:-1]) if byte == 10)]


def reads(node: Any, data: bytes, sensor: str = "edge", **options: Any) -> tuple[int, int]:
    """Events and refused records of a log that was written some minutes ago."""
    path: Path = node.folder / "log"
    path.write_bytes(data)
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    result = ingest(node.home, [path], sensor=sensor, **options)
    assert result.files[0].problem == ""
    return result.events, result.quarantined


def zstd(data: bytes) -> bytes:
    return pa.compress(data, "zstd", asbytes=True)  # type: ignore[no-any-return]


@pytest.mark.parametrize("kept", [0.5, 0.9])
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_a_log_fetched_in_part_then_whole(
    node: Any, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], kept: float
) -> None:
    sized(monkeypatch)
    text = text_of(node, 2000)
    packed = pack(text)
    events, refused = reads(node, packed[: int(len(packed) * kept)])
    assert refused == len(rows(node, "quarantine")) == 1
    assert reads(node, packed[: int(len(packed) * kept)]) == (0, 0), "the same bytes again"
    assert len(rows(node, "quarantine")) == 1
    assert reads(node, packed) == (2000 - events, 0)
    assert rows(node, "event") == starts(text)
    assert rows(node, "quarantine") == []
    assert reads(node, packed) == (0, 0)


def test_a_log_cut_at_any_byte(node: Any) -> None:
    text = text_of(node, 5)
    for at in range(len(text_of(node, 4)) + 1, len(text), 17):
        half, whole = (reads(node, part, sensor=f"sensor-{at}") for part in (text[:at], text))
        assert (half[0] + whole[0], whole[1]) == (5, 0), at
    assert rows(node, "quarantine") == []


def test_a_growing_array(node: Any) -> None:
    records = [json.loads(line) for line in text_of(node, 50).splitlines()]
    data = json.dumps(records, indent=1).encode()
    for at in (len(data) // 3, len(data) // 2, len(data) - 200, len(data)):
        reads(node, data[:at])
        assert len(rows(node, "quarantine")) == (at < len(data))
    assert len(set(rows(node, "event"))) == len(rows(node, "event")) == 50


def test_a_quoted_field_that_the_end_cuts_short(node: Any, tmp_path: Path) -> None:
    mapping = tmp_path / "m.toml"
    mapping.write_text('name = "firewall"\ntime_zone = "Asia/Seoul"\n[fields]\n"when" = "time"\n"from" = "src_addr"\n')
    text = b'when,from,why\n2026-09-01 00:00:00,192.0.2.1,"a\nb"\n2026-09-01 00:00:01,192.0.2.2,"c\nd\ne"\n'
    for at in (text.index(b"d\n") + 2, text.index(b"\ne") + 1, len(text) - 2):
        reads(node, text[:at], mapping=mapping)
        assert len(rows(node, "event")) == 1
        assert rows(node, "quarantine")[0] == text.index(b"2026-09-01 00:00:01")
    assert reads(node, text, mapping=mapping) == (1, 0)
    assert (len(rows(node, "event")), rows(node, "quarantine")) == (2, [])


def test_what_else_was_refused_stays(node: Any) -> None:
    text = BROKEN.encode() + b"\n" + text_of(node, 20)
    assert reads(node, text[:-30]) == (19, 2)
    assert reads(node, text[:-20]) == (0, 1), "longer, and still no whole record"
    assert rows(node, "quarantine") == [0, starts(text)[-1]]
    assert reads(node, text + BROKEN.encode() + b"\n") == (1, 1)
    assert rows(node, "quarantine") == [0, len(text)]
    assert rows(node, "event") == starts(text)[1:]


def test_a_last_line_that_nothing_ends_but_that_is_whole_counts(node: Any) -> None:
    text = text_of(node, 3)
    assert reads(node, text[:-1]) == (3, 0)
    assert reads(node, text + text_of(node, 1)) == (1, 0)


def test_one_that_a_replay_has_read_is_not_read_again(node: Any) -> None:
    lines = [f"Sep  1 00:00:0{n} gate sshd[7]: Failed password for root from 192.0.2.9 port 22 ssh2" for n in range(4)]
    text = "\n".join(lines).encode()
    assert reads(node, text, format="syslog") == (0, 4)
    replay(node.home, Chosen(), zone="Asia/Seoul")
    assert (len(rows(node, "event")), rows(node, "quarantine")) == (4, [])
    assert reads(node, text, format="syslog") == (0, 0)
    assert reads(node, text + b"\n" + lines[0].encode() + b"\n", format="syslog") == (1, 0)
    assert len(rows(node, "event")) == len(set(rows(node, "event"))) == 5


@pytest.mark.parametrize("further", [False, True])
def test_who_is_second_to_read_it_changes_nothing(node: Any, monkeypatch: pytest.MonkeyPatch, further: bool) -> None:
    """Another process read the record between the look and the commit, and may have seen more of the log."""
    text = text_of(node, 60)
    reads(node, text[:-30])
    take_away = unfinished_module.take_away

    def late(*given: Any) -> Any:
        monkeypatch.setattr(batch_module, "take_away", take_away)
        found = take_away(*given)
        assert reads(node, text + further * b'{"half') == (1, further)
        return found

    monkeypatch.setattr(batch_module, "take_away", late)
    assert reads(node, text) == (0, 0)
    assert rows(node, "event") == starts(text)
    assert reads(node, text) == (0, 0)
    assert rows(node, "quarantine") == further * [len(text)]


def test_a_replay_between_the_look_and_the_commit(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b"Sep  1 00:00:00 gate sshd[7]: Failed password for root from 192.0.2.9 port 22 ssh2"
    reads(node, line, format="syslog")
    work = Worker.work

    def late(*given: Any) -> Any:
        monkeypatch.setattr(Worker, "work", work)
        replay(node.home, Chosen(), zone="Asia/Seoul")
        return work(*given)

    monkeypatch.setattr(Worker, "work", late)
    with pytest.raises(Conflict, match="Run the ingest again"):
        reads(node, line + b"\n", format="syslog")
    assert reads(node, line + b"\n", format="syslog") == (0, 0)
    assert (rows(node, "event"), rows(node, "quarantine")) == ([0], [])


def refused(offset: int, length: int, reason: str = "refused.unterminated") -> RefusedRecord:
    return RefusedRecord(offset, length, None, reason, "", "", b"")


@pytest.mark.parametrize(
    ("open_at", "multiline", "records", "found"),
    [
        (180, False, [refused(150, 20), refused(180, 20)], 180),
        (180, False, [refused(150, 20)], None),  # the open line was read
        (180, True, [refused(150, 50)], 150),  # begins lines before
        (200, False, [refused(200, 0, "refused.cut-off")], 200),
        (None, True, [refused(150, 49)], 150),
        (None, True, [refused(150, 29), refused(180, 19, "refused.too-few-fields")], 150),  # all lines of it
        (None, True, [refused(150, 19), refused(180, 19, "refused.too-few-fields")], None),  # one between was read
        (None, True, [refused(150, 49, "refused.bad-port")], None),
        (None, False, [refused(150, 49)], None),
        (180, False, [], None),
    ],
)
def test_which_record_is_unfinished(
    open_at: int | None, multiline: bool, records: list[RefusedRecord], found: int | None
) -> None:
    piece = Piece(100, 100, 200, True, b"", last=True, open_at=open_at)
    assert unfinished(piece, records, multiline=multiline) == found
