"""Who may get what: recipients, grants, sharing groups, and a decision with its reason.

Types only; `policy` decides. Ids of parties and groups are global (UUIDs), never names.
"""

from enum import StrEnum
from typing import Final

import msgspec

from haechi.model.marking import UNMARKED, Pap, Tlp


class Relation(StrEnum):
    """What a recipient is to us, in the words of TLP 2.0."""

    ORGANISATION = "organisation"  # ourselves
    CLIENT = "client"  # whom we serve: of a national team, its constituency
    COMMUNITY = "community"  # peers and partners whom we know
    PUBLIC = "public"  # anyone


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who would get an object. `person` is one named human being, not a collection that others read too."""

    id: str
    relation: Relation
    person: bool = False


# What may be done with it, the strictest first (FIRST IEP 2.0, "Permitted actions").
ACTIONS: Final = (
    "none",
    "contact-for-instruction",
    "internally-visible-actions",
    "externally-visible-indirect-actions",
    "externally-visible-direct-actions",
)


class Iep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """FIRST's Information Exchange Policy 2.0, carried whole. Times in microseconds UTC; None: not bounded.

    The first four bind us; the rest is for whoever we pass it on to, in the policy's own words.
    """

    permitted_actions: str = "externally-visible-direct-actions"
    begins: int | None = None
    ends: int | None = None
    encrypt_in_transit: bool = False
    tlp: Tlp | None = None
    affected_party_notifications: str = ""
    attribution: str = ""
    unmodified_resale: str = ""
    id: str = ""
    name: str = ""
    description: str = ""
    references: tuple[str, ...] = ()


def both(one: Iep, other: Iep) -> Iep:
    """Two policies on one object as the one that keeps both; what can't be joined stays as the first says it."""
    return msgspec.structs.replace(
        one,
        permitted_actions=min(one.permitted_actions, other.permitted_actions, key=_rank),
        begins=max((at for at in (one.begins, other.begins) if at is not None), default=None),
        ends=min((at for at in (one.ends, other.ends) if at is not None), default=None),
        encrypt_in_transit=one.encrypt_in_transit or other.encrypt_in_transit,
        tlp=max((tlp for tlp in (one.tlp, other.tlp) if tlp is not None), default=None),
        affected_party_notifications=_stricter(one.affected_party_notifications, other.affected_party_notifications),
        attribution=_stricter(one.attribution, other.attribution),
        unmodified_resale=_stricter(one.unmodified_resale, other.unmodified_resale),
    )


def _rank(actions: str) -> int:
    return ACTIONS.index(actions) if actions in ACTIONS else -1  # not understood: stricter than all


def _stricter(one: str, other: str) -> str:
    for said in ("must-not", "must"):
        if said in (one, other):
            return said
    return one or other


class Releasable(msgspec.Struct, frozen=True, kw_only=True):
    """What policy looks at of an object. `victim_fields` are those that it has and that tell who was hit."""

    id: str
    type: str  # STIX 2.1: indicator, sighting, report, identity ...
    own: bool  # we created it
    marking: Tlp = UNMARKED
    pap: Pap | None = None
    iep: Iep | None = None
    campaigns: frozenset[str] = frozenset()
    victim_fields: frozenset[str] = frozenset()


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: this recipient, or each member of this group, may have these objects until then.

    Empty `types`, `campaigns` and `objects` mean all; `up_to` is the strictest label that it covers.
    """

    id: str
    recipient: str = ""
    group: str = ""
    types: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()
    objects: frozenset[str] = frozenset()
    up_to: Tlp = Tlp.AMBER
    victim_fields: frozenset[str] = frozenset()
    begins: int = 0
    ends: int | None = None
    approved: bool = True  # False while a second person's word is awaited


class SharingGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A set of global identities."""

    id: str
    members: frozenset[str] = frozenset()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an object may leave, and why: a message id with its arguments. `fields` are the victim fields that may."""

    allowed: bool
    reason: str
    arguments: dict[str, str] = {}
    fields: frozenset[str] = frozenset()
