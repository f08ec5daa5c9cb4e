"""An event opened by its id: its columns are those of the log, its raw record is the log's own bytes or honestly gone."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from haechi.model.errors import NotFound, UsageError
from haechi.model.sighting import EventId
from haechi.node.events import event, open_id, parse, sighting_id
from haechi.node.sightings import Wanted, opened


@pytest.fixture(scope="module")
def node(node_of: Any) -> Iterator[Any]:
    node = node_of()
    node.clock.at = node.now - 100 * node.hour
    node.knows("cert", "203.0.113.1", actors=["Lazarus"])
    node.clock.at = node.now
    yield node
    node.home.close()


def read(node: Any, name: str, count: int = 4, packed: bool = False) -> tuple[Any, list[EventId], list[bytes]]:
    """A log whose first record is sighted; the ids of its records by their bytes' place, and their bytes."""
    at = node.now - node.hour
    srcs = ["203.0.113.1", *(f"10.0.{len(name)}.{k}" for k in range(1, count))]
    path = node.log((node.line(at + k, src, flow_id=f"{name}-{k}") for k, src in enumerate(srcs)), name)
    raw = path.read_bytes()
    if packed:
        path.write_bytes(gzip.compress(raw))
    done = node.reads(path)
    assert (done.events, done.sightings) == (count, 1)
    with opened(node.home, Wanted()) as found:
        input_id = max(parse(row["event"])[0].input_id for row in found.rows())
    lines = raw.splitlines()
    places = [sum(len(line) + 1 for line in lines[:k]) for k in range(count)]
    return path, [EventId(input_id, place) for place in places], lines


def test_a_sighted_event_keeps_its_raw_record(node: Any) -> None:
    path, ids, lines = read(node, "a.json")
    path.unlink()
    found = event(node.home, ids[0])
    assert (found["raw"], found["raw_from"]) == (lines[0], "sighting")
    assert (found["id"], found["src_addr"], found["dst_port"]) == (str(ids[0]), "203.0.113.1", 443)
    assert (found["ts"], found["sensor"], found["input"]) == (node.now - node.hour, "edge", str(path))
    assert found["affected"] == {"name": "Fab", "country": "TW", "sector": "semiconductor"}
    assert found["observer"]["name"] == "TWCERT/CC"
    assert "user" not in found
    assert found["sightings"] == [sighting_id(ids[0], 1)]


@pytest.mark.parametrize("packed", [False, True])
def test_another_is_read_from_its_log(node: Any, packed: bool) -> None:
    _, ids, lines = read(node, f"b{packed}.json", packed=packed)
    for id, line in list(zip(ids, lines, strict=True))[1:]:
        found = event(node.home, id)
        assert (found["raw"], found["raw_from"], found["sightings"]) == (line, "file", [])
        assert found["flow_id"] == json.loads(line)["flow_id"]


def test_a_log_that_is_gone_is_said_to_be(node: Any) -> None:
    path, ids, _ = read(node, "cc.json")
    path.unlink()
    found = event(node.home, ids[1])
    assert (found["raw"], found["raw_from"]) == (None, "gone")


@pytest.mark.parametrize("change", ["beginning", "end", "shorter"])
def test_a_log_with_other_bytes_is_not_taken_for_it(node: Any, change: str) -> None:
    path, ids, lines = read(node, f"d-{change}.json", count=40)
    raw = path.read_bytes()
    assert len(raw) > 4096 + 2048
    other = {"beginning": b"X" + raw[1:], "end": raw[:-100] + b"X" * 99 + b"\n", "shorter": raw[: ids[-1].offset]}
    path.write_bytes(other[change])
    assert event(node.home, ids[-1])["raw_from"] == "gone"
    path.write_bytes(raw)
    assert event(node.home, ids[-1])["raw"] == lines[-1]


def test_a_sighting_opens_with_its_assertions_and_its_event(node: Any) -> None:
    _, ids, lines = read(node, "eeee.json")
    node.knows("late", "203.0.113.1", actors=["APT41"])
    node.clock.at += 1
    found = open_id(node.home, sighting_id(ids[0], 1))
    assert found["sighting"]["value"] == "203.0.113.1"
    assert found["event"]["raw"] == lines[0]
    assert [(one["source"], one["counts"]) for one in found["assertions"] if one["source"] == "cert"] == [
        ("cert", True)
    ]
    assert found["assertions"][0]["actors"] == ("Lazarus",)
    assert open_id(node.home, str(ids[0])) == found["event"]


def test_ids_of_nothing(node: Any) -> None:
    with pytest.raises(NotFound, match="no event--9-9 in the lake"):
        open_id(node.home, "event--9-9")
    with pytest.raises(NotFound, match="no sighting--9-9-9 in the lake"):
        open_id(node.home, "sighting--9-9-9")


@pytest.mark.parametrize(
    "text", ["", "event--1", "event--1-2-3", "sighting--1-2", "event--x-1", "event--1-" + "9" * 30]
)
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no event's or sighting's id"):
        parse(text)
