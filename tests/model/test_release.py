"""What the types take for granted where nothing is said: the least."""

import msgspec

from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant, Iep, Recipient, Relation, Releasable, SharingGroup, both


def test_what_is_not_said_lets_nothing_more_through() -> None:
    assert Releasable(id="x", type="report", own=False).marking is Tlp.AMBER_STRICT
    grant = Grant(id="g")
    assert (grant.recipient, grant.group, grant.victim_fields) == ("", "", frozenset())
    assert grant.up_to < Tlp.AMBER_STRICT
    assert SharingGroup(id="g").members == frozenset()
    assert not Recipient(id="x", relation=Relation.PUBLIC).person
    assert Decision(allowed=False, reason="policy.no-grant").fields == frozenset()


def test_two_policies_bind_as_one() -> None:
    one = Iep(permitted_actions="internally-visible-actions", begins=5, ends=90, tlp=Tlp.GREEN, attribution="may")
    two = Iep(
        begins=9, ends=50, encrypt_in_transit=True, tlp=Tlp.AMBER, attribution="must-not", unmodified_resale="may"
    )
    joined = Iep(
        permitted_actions="internally-visible-actions",
        begins=9,
        ends=50,
        encrypt_in_transit=True,
        tlp=Tlp.AMBER,
        attribution="must-not",
        unmodified_resale="may",
    )
    assert both(one, two) == both(two, one) == joined
    assert both(one, Iep()) == one
    assert both(Iep(permitted_actions="none"), Iep(permitted_actions="dance")).permitted_actions == "dance"


def test_a_policy_is_carried_whole() -> None:
    one = Iep(id="x", name="n", description="d", references=("r",), ends=1)
    assert msgspec.json.decode(msgspec.json.encode(one), type=Iep) == one
