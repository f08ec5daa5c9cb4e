"""May this object go to that recipient? One answer with its reason, for what is ours and for what was given to us.

Ours: our grants decide, and the label travels and binds the receiver. Another's: its label and its information exchange
policy bind us first; then our grants decide whether we want to. Nothing leaves without a grant.
"""

from collections.abc import Iterable, Mapping

from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant, Recipient, Relation, Releasable, SharingGroup
from haechi.policy.granting import granted
from haechi.policy.passing import in_force, passing_on


def may_leave(
    item: Releasable,
    recipient: Recipient,
    grants: Iterable[Grant],
    groups: Mapping[str, SharingGroup],
    *,
    now: int,
    encrypted: bool,
) -> Decision:
    """The decision. `now` in microseconds UTC; `encrypted` says whether the channel is.

    Victim fields of another's object never go on: who was hit is for its creator to tell.
    """
    if item.own:
        return granted(item, recipient, grants, groups, now=now)
    bound = passing_on(item.marking, recipient)
    if not bound.allowed:
        return bound
    forbidden = in_force(item.iep, recipient, now=now, encrypted=encrypted)
    if forbidden is not None:
        return forbidden
    decision = granted(item, recipient, grants, groups, now=now)
    return Decision(allowed=decision.allowed, reason=decision.reason, arguments=decision.arguments)


def both_ends(source: Decision, target: Decision) -> Decision:
    """A relationship leaves only if both of its ends do."""
    if source.allowed and target.allowed:
        return Decision(allowed=True, reason="policy.both-ends")
    return Decision(allowed=False, reason="policy.an-end-stays")


def needs_second(item: Releasable) -> bool:
    """Whether an object is of the kind that leaves only under a grant that a second person has approved."""
    return item.marking is Tlp.RED or (not item.own and item.marking >= Tlp.AMBER)


def second_person(grant: Grant, relations: Iterable[Relation]) -> bool:
    """Whether a grant is of the kind that a node may put under a second person's approval.

    It carries RED or victim fields, or reaches someone to whom another's AMBER may be passed on. `relations` are those
    of the recipients that it names now.
    """
    reaches = any(relation in (Relation.CLIENT, Relation.ORGANISATION) for relation in relations)
    return grant.up_to is Tlp.RED or bool(grant.victim_fields) or (grant.up_to >= Tlp.AMBER and reaches)
