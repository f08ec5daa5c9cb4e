"""Who may get what: recipients, grants, sharing groups, and a decision with its reason.

Types only; `policy` decides. Ids of parties and groups are global (UUIDs), never names.
"""

from enum import StrEnum

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


class Iep(msgspec.Struct, frozen=True, kw_only=True):
    """FIRST's Information Exchange Policy 2.0, what binds us of it. Times in microseconds UTC."""

    permitted_actions: str = "externally-visible-direct-actions"
    begins: int | None = None
    ends: int | None = None
    encrypt_in_transit: bool = False


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
