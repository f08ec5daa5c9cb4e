"""Grants and sharing groups of a node: who may get what, who said so, in the audit log.

With `second_person` in haechi.toml a grant that carries RED, victim fields or another's AMBER counts only once another
user of this machine has approved it.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection

from haechi.model.errors import NotFound, UsageError
from haechi.model.marking import Tlp
from haechi.model.release import Grant, Relation
from haechi.node.home import Home
from haechi.policy.release import second_person
from haechi.policy.victim import FIELDS
from haechi.store.catalog import grants, ownership, recipients
from haechi.store.catalog.grants import GrantRow, GroupRow

_MOST_MEMBERS = 10_000


def rule(
    home: Home,
    who: str,
    *,
    is_group: bool = False,
    types: Iterable[str] = (),
    campaigns: Iterable[str] = (),
    objects: Iterable[str] = (),
    up_to: Tlp = Tlp.AMBER,
    victim_fields: Iterable[str] = (),
    begins: int | None = None,
    ends: int | None = None,
) -> Grant:
    """A grant that isn't made yet, to be looked at first. `who` is a recipient's or a group's name or UUID.

    Raises `NotFound` for an unknown recipient or group, `UsageError` for a victim field that is none, a span that ends
    before it begins, or RED that isn't for named objects.
    """
    now = home.clock.now()
    begins = now if begins is None else begins
    if ends is not None and ends <= max(begins, now):
        raise UsageError("grant.span")
    fields = frozenset(victim_fields)
    for field in sorted(fields - set(FIELDS)):
        raise UsageError("grant.no_field", field=field, fields=", ".join(FIELDS))
    if up_to is Tlp.RED and (is_group or not objects):
        raise UsageError("grant.red")
    with home.catalog().connect() as conn:
        recipient = "" if is_group else recipients.find(conn, who).uuid
        group = grants.group(conn, who).uuid if is_group else ""
        made = Grant(
            id=str(uuid4()),
            recipient=recipient,
            group=group,
            types=frozenset(types),
            campaigns=frozenset(campaigns),
            objects=frozenset(objects),
            up_to=up_to,
            victim_fields=fields,
            begins=begins,
            ends=ends,
        )
        waits = home.config.second_person and second_person(made, _relations(conn, made))
    return msgspec.structs.replace(made, approved=not waits)


def _relations(conn: Connection, grant: Grant) -> list[Relation]:
    """What those are to us that the grant names now."""
    members = set(grants.group(conn, grant.group).members) if grant.group else {grant.recipient}
    return [one.relation for one in recipients.every(conn) if one.uuid in members]


def named(home: Home, grant: Grant) -> list[str]:
    """The UUIDs of the recipients that a grant names now."""
    with home.catalog().connect() as conn:
        members = set(grants.group(conn, grant.group).members) if grant.group else {grant.recipient}
        return [one.uuid for one in recipients.every(conn) if one.uuid in members]


def add(home: Home, grant: Grant) -> GrantRow:
    """Make the grant."""
    log = home.audit()
    with home.catalog().begin() as conn:
        made = grants.add(conn, grant, at=home.clock.now(), by=log.actor)
        log.append("grant.add", subject=f"grant:{grant.id}", details=_details(grant))
    return made


def approve(home: Home, id: str) -> GrantRow:
    """A second person's word on a grant. Raises as `store.catalog.grants.approve`."""
    log = home.audit()
    with home.catalog().begin() as conn:
        found = grants.approve(conn, id, at=home.clock.now(), by=log.actor)
        log.append("grant.approve", subject=f"grant:{found.grant.id}", details={"made_by": found.made_by})
    return found


def withdraw(home: Home, id: str) -> GrantRow:
    """End a grant; the next release takes back what no other grant covers."""
    log = home.audit()
    with home.catalog().begin() as conn:
        found = grants.withdraw(conn, id, at=home.clock.now())
        log.append("grant.withdraw", subject=f"grant:{found.grant.id}")
    return found


def every(home: Home, *, withdrawn: bool = False) -> list[tuple[GrantRow, str]]:
    """The grants in the order they were made, each with the name of whom it is for."""
    with home.catalog().connect() as conn:
        names = {one.uuid: one.name for one in recipients.every(conn)}
        names |= {one.uuid: one.name for one in grants.group_rows(conn)}
        found = grants.every(conn, withdrawn=withdrawn)
    return [(row, names.get(row.grant.recipient or row.grant.group, "")) for row in found]


def _details(grant: Grant) -> dict[str, object]:
    return {
        "recipient": grant.recipient,
        "group": grant.group,
        "types": sorted(grant.types),
        "campaigns": sorted(grant.campaigns),
        "objects": len(grant.objects),
        "up_to": grant.up_to.label,
        "victim_fields": sorted(grant.victim_fields),
        "ends": grant.ends,
        "approved": grant.approved,
    }


def add_group(home: Home, name: str, members: Sequence[str], uuid: str = "") -> GroupRow:
    """A sharing group, or more members for one. Members are recipients' names or any parties' UUIDs.

    `uuid` is the group's global one where others have it too. Raises `UsageError` for a UUID that is none, `NotFound`
    for a member that is neither.
    """
    log = home.audit()
    with home.catalog().begin() as conn:
        ids = [_member(conn, one) for one in members[:_MOST_MEMBERS]]
        found = grants.add_group(conn, uuid=_uuid(uuid) or str(uuid4()), name=ownership.name(name), members=ids)
        log.append("group.add", subject=f"group:{found.uuid}", details={"name": found.name, "members": ids})
    return found


def remove_group(home: Home, who: str, members: Sequence[str] = ()) -> GroupRow:
    """Take members out of a group; without any, the group itself. What it had, as it was before."""
    log = home.audit()
    with home.catalog().begin() as conn:
        found = grants.group(conn, who)
        ids = [_member(conn, one) for one in members]
        grants.remove_group(conn, found.uuid, ids)
        log.append("group.remove", subject=f"group:{found.uuid}", details={"name": found.name, "members": ids})
    return found


def groups(home: Home) -> list[tuple[GroupRow, tuple[str, ...]]]:
    """The sharing groups by name, each with its members' names, or UUIDs where we don't know them."""
    with home.catalog().connect() as conn:
        names = {one.uuid: one.name for one in recipients.every(conn)}
        rows = grants.group_rows(conn)
    return [(row, tuple(names.get(one, one) for one in row.members)) for row in rows]


def _member(conn: Connection, who: str) -> str:
    try:
        return _uuid(who)
    except UsageError:
        pass
    try:
        return recipients.find(conn, who).uuid
    except NotFound:
        raise NotFound("group.no_member", name=who) from None


def _uuid(given: str) -> str:
    try:
        return str(UUID(given)) if given else ""
    except ValueError:
        raise UsageError("group.no_uuid", given=given) from None
