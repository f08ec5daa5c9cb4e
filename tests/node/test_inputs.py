import gzip
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from haechi.ingest.readers import recognise
from haechi.model.errors import BadInput
from haechi.node.inputs import OpenInput, is_document, open_input
from haechi.node.quarantine import Chosen
from haechi.node.replay import replay
from haechi.store.catalog import inputs, sensors
from tests.node.test_ingest import NOW, aged, lines_of, offsets, told


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


@pytest.mark.parametrize(
    ("head", "document"),
    [
        (b"[", True),
        (b'[{"a": 1}]', True),
        (b'\xef\xbb\xbf\n [{"a": 1}]', True),
        (b'{\n  "a": 1\n}\n', True),
        (b'{ "a":\n 1}\n', True),
        (b'{"a": 1}\n{"a": 2}\n', False),
        (b'{"a": 1, "b": "x"}', False),
        (b'{"a": "broken\n{"a": 2}\n', False),
        (b'{broken\n\n{"a": 2}\n', False),
        (b'{"timestamp": "2026", "event_type": "alert", "x\n{"a": 1}\n', False),
        (b"", False),
        (b"#fields\ta\tb\n", False),
    ],
)
def test_documents_and_lines_are_told_apart(head: bytes, document: bool) -> None:
    assert is_document(head) == document


def opened(node: Any, path: Path, committed: dict[str, int] | None = None) -> OpenInput:
    catalog = node.home.catalog()
    with catalog.begin() as conn:
        sensor = sensors.get_or_add(conn, "edge", node.home.party_id, "")
    lake: Any = SimpleNamespace(committed=(committed or {}).get)
    found = open_input(catalog, path, recognise, sensor_id=sensor.id, mapping=None, lake=lake, now=NOW)
    found.source.close()
    return found


def test_a_new_log_is_noted_by_its_head(node: Any) -> None:
    path = node.log([node.line(NOW, "198.51.100.1")])
    found = opened(node, path)
    assert (found.start, found.end, found.reader.name, found.row.head_length) == (
        0,
        0,
        "suricata-eve",
        path.stat().st_size,
    )
    assert opened(node, path).row.id == found.row.id, "killed before its first commit, it is the same input"
    with node.home.catalog().connect() as conn:
        assert [row.path for row in inputs.list_inputs(conn)] == [str(path)]


def test_the_lake_says_where_to_go_on_not_the_catalog(node: Any) -> None:
    """A process that died between the two commits: the lake's is the one that counts."""
    path = node.log(node.line(NOW - n, "198.51.100.1") for n in range(9))
    row = opened(node, path).row
    assert opened(node, path, {row.uuid: 150}).start == 150
    assert opened(node, path, {"another": 150}).start == 0


def test_a_quiet_pipe_keeps_no_one_from_the_catalog(node: Any) -> None:
    """Standard input may have nothing to say for hours."""
    reading, writing = os.pipe()
    found: list[OpenInput] = []
    thread = threading.Thread(target=lambda: found.append(opened(node, Path(f"/dev/fd/{reading}"))))
    os.write(writing, (node.line(NOW, "198.51.100.1") + "\n").encode())
    thread.start()
    try:
        time.sleep(0.5)
        assert not found, "it waits for more"
        with node.home.catalog().begin() as conn:
            sensors.get_or_add(conn, "other", node.home.party_id, "")
        assert thread.is_alive()
    finally:
        os.close(writing)
        thread.join()
        os.close(reading)
    assert found[0].reader.name == "suricata-eve"


def test_what_another_process_notes_meanwhile_is_found(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the write: the log is looked up again, and both agree on its id."""
    path = node.log([node.line(NOW, "198.51.100.77")])
    by_head, others = inputs.by_head, list[OpenInput]()

    def looked_up(*given: Any) -> Any:
        found = by_head(*given)
        if not others:
            monkeypatch.setattr(inputs, "by_head", by_head)
            others.append(opened(node, path))
        return found

    monkeypatch.setattr(inputs, "by_head", looked_up)
    assert opened(node, path).row.id == others[0].row.id


def test_what_no_reader_knows_leaves_nothing_behind(node: Any) -> None:
    path = node.log(["certainly no log"])
    with pytest.raises(BadInput, match="isn't recognised.*--format"):
        opened(node, path)
    with node.home.catalog().connect() as conn:
        assert inputs.list_inputs(conn) == []


@pytest.mark.parametrize("order", ["mon tue wed", "wed tue mon", "tue wed mon", "packed tue wed", "wed packed mon"])
def test_snapshots_of_one_log_in_one_call_give_its_lines_once(node: Any, order: str) -> None:
    lines = lines_of(node, 180)
    logs = {name: node.log(lines[:n], f"{name}.json") for name, n in (("mon", 100), ("tue", 150), ("wed", 180))}
    logs["packed"] = node.folder / "cut.json.gz"
    logs["packed"].write_bytes(gzip.compress(logs["wed"].read_bytes())[:-200])
    paths = [aged(logs[name]) for name in order.split()]
    assert node.reads(paths[0], more=paths[1:]).events == 180
    for _ in range(2):
        again = node.reads(paths[0], more=paths[1:])
        assert told(again) == (0, 0, 0)
        assert not any(file.problem for file in again.files)
    assert len({at for _, at in offsets(node)}) == len(offsets(node)) == 180
    assert offsets(node, "quarantine") == []


def test_logs_with_one_beginning_are_all_read_whole(node: Any) -> None:
    lines = lines_of(node, 90)
    assert sum(map(len, lines[:40])) > 5000
    one, two = node.log(lines[:60], "one.json"), node.log(lines[:40] + lines[60:70], "two.json")
    three = node.log(lines[:40] + lines[70:], "three.json")
    assert node.reads(one, more=[two, three]).events == 60 + 50 + 60
    assert node.reads(three, more=[one, two]).events == 0
    assert len({input_id for input_id, _ in offsets(node)}) == 3


def test_a_shorter_copy_brings_nothing_new(node: Any) -> None:
    lines = lines_of(node, 100)
    path, short = node.log(lines), node.log(lines[:50], "short.json")
    assert node.reads(path).events == 100
    assert told(node.reads(short)) == (0, 0, 0)
    packed = node.folder / "short.json.gz"
    packed.write_bytes(gzip.compress(short.read_bytes()))
    assert told(node.reads(aged(packed))) == (0, 0, 0)


def test_what_may_be_a_shorter_copy_is_not_taken_in_silence(node: Any) -> None:
    """The longer log is gone, so they can't be compared."""
    lines = lines_of(node, 100)
    path, short = node.log(lines), node.log(lines[:50], "short.json")
    node.reads(path)
    path.unlink()
    (file,) = node.reads(short).files
    assert file.events == 0
    assert "begins like" in file.problem
    assert "--again" in file.problem
    assert node.reads(short, again=True).events == 50
    assert told(node.reads(short)) == told(node.reads(short, again=True)) == (0, 0, 0)


def test_one_record_comes_in_by_one_format_only(node: Any) -> None:
    path = node.log(lines_of(node, 30))
    assert told(node.reads(path, format="access")) == (0, 0, 30)
    right = node.reads(path)
    assert told(right) == (0, 0, 0)
    assert right.files[0].before == "access"
    assert replay(node.home, Chosen(input="eve.json"), format="suricata-eve").read == 30
    assert len(offsets(node)) == 30
    with path.open("a") as log:
        log.write(node.line(NOW - 5, "198.51.100.9") + "\n")
    assert told(node.reads(aged(path))) == (1, 0, 0), "what is new is read by the right one"
    assert node.reads(path).files[0].before == ""
