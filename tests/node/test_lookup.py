"""Lookup of what lies in a wider value, and of records by their ids; the rest is in test_indicators."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from haechi.detect import warninglist
from haechi.messages.catalogue import Message
from haechi.model.errors import NotFound
from haechi.model.indicator import ValueType as T
from haechi.model.source_object import Pattern, SourceObject
from haechi.node import sightings
from haechi.node.lookup import AT_ONCE, Thing, lookup, lookup_all
from haechi.store.catalog.indicator_load import load, source_id


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


def knows(node: Any, one: SourceObject) -> None:
    with node.home.catalog().begin() as conn:
        load(conn, source_id(conn, "ranges", None)[0], [one], at=node.clock.now(), list_name="ranges")


def test_a_sub_domain_shows_the_parent_that_matches_it(node: Any) -> None:
    node.knows("list", "evil.example")
    (known,) = lookup(node.home, "update.evil.example").values
    assert (known.text, known.covers, known.assertions[0].source) == ("evil.example", True, "list")
    (itself,) = lookup(node.home, "evil.example").values
    assert not itself.covers


def test_an_address_shows_the_range_that_matches_it(node: Any) -> None:
    knows(node, SourceObject(object_id="", values={T.IPV4_RANGE: ["203.0.113.100-203.0.113.105"]}))
    (known,) = lookup(node.home, "203.0.113.103").values
    assert (known.text, known.covers, known.assertions[0].source) == ("203.0.113.100-203.0.113.105", True, "ranges")


def test_a_pattern_opens_by_its_objects_id(node: Any) -> None:
    id = "indicator--00000000-0000-4000-8000-0000000000aa"
    pattern = Pattern(pattern_type="stix", pattern="[file:size > 7]", reasons=(Message("error.value.empty.reason"),))
    knows(node, SourceObject(object_id=id, version="1", modified=1, patterns=(pattern,)))
    found = lookup(node.home, id)
    assert found.values == ()
    assert [(one.source, one.pattern, one.gone_at) for one in found.patterns] == [("ranges", "[file:size > 7]", None)]
    knows(node, SourceObject(object_id=id, version="2", modified=2, revoked=True))
    assert lookup(node.home, id).patterns[0].gone_at == node.now


def test_each_countrys_sightings_stand_apart(node: Any) -> None:
    node.knows("list", "203.0.113.77")
    lines = [node.line(node.now - node.hour, "203.0.113.77", net) for net in ("192.0.2.1", "192.0.2.2", "198.51.100.1")]
    node.reads(node.log(lines, "seen.json"))
    (known,) = lookup(node.home, "203.0.113.77").values
    assert [(s.country, s.sightings, s.first) for s in known.sightings] == [
        ("KR", 1, node.now - node.hour),
        ("TW", 2, node.now - node.hour),
    ]


def test_many_questions_open_lake_and_lists_a_few_times(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node.knows("list", "evil.example")
    done: Counter[str] = Counter()

    def counted(name: str, real: Any) -> Any:
        def call(*words: Any) -> Any:
            done[name] += 1
            return real(*words)

        return call

    monkeypatch.setattr("haechi.node.lookup.opened", counted("lake", sightings.opened))
    monkeypatch.setattr(warninglist, "WarningLists", counted("lists", warninglist.WarningLists))
    found = list(lookup_all(node.home, ["evil.example", "???", "event--1"] * AT_ONCE))
    assert len(found) == 3 * AT_ONCE
    assert done == {"lake": 3, "lists": 1}
    assert [type(one).__name__ for one in found[:3]] == ["Thing", "BadInput", "UsageError"]


def test_answers_come_before_all_is_asked(node: Any) -> None:
    def endless() -> Iterator[str]:
        while True:
            yield "evil.example"

    assert isinstance(next(lookup_all(node.home, endless())), Thing)


def test_an_event_a_sighting_and_a_refused_record_open_by_their_ids(node: Any) -> None:
    node.knows("list", "203.0.113.9")
    node.reads(node.log([node.line(node.now - node.hour, "203.0.113.9"), "broken"]))
    (known,) = lookup(node.home, "203.0.113.9").values
    assert known.value is not None
    event = lookup(node.home, "event--1-0").record
    assert event is not None
    assert event["src_addr"] == "203.0.113.9"
    sighting = lookup(node.home, f"sighting--1-0-{known.value.id}").record
    assert sighting is not None
    assert sighting["event"] == event
    refused = len(node.line(node.now - node.hour, "203.0.113.9")) + 1
    record = lookup(node.home, f"quarantine--1-{refused}").record
    assert record is not None
    assert record["raw"] == b"broken"


def test_a_node_a_sensor_and_a_list_open_by_their_ids(node: Any) -> None:
    knows(node, SourceObject(object_id="", values={T.IPV4: ["203.0.113.77"]}))
    node.reads(node.log([node.line(node.now - node.hour, "203.0.113.77")], "seen.json"))
    (known,) = lookup(node.home, "203.0.113.77").values
    assert lookup(node.home, known.assertions[0].object_id).values[0].text == "203.0.113.77"
    owner = lookup(node.home, f"node--{node.home.config.node}").party
    assert owner is not None
    assert owner == lookup(node.home, node.home.config.node).party == lookup(node.home, owner.uuid).party
    sensor = lookup(node.home, "sensor--edge").sensor
    assert sensor is not None
    assert (sensor.name, sensor.party_id) == ("edge", owner.id)
    with pytest.raises(NotFound, match="no sensor 'border'"):
        lookup(node.home, "sensor--border")
