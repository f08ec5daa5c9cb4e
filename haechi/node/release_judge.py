"""What policy says of each object for one recipient, and until when that holds.

Decisions are remembered by what they rest on: of a million alike objects one is decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from haechi.formats import stixmarking
from haechi.model.marking import STIX_PAP, STIX_TLP, Pap, Tlp
from haechi.model.release import Decision, Grant, Iep, Releasable
from haechi.node.release_victims import Victims
from haechi.policy import victim
from haechi.policy.granting import names
from haechi.policy.release import may_leave
from haechi.store.catalog import grants, releasable
from haechi.store.catalog.recipients import CONSUMER, RecipientRow
from haechi.store.catalog.releasable import Item

_REMEMBERED: Final = 20_000
# Types that are looked at whole, for what they refer to.
WHOLE: Final = frozenset({"relationship", "identity", *victim.REFERENCES, *victim.OBSERVABLES, "artifact"})


class _Head(msgspec.Struct):
    """What a decision needs of a document that can refer to no victim."""

    object_marking_refs: Any = None
    granular_markings: Any = None
    revoked: Any = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says beside what the catalog keeps of it. `whole` only of types that may tell who was hit."""

    revoked: bool = False
    labelled: bool = True
    markings: tuple[str, ...] = ()
    iep: Iep | None = None
    fields: frozenset[str] = frozenset()
    whole: Mapping[str, Any] | None = None


NO_DOCUMENT: Final = Facts()


class Judge:
    """Decides for one recipient at one moment. `good_until` is when a decision can change by time alone."""

    def __init__(
        self, conn: Connection, recipient: RecipientRow, victims: Victims, *, now: int, more: Sequence[Grant] = ()
    ) -> None:
        self._conn, self._recipient, self._victims, self._now = conn, recipient, victims, now
        self._who = recipient.as_policy_sees
        self._groups = grants.groups(conn)
        self._grants = [one for one in (*grants.grants(conn), *more) if names(one, self._who, self._groups)]
        self._objects = frozenset[str]().union(*(one.objects for one in self._grants))
        self._encrypted = recipient.url.startswith("https://")
        self._decided: dict[Any, Decision] = {}
        self._markings: dict[str, stixmarking.Meaning] = {}
        self.good_until = min(
            (at for one in self._grants for at in (one.begins, one.ends) if at is not None and at > now), default=None
        )

    def facts(self, item: Item) -> Facts:
        """What the object's document says."""
        if not item.is_stix or item.raw is None:
            return NO_DOCUMENT
        whole: dict[str, Any] | None = None
        if item.type in WHOLE:
            whole = msgspec.json.decode(item.raw)
            head = msgspec.convert(whole, _Head)
        else:
            head = msgspec.json.decode(item.raw, type=_Head)
        marks = _marks(head)
        return Facts(
            revoked=head.revoked is True,
            labelled=bool(marks),
            markings=marks,
            iep=self._iep(marks),
            fields=frozenset() if whole is None else self._victims.of(whole, own=item.own),
            whole=whole,
        )

    def _iep(self, marks: Sequence[str]) -> Iep | None:
        found = [said for said in map(self._meaning, marks) if isinstance(said, Iep)]
        for at in (at for iep in found for at in (iep.begins, iep.ends) if at is not None and at > self._now):
            self.good_until = at if self.good_until is None else min(self.good_until, at)
        return stixmarking.together(found)

    def _meaning(self, mark: str) -> stixmarking.Meaning:
        if mark in STIX_TLP or mark in STIX_PAP:
            return None
        if mark not in self._markings:
            raw = releasable.raw_of(self._conn, mark)
            self._markings[mark] = None if raw is None else stixmarking.meaning(msgspec.json.decode(raw))
        return self._markings[mark]

    def decide(self, item: Item, facts: Facts) -> Decision:
        """Whether the object may leave, by itself: ends of a relationship are looked at afterwards."""
        refused = self._refused(item, facts)
        if refused:
            return Decision(allowed=False, reason=refused)
        id = item.grant_id if item.grant_id in self._objects else ""
        campaigns = frozenset(item.context.campaigns)
        if item.type == "campaign" and facts.whole is None:
            campaigns |= {item.object_id}
        basis = (id, item.type, item.own, item.marking, item.pap, facts.iep, campaigns, facts.fields)
        found = self._decided.get(basis)
        if found is None:
            if len(self._decided) >= _REMEMBERED:
                self._decided.clear()
            found = self._decided[basis] = self._asked(item, id, campaigns, facts)
        return found

    def _asked(self, item: Item, id: str, campaigns: frozenset[str], facts: Facts) -> Decision:
        asked = Releasable(
            id=id,
            type=item.type,
            own=item.own,
            marking=item.marking,
            pap=item.pap,
            iep=facts.iep,
            campaigns=campaigns,
            victim_fields=facts.fields,
        )
        return may_leave(asked, self._who, self._grants, self._groups, now=self._now, encrypted=self._encrypted)

    def _refused(self, item: Item, facts: Facts) -> str:
        """Why an object stays whatever the grants say; "" where they decide."""
        if item.from_recipient == self._recipient.id:
            return "policy.came-from-it"
        if facts.revoked:
            return "policy.revoked"
        if item.live == 0 and (item.asserted or not item.is_stix):
            return "policy.gone"
        if item.own:
            return ""
        if facts.fields:
            return "policy.victim-of-another"
        if not facts.labelled and item.marking is not Tlp.CLEAR and self._recipient.kind == CONSUMER:
            return "policy.no-label"
        return ""


def _marks(head: _Head) -> tuple[str, ...]:
    refs = head.object_marking_refs if isinstance(head.object_marking_refs, list) else []
    granular = head.granular_markings if isinstance(head.granular_markings, list) else []
    refs = [*refs, *(part.get("marking_ref") for part in granular if isinstance(part, dict))]
    return tuple(dict.fromkeys(ref for ref in refs if isinstance(ref, str)))


def labels_of(tlp: Tlp, pap: Pap | None) -> str:
    """The labels of an object as one text."""
    return tlp.label if pap is None else f"{tlp.label} {pap.label}"
