"""What policy says of each object for one recipient, and until when that holds.

Decisions are remembered by what they rest on: of a million alike objects one is decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from haechi.formats import stixmarking
from haechi.model.marking import STIX_PAP, STIX_TLP, Tlp
from haechi.model.release import Decision, Grant, Iep, Releasable
from haechi.node.release_victims import Victims
from haechi.policy import victim
from haechi.policy.granting import names
from haechi.policy.release import may_leave, needs_second
from haechi.store.catalog import grants, releasable
from haechi.store.catalog.recipients import CONSUMER, RecipientRow
from haechi.store.catalog.releasable import Item

_REMEMBERED: Final = 20_000
# Types that are looked at whole, for what they refer to.
WHOLE: Final = frozenset({"relationship", "identity", *victim.REFERENCES, *victim.OBSERVABLES, "artifact"})


class _Head(msgspec.Struct):
    """What a decision needs of a document that can refer to no victim."""

    id: Any = ""
    type: Any = ""
    object_marking_refs: Any = None
    granular_markings: Any = None
    revoked: Any = False


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a document says beside what the catalog keeps of it. `whole` only of types that may tell who was hit.

    `label` is the document's own: the catalog's also counts what was brought into the context, which doesn't leave with
    it. `labelled` says that it stands in the document; `is_stix` that this is the document of that id and type.
    """

    label: Tlp = Tlp.RED

    is_stix: bool = True
    revoked: bool = False
    labelled: bool = True
    markings: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    whole: Mapping[str, Any] | None = None


class Judge:
    """Decides for one recipient at one moment. `good_until` is when a decision can change by time alone.

    With `second_person` RED, another's AMBER and victim fields leave only under grants that two persons stand for, `more`
    counting as such; whatever a recipient or a label has become since the grant was made.
    """

    def __init__(
        self,
        conn: Connection,
        recipient: RecipientRow,
        victims: Victims,
        *,
        now: int,
        more: Sequence[Grant] = (),
        second_person: bool = False,
    ) -> None:
        self._conn, self._recipient, self._victims, self._now = conn, recipient, victims, now
        self._who = recipient.as_policy_sees
        self._groups = grants.groups(conn)
        rows = [one for one in grants.every(conn) if names(one.grant, self._who, self._groups)]
        self._grants = [one.grant for one in rows] + [one for one in more if names(one, self._who, self._groups)]
        self._seconded = self._grants
        if second_person:
            by_two = {one.grant.id for one in rows if one.seconded} | {one.id for one in more}
            self._seconded = [one for one in self._grants if one.id in by_two]
            bare = frozenset[str]()
            self._grants = [
                one if one.id in by_two else msgspec.structs.replace(one, victim_fields=bare) for one in self._grants
            ]
        self._objects = frozenset[str]().union(*(one.objects for one in self._grants))
        self._encrypted = recipient.url.startswith("https://")
        self._decided: dict[Any, Decision] = {}
        self._says_tlp: dict[str, bool] = {}
        self.good_until = min(
            (at for one in self._grants for at in (one.begins, one.ends) if at is not None and at > now), default=None
        )

    def facts(self, item: Item) -> Facts:
        """What the object's document says."""
        if not item.is_stix or item.raw is None:
            return Facts(label=item.marking)
        whole: dict[str, Any] | None = None
        if item.type in WHOLE:
            whole = msgspec.json.decode(item.raw)
            head = msgspec.convert(whole, _Head)
        else:
            head = msgspec.json.decode(item.raw, type=_Head)
        marks = _marks(head)
        return Facts(
            label=self._label(item, marks),
            is_stix=head.id == item.object_id and head.type == item.type,
            revoked=head.revoked is True,
            labelled=any(map(self._is_tlp, marks)),
            markings=marks,
            fields=frozenset() if whole is None else self._victims.of(whole, own=item.own),
            whole=whole,
        )

    def _label(self, item: Item, marks: Sequence[str]) -> Tlp:
        """The strictest published label of the document where it has no marking of other kinds; else the catalog's."""
        if any(mark not in STIX_TLP and mark not in STIX_PAP for mark in marks):
            return item.marking
        return max((STIX_TLP[mark] for mark in marks if mark in STIX_TLP), default=item.marking)

    def _is_tlp(self, mark: str) -> bool:
        """Whether a marking carries a label of its own: a statement doesn't."""
        if mark in STIX_TLP:
            return True
        if mark in STIX_PAP:
            return False
        if mark not in self._says_tlp:
            raw = releasable.raw_of(self._conn, mark)
            said = None if raw is None else stixmarking.meaning(msgspec.json.decode(raw))
            self._says_tlp[mark] = isinstance(said, Tlp) or (isinstance(said, Iep) and said.tlp is not None)
        return self._says_tlp[mark]

    def decide(self, item: Item, facts: Facts, *, over: bool = False) -> Decision:
        """Whether the object may leave, by itself: ends of a relationship are looked at afterwards.

        `over` asks it of the word that an object is revoked, to whom it was given before.
        """
        self._until(item)
        refused = self._refused(item, facts, over=over)
        if refused:
            return Decision(allowed=False, reason=refused)
        id = item.grant_id if item.grant_id in self._objects else ""
        campaigns = frozenset(item.context.campaigns)
        if item.type == "campaign":
            campaigns |= {item.object_id}
        basis = (id, item.type, item.own, facts.label, item.pap, item.iep, campaigns, facts.fields)
        found = self._decided.get(basis)
        if found is None:
            if len(self._decided) >= _REMEMBERED:
                self._decided.clear()
            found = self._decided[basis] = self._asked(item, id, campaigns, facts)
        return found

    def _until(self, item: Item) -> None:
        for at in (item.iep.begins, item.iep.ends) if item.iep is not None else ():
            if at is not None and at > self._now:
                self.good_until = at if self.good_until is None else min(self.good_until, at)

    def _asked(self, item: Item, id: str, campaigns: frozenset[str], facts: Facts) -> Decision:
        asked = Releasable(
            id=id,
            type=item.type,
            own=item.own,
            marking=facts.label,
            pap=item.pap,
            iep=item.iep,
            campaigns=campaigns,
            victim_fields=facts.fields,
        )
        decision = self._may(asked, self._grants)
        if not decision.allowed or self._seconded is self._grants or not needs_second(asked):
            return decision
        if self._may(asked, self._seconded).allowed:
            return decision
        return Decision(allowed=False, reason="policy.not-approved", arguments=decision.arguments)

    def _may(self, asked: Releasable, under: Sequence[Grant]) -> Decision:
        return may_leave(asked, self._who, under, self._groups, now=self._now, encrypted=self._encrypted)

    def _refused(self, item: Item, facts: Facts, *, over: bool) -> str:
        """Why an object stays whatever the grants say; "" where they decide."""
        if item.from_recipient == self._recipient.id:
            return "policy.came-from-it"
        if not facts.is_stix:
            return "policy.not-stix"
        if facts.revoked and not over:
            return "policy.revoked"
        if item.closed or (item.live == 0 and (item.asserted or not item.is_stix) and not over):
            return "policy.gone"
        if item.own:
            return ""
        if facts.fields:
            return "policy.victim-of-another"
        if not facts.labelled and facts.label is not Tlp.CLEAR and self._recipient.kind == CONSUMER:
            return "policy.no-label"
        return ""


def _marks(head: _Head) -> tuple[str, ...]:
    refs = head.object_marking_refs if isinstance(head.object_marking_refs, list) else []
    granular = head.granular_markings if isinstance(head.granular_markings, list) else []
    refs = [*refs, *(part.get("marking_ref") for part in granular if isinstance(part, dict))]
    return tuple(dict.fromkeys(ref for ref in refs if isinstance(ref, str)))
