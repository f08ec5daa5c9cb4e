"""Passing on what another created: its label binds us. Source: FIRST TLP 2.0, sections 3 and 4; FIRST IEP 2.0."""

from haechi.model.marking import Tlp
from haechi.model.release import Decision, Iep, Recipient, Relation

# Label -> to whom it may go on. RED is for those who were told, and nobody else.
_MAY_GO_TO: dict[Tlp, frozenset[Relation]] = {
    Tlp.CLEAR: frozenset(Relation),
    Tlp.GREEN: frozenset({Relation.ORGANISATION, Relation.CLIENT, Relation.COMMUNITY}),
    Tlp.AMBER: frozenset({Relation.ORGANISATION, Relation.CLIENT}),
    Tlp.AMBER_STRICT: frozenset({Relation.ORGANISATION}),
    Tlp.RED: frozenset(),
}
# What IEP 2.0 lets a recipient do beyond its own walls; what is merely looked at inside may not go on.
_LEAVES = frozenset({"externally-visible-indirect-actions", "externally-visible-direct-actions"})


def passing_on(marking: Tlp, recipient: Recipient) -> Decision:
    """Whether the label lets an object go on to the recipient.

    >>> passing_on(Tlp.AMBER, Recipient(id="kr", relation=Relation.COMMUNITY)).reason
    'policy.label-forbids'
    """
    allowed = recipient.relation in _MAY_GO_TO[marking]
    reason = "policy.label-allows" if allowed else "policy.label-forbids"
    return Decision(
        allowed=allowed, reason=reason, arguments={"label": marking.label, "relation": recipient.relation.value}
    )


def in_force(iep: Iep | None, recipient: Recipient, *, now: int, encrypted: bool) -> Decision | None:
    """Why an information exchange policy forbids it; None where there is none or it doesn't."""
    if iep is None:
        return None
    if iep.begins is not None and now < iep.begins:
        return Decision(allowed=False, reason="policy.iep-not-yet")
    if iep.ends is not None and now >= iep.ends:
        return Decision(allowed=False, reason="policy.iep-over")
    if iep.encrypt_in_transit and not encrypted:
        return Decision(allowed=False, reason="policy.iep-encrypt")
    if recipient.relation is not Relation.ORGANISATION and iep.permitted_actions not in _LEAVES:
        return Decision(allowed=False, reason="policy.iep-actions", arguments={"actions": iep.permitted_actions})
    return None
