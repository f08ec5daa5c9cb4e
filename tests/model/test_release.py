"""What the types take for granted where nothing is said: the least."""

from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant, Recipient, Relation, Releasable, SharingGroup


def test_what_is_not_said_lets_nothing_more_through() -> None:
    assert Releasable(id="x", type="report", own=False).marking is Tlp.AMBER_STRICT
    grant = Grant(id="g")
    assert (grant.recipient, grant.group, grant.victim_fields) == ("", "", frozenset())
    assert grant.up_to < Tlp.AMBER_STRICT
    assert SharingGroup(id="g").members == frozenset()
    assert not Recipient(id="x", relation=Relation.PUBLIC).person
    assert Decision(allowed=False, reason="policy.no-grant").fields == frozenset()
