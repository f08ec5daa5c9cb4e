"""Lookup of what lies in a wider value, and of records by their ids; the rest is in test_indicators."""

from collections.abc import Callable
from typing import Any

import pytest

from haechi.model.indicator import ValueType as T
from haechi.node.lookup import covering, lookup


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


@pytest.mark.parametrize(
    ("kind", "normal", "first", "last", "count"),
    [
        (T.DOMAIN, "a.b.evil.example", (T.DOMAIN, "b.evil.example"), (T.DOMAIN, "example"), 3),
        (T.EMAIL, "kim@evil.example", (T.DOMAIN, "evil.example"), (T.DOMAIN, "example"), 2),
        (T.URL, "https://evil.example/x", (T.DOMAIN, "evil.example"), (T.DOMAIN, "example"), 2),
        (T.IPV4, "192.0.2.1", (T.IPV4_NET, "192.0.2.0/31"), (T.IPV4_NET, "192.0.0.0/8"), 24),
        (T.IPV6, "2001:db8::1", (T.IPV6_NET, "2001:db8::/127"), (T.IPV6_NET, "2000::/8"), 120),
    ],
)
def test_what_covers_a_value(kind: T, normal: str, first: object, last: object, count: int) -> None:
    found = list(covering(kind, normal))
    assert (found[0], found[-1], len(found)) == (first, last, count)


def test_digests_lie_in_nothing() -> None:
    assert not list(covering(T.MD5, "a" * 32))


def test_a_sub_domain_shows_the_parent_that_matches_it(node: Any) -> None:
    node.knows("list", "evil.example")
    (known,) = lookup(node.home, "update.evil.example").values
    assert (known.text, known.covers, known.assertions[0].source) == ("evil.example", True, "list")
    (itself,) = lookup(node.home, "evil.example").values
    assert not itself.covers


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
