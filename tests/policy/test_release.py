"""The one question, against a table written from the issue's words; shares no code with the policy."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from haechi.messages.catalogue import text
from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant, Iep, Recipient, Relation, Releasable, SharingGroup
from haechi.policy.release import both_ends, may_leave, second_person

LABELS = ["TLP:CLEAR", "TLP:GREEN", "TLP:AMBER", "TLP:AMBER+STRICT", "TLP:RED"]  # the stricter, the further
ON = {"TLP:CLEAR": 4, "TLP:GREEN": 3, "TLP:AMBER": 2, "TLP:AMBER+STRICT": 1, "TLP:RED": 0}
CIRCLES = ["organisation", "client", "community", "public"]
GROUPS = {"g": SharingGroup(id="g", members=frozenset({"kr"}))}


def slow(case: dict[str, Any]) -> bool:
    """By the words: the label binds what isn't ours; a grant must name the recipient and reach up to the label."""
    if not case["own"]:
        if CIRCLES.index(case["relation"]) >= ON[case["label"]]:
            return False
        if case["over"] or (case["inside_only"] and case["relation"] != "organisation"):
            return False
    if not case["to"] or LABELS.index(case["label"]) > LABELS.index(case["up_to"]):
        return False
    if case["label"] == "TLP:RED":
        return bool(case["person"] and case["to"] == "name" and case["just_this"])
    return True


cases = st.fixed_dictionaries(
    {
        "own": st.booleans(),
        "label": st.sampled_from(LABELS),
        "relation": st.sampled_from(CIRCLES),
        "person": st.booleans(),
        "to": st.sampled_from(["", "name", "group"]),
        "up_to": st.sampled_from(LABELS),
        "just_this": st.booleans(),
        "over": st.booleans(),
        "inside_only": st.booleans(),
        "fields": st.frozensets(st.sampled_from(["party", "address"])),
    }
)


def decide(case: dict[str, Any]) -> tuple[Releasable, Decision]:
    by_label = {m.label: m for m in Tlp}
    iep = Iep(
        ends=5 if case["over"] else None,
        permitted_actions="none" if case["inside_only"] else "externally-visible-direct-actions",
    )
    item = Releasable(
        id="report--1", type="report", own=case["own"], marking=by_label[case["label"]], iep=iep, victim_fields=frozenset({"party", "address"})
    )  # fmt: skip
    grant = Grant(
        id="1",
        recipient="kr" if case["to"] == "name" else "",
        group="g" if case["to"] == "group" else "",
        up_to=by_label[case["up_to"]],
        objects=frozenset({"report--1"}) if case["just_this"] else frozenset(),
        victim_fields=case["fields"],
    )
    recipient = Recipient(id="kr", relation=Relation(case["relation"]), person=case["person"])
    return item, may_leave(item, recipient, [grant], GROUPS, now=7, encrypted=True)


@given(cases)
def test_as_the_words_say(case: dict[str, Any]) -> None:
    _, found = decide(case)
    assert found.allowed == slow(case), (case, found)
    assert text(found.reason, **found.arguments), "a reason in words"
    if not found.allowed or not case["own"]:
        assert found.fields == frozenset(), "who was hit never goes along unasked"
    elif case["label"] != "TLP:RED":
        assert found.fields == case["fields"]


def test_what_a_second_person_looks_at() -> None:
    client, community = [Relation.CLIENT], [Relation.COMMUNITY]
    amber = Grant(id="1", recipient="kr")
    assert not second_person(amber, community)  # another's AMBER can't reach the community
    assert second_person(amber, client)
    assert second_person(amber, [*community, *client])
    assert not second_person(msgspec.structs.replace(amber, up_to=Tlp.GREEN), client)
    assert second_person(msgspec.structs.replace(amber, up_to=Tlp.RED), community)
    assert second_person(msgspec.structs.replace(amber, victim_fields=frozenset({"identity"})), community)


def test_a_relationship_needs_both_ends() -> None:
    yes, no = Decision(allowed=True, reason="policy.granted"), Decision(allowed=False, reason="policy.no-grant")
    assert both_ends(yes, yes).allowed
    assert not any(both_ends(*pair).allowed for pair in ((yes, no), (no, yes), (no, no)))


def test_an_unmarked_object_needs_a_grant_that_reaches_that_far() -> None:
    item = Releasable(id="indicator--1", type="indicator", own=True)
    peer = Recipient(id="kr", relation=Relation.COMMUNITY)
    usual = Grant(id="1", recipient="kr")
    assert not may_leave(item, peer, [usual], {}, now=0, encrypted=True).allowed
    assert may_leave(
        item, peer, [msgspec.structs.replace(usual, up_to=Tlp.AMBER_STRICT)], {}, now=0, encrypted=True
    ).allowed
