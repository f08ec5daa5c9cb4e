"""Grant rules and sharing groups in the catalog, to and from what `policy` decides by.

Each change counts `exchange_tables.RULES`, so that release looks at everything anew. What is withdrawn keeps its row: the
ledger's reasons speak of it.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, select, update

from haechi.model.errors import Conflict, NotFound
from haechi.model.marking import Tlp
from haechi.model.release import Grant, SharingGroup
from haechi.store.catalog.exchange_tables import GRANT_RULE, SHARING_GROUP, SHARING_GROUP_MEMBER
from haechi.store.catalog.recipients import count_change


class GrantRow(msgspec.Struct, frozen=True, kw_only=True):
    """A grant as the catalog has it: the rule, and who made, approved and withdrew it. Times in microseconds UTC."""

    grant: Grant
    made_at: int
    made_by: str
    approved_at: int | None
    approved_by: str
    withdrawn_at: int | None

    @property
    def seconded(self) -> bool:
        """Whether another person than its maker has approved it."""
        return self.approved_by not in ("", self.made_by)


class GroupRow(msgspec.Struct, frozen=True, kw_only=True):
    """A sharing group: its global id, its name here, the UUIDs of the parties in it."""

    uuid: str
    name: str
    members: tuple[str, ...]


class _What(msgspec.Struct, kw_only=True):
    """The JSON of the column `what`."""

    types: list[str] = []
    campaigns: list[str] = []
    objects: list[str] = []
    up_to: str = "AMBER"
    victim_fields: list[str] = []


def add(conn: Connection, grant: Grant, *, at: int, by: str) -> GrantRow:
    """Keep a new grant. One that is `approved` was approved by whoever made it; the others wait for `approve`."""
    what = _What(
        types=sorted(grant.types),
        campaigns=sorted(grant.campaigns),
        objects=sorted(grant.objects),
        up_to=grant.up_to.name,
        victim_fields=sorted(grant.victim_fields),
    )
    conn.execute(
        GRANT_RULE.insert().values(
            uuid=grant.id,
            recipient=grant.recipient,
            sharing_group=grant.group,
            what=msgspec.json.encode(what).decode(),
            begins=grant.begins,
            ends=grant.ends,
            made_at=at,
            made_by=by,
            approved_at=at if grant.approved else None,
            approved_by=by if grant.approved else "",
        )
    )
    count_change(conn)
    return get(conn, grant.id)


def approve(conn: Connection, id: str, *, at: int, by: str) -> GrantRow:
    """A second person's word. `Conflict` for the first person's own, or where a second person has spoken."""
    found = get(conn, id)
    if found.seconded or found.withdrawn_at is not None:
        raise Conflict("grant.not_waiting", grant=found.grant.id)
    if found.made_by == by:
        raise Conflict("grant.same_person", grant=found.grant.id, person=by)
    conn.execute(update(GRANT_RULE).where(GRANT_RULE.c.uuid == found.grant.id).values(approved_at=at, approved_by=by))
    count_change(conn)
    return get(conn, found.grant.id)


def withdraw(conn: Connection, id: str, *, at: int) -> GrantRow:
    """End a grant now. `Conflict` where it was withdrawn before."""
    found = get(conn, id)
    if found.withdrawn_at is not None:
        raise Conflict("grant.withdrawn", grant=found.grant.id)
    conn.execute(update(GRANT_RULE).where(GRANT_RULE.c.uuid == found.grant.id).values(withdrawn_at=at))
    count_change(conn)
    return get(conn, found.grant.id)


def get(conn: Connection, id: str) -> GrantRow:
    """The grant of that id, or of an id that begins so; `NotFound` for none, `Conflict` where several begin so."""
    wanted = id.lower()
    rows = conn.execute(
        select(GRANT_RULE).where(GRANT_RULE.c.uuid.startswith(wanted, autoescape=True)).order_by(GRANT_RULE.c.uuid)
    ).all()
    if not rows or not wanted:
        raise NotFound("grant.unknown", id=id)
    if len(rows) > 1:
        raise Conflict("grant.ambiguous", id=id)
    return _row(rows[0])


def every(conn: Connection, *, withdrawn: bool = False) -> list[GrantRow]:
    """The grants in the order they were made, with or without those that were withdrawn."""
    query = select(GRANT_RULE).order_by(GRANT_RULE.c.made_at, GRANT_RULE.c.uuid)
    return [_row(row) for row in conn.execute(query if withdrawn else query.where(GRANT_RULE.c.withdrawn_at.is_(None)))]


def grants(conn: Connection) -> list[Grant]:
    """What `policy` decides by: the grants that weren't withdrawn, also those not in force yet, over or unapproved."""
    return [row.grant for row in every(conn)]


def groups(conn: Connection) -> dict[str, SharingGroup]:
    """The sharing groups by id; one that is missing names nobody."""
    return {row.uuid: SharingGroup(id=row.uuid, members=frozenset(row.members)) for row in group_rows(conn)}


def group_rows(conn: Connection) -> list[GroupRow]:
    """The sharing groups by name, with their members."""
    members: dict[str, list[str]] = {}
    for row in conn.execute(select(SHARING_GROUP_MEMBER).order_by(SHARING_GROUP_MEMBER.c.party_uuid)):
        members.setdefault(row.group_uuid, []).append(row.party_uuid)
    rows = conn.execute(select(SHARING_GROUP).order_by(SHARING_GROUP.c.name, SHARING_GROUP.c.uuid))
    return [GroupRow(uuid=row.uuid, name=row.name, members=tuple(members.get(row.uuid, ()))) for row in rows]


def group(conn: Connection, who: str) -> GroupRow:
    """The group of that UUID or name; `NotFound` where there is none, `Conflict` where a name is two's."""
    found = [row for row in group_rows(conn) if who.lower() == row.uuid or who == row.name]
    if not found:
        raise NotFound("group.unknown", name=who)
    if len(found) > 1:
        raise Conflict("group.ambiguous", name=who)
    return found[0]


def add_group(conn: Connection, *, uuid: str, name: str, members: Iterable[str]) -> GroupRow:
    """A new group, or more members for one of that id or name. Members are UUIDs of parties."""
    rows = [row for row in group_rows(conn) if row.uuid == uuid or row.name == name]
    known = rows[0] if rows else None
    if known is None:
        conn.execute(SHARING_GROUP.insert().values(uuid=uuid, name=name))
    into, had = (uuid, ()) if known is None else (known.uuid, known.members)
    for member in dict.fromkeys(members):
        if member not in had:
            conn.execute(SHARING_GROUP_MEMBER.insert().values(group_uuid=into, party_uuid=member))
    count_change(conn)
    return group(conn, into)


def remove_group(conn: Connection, uuid: str, members: Iterable[str] = ()) -> None:
    """Take these members out of a group; without any, the group itself. Grants that name it then name nobody."""
    out = list(members)
    if out:
        conn.execute(
            SHARING_GROUP_MEMBER.delete().where(
                SHARING_GROUP_MEMBER.c.group_uuid == uuid, SHARING_GROUP_MEMBER.c.party_uuid.in_(out)
            )
        )
    else:
        conn.execute(SHARING_GROUP_MEMBER.delete().where(SHARING_GROUP_MEMBER.c.group_uuid == uuid))
        conn.execute(SHARING_GROUP.delete().where(SHARING_GROUP.c.uuid == uuid))
    count_change(conn)


def _row(row: Any) -> GrantRow:
    what = msgspec.json.decode(row.what, type=_What)
    grant = Grant(
        id=row.uuid,
        recipient=row.recipient,
        group=row.sharing_group,
        types=frozenset(what.types),
        campaigns=frozenset(what.campaigns),
        objects=frozenset(what.objects),
        up_to=Tlp[what.up_to],
        victim_fields=frozenset(what.victim_fields),
        begins=row.begins,
        ends=row.ends,
        approved=row.approved_at is not None,
    )
    return GrantRow(
        grant=grant,
        made_at=row.made_at,
        made_by=row.made_by,
        approved_at=row.approved_at,
        approved_by=row.approved_by,
        withdrawn_at=row.withdrawn_at,
    )
