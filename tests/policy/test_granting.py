"""Grants: without one nothing leaves, and each rule narrows."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.marking import Tlp
from haechi.model.release import Grant, Recipient, Relation, Releasable, SharingGroup
from haechi.policy.granting import covers, granted, members, names

PEER = Recipient(id="kr", relation=Relation.COMMUNITY)
PERSON = Recipient(id="kim", relation=Relation.COMMUNITY, person=True)
ITEM = Releasable(
    id="indicator--1", type="indicator", own=True, marking=Tlp.AMBER, campaigns=frozenset({"c1"}), victim_fields=frozenset({"party", "address"})
)  # fmt: skip
GRANT = Grant(id="g1", recipient="kr")
GROUPS = {"both": SharingGroup(id="both", members=frozenset({"kr", "tw"})), "empty": SharingGroup(id="empty")}


def test_nothing_leaves_without_a_grant() -> None:
    assert granted(ITEM, PEER, [], GROUPS, now=0).reason == "policy.no-grant"
    assert granted(ITEM, PEER, [Grant(id="g", recipient="jp")], GROUPS, now=0).reason == "policy.no-grant"
    assert granted(ITEM, PEER, [Grant(id="nobody")], GROUPS, now=0).reason == "policy.no-grant"


@pytest.mark.parametrize(("group", "named"), [("both", True), ("empty", False), ("unknown", False), ("", False)])
def test_sharing_groups(group: str, named: bool) -> None:
    assert names(Grant(id="g", group=group), PEER, GROUPS) == named
    assert (PEER.id in members(group, GROUPS)) == named


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, True),
        ({"types": frozenset({"indicator"})}, True),
        ({"types": frozenset({"report"})}, False),
        ({"campaigns": frozenset({"c1", "c2"})}, True),
        ({"campaigns": frozenset({"c2"})}, False),
        ({"objects": frozenset({"indicator--1"})}, True),
        ({"objects": frozenset({"indicator--2"})}, False),
        ({"up_to": Tlp.AMBER}, True),
        ({"up_to": Tlp.GREEN}, False),
    ],
)
def test_what_a_rule_takes_in(change: dict[str, object], covered: bool) -> None:
    assert covers(msgspec.structs.replace(GRANT, **change), ITEM) == covered


@pytest.mark.parametrize(
    ("change", "now", "reason"),
    [
        ({}, 0, "policy.granted"),
        ({"begins": 5}, 4, "policy.grant-not-yet"),
        ({"begins": 5}, 5, "policy.granted"),
        ({"ends": 6}, 5, "policy.granted"),
        ({"ends": 6}, 6, "policy.grant-over"),
        ({"approved": False}, 5, "policy.not-approved"),
    ],
)
def test_when(change: dict[str, object], now: int, reason: str) -> None:
    found = granted(ITEM, PEER, [msgspec.structs.replace(GRANT, **change)], GROUPS, now=now)
    assert (found.reason, found.arguments) == (reason, {"grant": "g1"})


def test_victim_fields_only_by_name() -> None:
    assert granted(ITEM, PEER, [GRANT], GROUPS, now=0).fields == frozenset()
    with_party = Grant(id="g2", group="both", victim_fields=frozenset({"party", "user"}))
    found = granted(ITEM, PEER, [GRANT, with_party], GROUPS, now=0)
    assert (found.fields, found.arguments) == (frozenset({"party"}), {"grant": "g1, g2"})
    over = msgspec.structs.replace(with_party, ends=3)
    assert granted(ITEM, PEER, [GRANT, over], GROUPS, now=3).fields == frozenset()


def test_red_of_our_own() -> None:
    red = msgspec.structs.replace(ITEM, marking=Tlp.RED)
    wide = Grant(id="wide", recipient="kim", up_to=Tlp.RED)
    just = Grant(id="just", recipient="kim", up_to=Tlp.RED, objects=frozenset({red.id}))
    assert granted(red, PERSON, [just], GROUPS, now=0).allowed
    assert granted(red, PERSON, [wide], GROUPS, now=0).reason == "policy.red-needs-person"
    to_peer = msgspec.structs.replace(just, recipient="kr")
    assert granted(red, PEER, [to_peer], GROUPS, now=0).reason == "policy.red-needs-person"
    by_group = msgspec.structs.replace(just, recipient="", group="kims")
    kims = {"kims": SharingGroup(id="kims", members=frozenset({"kim"}))}
    assert not granted(red, PERSON, [by_group], kims, now=0).allowed


ids = st.sampled_from(["kr", "tw", "jp", ""])
some = st.frozensets(st.sampled_from(["indicator", "report"]), max_size=2)
grants = st.lists(
    st.builds(
        Grant, id=st.sampled_from("abc"), recipient=ids, group=st.sampled_from(["", "both", "empty", "gone"]), types=some,
        up_to=st.sampled_from(list(Tlp)), begins=st.integers(0, 3), ends=st.none() | st.integers(0, 6), approved=st.booleans(),
        victim_fields=st.frozensets(st.sampled_from(["party", "address"])),
    ),
    max_size=4,
)  # fmt: skip


@given(grants, st.sampled_from([m for m in Tlp if m is not Tlp.RED]), st.integers(0, 6))
def test_more_grants_never_take_away_and_none_reaches_further_than_it_says(
    given_: list[Grant], marking: Tlp, now: int
) -> None:
    item = msgspec.structs.replace(ITEM, marking=marking)
    whole = granted(item, PEER, given_, GROUPS, now=now)
    each = [granted(item, PEER, [one], GROUPS, now=now) for one in given_]
    assert whole.allowed == any(one.allowed for one in each)
    assert whole.fields == frozenset().union(*(one.fields for one in each if one.allowed))
