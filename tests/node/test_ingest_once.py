"""A record comes in once, whatever snapshots, copies and formats its log is given in."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from haechi.node.quarantine import Chosen
from haechi.node.replay import replay
from tests.node.test_ingest import NOW, aged, lines_of, offsets, told


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


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
