"""What we ourselves want a recipient to have: grants, by name or by sharing group. Without one nothing leaves."""

from collections.abc import Iterable, Mapping

from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant, Recipient, Releasable, SharingGroup


def members(group: str, groups: Mapping[str, SharingGroup]) -> frozenset[str]:
    """Whom a sharing group names; an unknown one names nobody."""
    found = groups.get(group)
    return frozenset() if found is None else found.members


def names(grant: Grant, recipient: Recipient, groups: Mapping[str, SharingGroup]) -> bool:
    """Whether the grant is for the recipient. One that names neither a recipient nor a group is for nobody."""
    if grant.recipient:
        return grant.recipient == recipient.id
    return bool(grant.group) and recipient.id in members(grant.group, groups)


def covers(grant: Grant, item: Releasable) -> bool:
    """Whether the grant's rule takes the object in."""
    return (
        item.marking <= grant.up_to
        and (not grant.types or item.type in grant.types)
        and (not grant.campaigns or bool(grant.campaigns & item.campaigns))
        and (not grant.objects or item.id in grant.objects)
    )


def granted(
    item: Releasable,
    recipient: Recipient,
    grants: Iterable[Grant],
    groups: Mapping[str, SharingGroup],
    *,
    now: int,
) -> Decision:
    """Whether a grant in force covers it, and the victim fields that may go along: those that any of them names.

    RED of our own goes to a named person only, by a grant for just that object.
    """
    fitting = [grant for grant in grants if names(grant, recipient, groups) and covers(grant, item)]
    if item.marking is Tlp.RED:
        fitting = [grant for grant in fitting if recipient.person and grant.recipient and item.id in grant.objects]
        if not fitting:
            return Decision(allowed=False, reason="policy.red-needs-person")
    live = [
        grant
        for grant in fitting
        if grant.approved and grant.begins <= now and (grant.ends is None or now < grant.ends)
    ]
    if live:
        fields = frozenset[str]().union(*(grant.victim_fields for grant in live)) & item.victim_fields
        told = {"grant": ", ".join(sorted(grant.id for grant in live))}
        return Decision(allowed=True, reason="policy.granted", arguments=told, fields=fields)
    if not fitting:
        return Decision(allowed=False, reason="policy.no-grant")
    first = min(fitting, key=lambda grant: grant.id)
    why = (
        "policy.not-approved"
        if not first.approved
        else "policy.grant-not-yet"
        if now < first.begins
        else "policy.grant-over"
    )
    return Decision(allowed=False, reason=why, arguments={"grant": first.id})
