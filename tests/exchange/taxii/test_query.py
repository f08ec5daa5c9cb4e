from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange.taxii.query import Asked, cursor, pairs, parse
from haechi.exchange.taxii.refusal import Refused
from haechi.store.catalog.slices import Wanted

MATCH = ("id", "type", "version", "spec_version")


def ask(*pairs: tuple[str, str], resource: str = "objects/1") -> Asked:
    return parse(pairs, MATCH, resource, 1000)


def test_nothing_asked_is_the_first_page_of_all() -> None:
    asked = ask()
    assert (asked.wanted, asked.after, asked.seq, asked.limit) == (Wanted(), 0, 0, 100)
    assert parse([], MATCH, "x", 10).limit == 10


@given(st.text(alphabet="ab=&%2+;?[]", max_size=20))
def test_pairs_are_those_of_the_standard_library(said: str) -> None:
    assert pairs(f"/x?{said}") == parse_qsl(said, keep_blank_values=True)


def test_filters() -> None:
    asked = ask(("match[type]", "indicator, malware,,indicator"), ("match[version]", "first,1970-01-01T00:00:01Z"))
    assert asked.wanted == Wanted(types=("indicator", "malware"), last=False, first=True, versions=(1_000_000,))
    assert parse([("match[id]", "a")], ("version",), "x", 10).wanted == Wanted()  # not this resource's
    assert ask(("x", "y")).wanted == Wanted()


@given(st.integers(0, 1 << 61), st.integers(0, 1 << 61))
def test_a_cursor_is_the_place_that_it_was_made_at(date: int, seq: int) -> None:
    asked = ask(("match[type]", "b,a"))
    again = ask(("next", cursor(asked, date, seq)), ("match[type]", "a,b"), ("limit", "7"))
    assert (again.after, again.seq, again.limit) == (date, seq, 7)


def test_a_later_added_after_counts_and_then_the_sequence_is_unknown() -> None:
    made = cursor(ask(), 5_000_000, 3)
    asked = ask(("next", made), ("added_after", "1970-01-01T00:00:09Z"))
    assert (asked.after, asked.seq) == (9_000_000, None)
    asked = ask(("next", made), ("added_after", "1970-01-01T00:00:01Z"))
    assert (asked.after, asked.seq) == (5_000_000, 3)


@given(st.text(max_size=60))
def test_a_cursor_that_we_did_not_make_is_refused(made_up: str) -> None:
    with pytest.raises(Refused) as refused:
        ask(("next", made_up))
    assert refused.value.status == 400


def test_a_cursor_of_another_resource_is_refused() -> None:
    with pytest.raises(Refused):
        ask(("next", cursor(ask(resource="manifest/1"), 5, 1)))
