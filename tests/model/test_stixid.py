from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.stixid import keyed, of_unit, random, type_of

SECRET = bytes(32)


def test_the_same_thing_gets_the_same_id_and_only_under_the_same_key() -> None:
    one = keyed(SECRET, "indicator", "feed", "list", "192.0.2.1")
    assert one == keyed(SECRET, "indicator", "feed", "list", "192.0.2.1")
    assert one != keyed(b"k" * 32, "indicator", "feed", "list", "192.0.2.1")
    assert type_of(one) == "indicator"


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=4))
def test_other_parts_give_another_id_wherever_one_is_cut(one: list[str], two: list[str]) -> None:
    assert (keyed(SECRET, "a", *one) == keyed(SECRET, "a", *two)) == (one == two)
    found = UUID(keyed(SECRET, "a", *one).removeprefix("a--"))
    assert (found.version, found.variant) == (4, "specified in RFC 4122")


def test_a_lone_surrogate_is_no_fault() -> None:
    assert type_of(keyed(SECRET, "indicator", "\ud800")) == "indicator"


def test_a_value_of_a_list_has_one_id_for_each_source_and_list() -> None:
    names = [("a", "l", "ipv4", "192.0.2.1"), ("b", "l", "ipv4", "192.0.2.1"), ("a", "m", "ipv4", "192.0.2.1")]
    ids = {of_unit(SECRET, source=s, object_id=o, type=t, value=v) for s, o, t, v in [*names, *names]}
    assert len(ids) == 3
    assert {type_of(id) for id in ids} == {"indicator"}


def test_random_ids_are_well_formed() -> None:
    assert type_of(random("x-odd")) == "x-odd"
    assert random("sighting") != random("sighting")


@pytest.mark.parametrize(
    "id",
    [
        "",
        "indicator",
        "indicator--",
        "--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "Indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "-x--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\n",
        "indicator--8e2e2d2b17d44cbf938f98ee46b3cd3f",
        "indicator--../../../../etc/passwd",
        "a" * 251 + "--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    ],
)
def test_what_is_no_id(id: str) -> None:
    assert type_of(id) == ""
