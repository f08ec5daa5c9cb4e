"""Refused records: counted, listed, and shown with the bytes that the log has."""

from collections.abc import Iterator
from typing import Any

import pytest

from haechi.ingest.refusal import REASON
from haechi.messages.catalogue import text
from haechi.model.errors import NotFound, UsageError
from haechi.model.sighting import EventId
from haechi.node.home import Home
from haechi.node.quarantine import Chosen, opened, parse, record, record_id

BAD = [b"not json \x1b[2J", b'{"timestamp": "20XX", "event_type": "flow"}', b'{"timestamp": "\xff"}']


@pytest.fixture(scope="module")
def node(node_of: Any) -> Iterator[Any]:
    node = node_of()
    good = node.line(node.now - node.hour, "10.0.0.1").encode()
    (node.folder / "eve.json").write_bytes(b"\n".join([good, BAD[0], good, BAD[1], BAD[2], good]) + b"\n")
    done = node.reads(node.folder / "eve.json", format="suricata-eve")
    assert (done.events, done.quarantined) == (3, 3)
    node.clock.at = node.now + node.hour
    (node.folder / "more.json").write_bytes(good + b"\n" + BAD[1] + b"\n")
    node.reads(node.folder / "more.json", format="suricata-eve")
    yield node
    node.home.close()


def listed(home: Home, **chosen: Any) -> list[dict[str, Any]]:
    with opened(home, Chosen(**chosen)) as found:
        rows = list(found.records())
        assert found.count() == len(rows)
        return rows


def test_counts_by_reason_and_log(node: Any) -> None:
    with opened(node.home, Chosen()) as found:
        groups = [(g["reason"], g["reader"], g["input"].rpartition("/")[2], g["records"]) for g in found.groups()]
    assert sorted(groups) == [
        ("refused.bad-time", "suricata-eve", "eve.json", 1),
        ("refused.bad-time", "suricata-eve", "more.json", 1),
        ("refused.bad-utf8", "suricata-eve", "eve.json", 1),
        ("refused.not-object", "suricata-eve", "eve.json", 1),
    ]


def test_each_record_says_where_it_stands(node: Any) -> None:
    raw = (node.folder / "eve.json").read_bytes()
    rows = listed(node.home, input="eve.json")
    assert [row["offset"] for row in rows] == [raw.index(bad) for bad in BAD]
    assert [row["line"] for row in rows] == [2, 4, 5]
    assert [row["length"] for row in rows] == list(map(len, BAD))
    assert (rows[1]["field"], rows[1]["value"], rows[1]["input"]) == ("time", "20XX", str(node.folder / "eve.json"))


def test_original_bytes(node: Any) -> None:
    for row, bad in zip(listed(node.home, input="eve.json"), BAD, strict=True):
        found = record(node.home, parse(row["id"]))
        assert (found["raw"], found["whole"]) == (bad, True)
        assert {key: found[key] for key in row} == row


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        ({"reason": "bad-time"}, 2),
        ({"reason": "refused.bad-time", "input": "more.json"}, 1),
        ({"reader": "zeek"}, 0),
        ({"ids": (EventId(99, 0),)}, 0),
    ],
)
def test_a_choice(node: Any, chosen: dict[str, Any], count: int) -> None:
    assert len(listed(node.home, **chosen)) == count


def test_by_the_time_of_reading(node: Any) -> None:
    assert len(listed(node.home, since=node.now + 1)) == 1
    assert len(listed(node.home, since=node.now)) == 4


def test_unknown_names_are_refused(node: Any) -> None:
    with pytest.raises(UsageError, match="no log 'nix.json' was read here"):
        listed(node.home, input="nix.json")
    with pytest.raises(UsageError, match="no reason 'nix'. One of: after-value"):
        listed(node.home, reason="nix")
    with pytest.raises(NotFound, match="no quarantine--9-9 in the quarantine"):
        record(node.home, EventId(9, 9))
    with pytest.raises(UsageError, match="is no refused record's id"):
        parse("event--1-1")


def test_an_id_names_its_place() -> None:
    assert parse(record_id(3, 4096)) == EventId(3, 4096)


def test_every_reason_has_its_text() -> None:
    assert [reason for reason in REASON.values() if not text(reason).endswith((".", ")"))] == []
