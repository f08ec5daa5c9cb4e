"""Passing on, against FIRST's sentences written down by hand."""

import pytest

from haechi.model.marking import Tlp
from haechi.model.release import Iep, Recipient, Relation
from haechi.policy.passing import in_force, passing_on

# TLP 2.0, section 4: to whom a recipient may give it on.
#                  ourselves client community public
TEXT = {
    "TLP:RED":          (False, False, False, False),
    "TLP:AMBER+STRICT": (True, False, False, False),
    "TLP:AMBER":        (True, True, False, False),
    "TLP:GREEN":        (True, True, True, False),
    "TLP:CLEAR":        (True, True, True, True),
}  # fmt: skip
WHO = ("organisation", "client", "community", "public")


@pytest.mark.parametrize("label", TEXT)
@pytest.mark.parametrize("relation", WHO)
def test_as_the_standard_says(label: str, relation: str) -> None:
    (marking,) = [m for m in Tlp if m.label == label]
    for person in (False, True):
        found = passing_on(marking, Recipient(id="x", relation=Relation(relation), person=person))
        assert found.allowed == TEXT[label][WHO.index(relation)]
        assert found.arguments == {"label": label, "relation": relation}


def test_a_stricter_label_never_lets_more_through() -> None:
    for relation in Relation:
        allowed = [passing_on(m, Recipient(id="x", relation=relation)).allowed for m in sorted(Tlp)]
        assert allowed == sorted(allowed, reverse=True)


PEER = Recipient(id="kr", relation=Relation.COMMUNITY)


@pytest.mark.parametrize(
    ("iep", "now", "encrypted", "reason"),
    [
        (None, 5, False, None),
        (Iep(), 5, False, None),
        (Iep(begins=5, ends=6), 4, True, "policy.iep-not-yet"),
        (Iep(begins=5, ends=6), 5, True, None),
        (Iep(begins=5, ends=6), 6, True, "policy.iep-over"),
        (Iep(encrypt_in_transit=True), 5, False, "policy.iep-encrypt"),
        (Iep(encrypt_in_transit=True), 5, True, None),
        (Iep(permitted_actions="internally-visible-actions"), 5, True, "policy.iep-actions"),
        (Iep(permitted_actions="contact-for-instruction"), 5, True, "policy.iep-actions"),
        (Iep(permitted_actions="a word from later"), 5, True, "policy.iep-actions"),
    ],
)
def test_iep(iep: Iep | None, now: int, encrypted: bool, reason: str | None) -> None:
    found = in_force(iep, PEER, now=now, encrypted=encrypted)
    assert (None if found is None else found.reason) == reason


def test_inside_our_walls_actions_do_not_bind() -> None:
    ours = Recipient(id="us", relation=Relation.ORGANISATION)
    assert in_force(Iep(permitted_actions="none"), ours, now=0, encrypted=False) is None
