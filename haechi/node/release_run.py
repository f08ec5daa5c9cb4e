"""One look at what a recipient has and may have, and what of it to change: object by object, a page at a time.

Objects that refer to others (relationships, sightings) come after those, in rounds, until nothing moves. Everything is
written in the caller's transaction; memory holds a page.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from haechi.messages.catalogue import Message, encode
from haechi.model import stixid
from haechi.model.canonical import encoded
from haechi.model.errors import BadInput
from haechi.model.marking import Tlp
from haechi.model.release import Decision, Grant
from haechi.node import keys
from haechi.node.home import Home
from haechi.node.release_bodies import FILTERED, Bodies, Stix, with_only
from haechi.node.release_judge import Facts, Judge
from haechi.node.release_victims import Victims
from haechi.store.catalog import ledger, own_sightings, releasable
from haechi.store.catalog.driver import without_collector
from haechi.store.catalog.ledger import Outgoing, Taken, Written
from haechi.store.catalog.recipients import CONSUMER, RecipientRow
from haechi.store.catalog.releasable import ALONG, MANY, Had, Item, Unit

RELEASE, SUPERSEDE, KEEP, STAY, WITHDRAW, REVOKE = "release", "supersede", "keep", "stay", "withdraw", "revoke"
_ROUNDS: Final = 50  # references to references; what is deeper waits for the next run

# What can't leave without what it refers to, by these properties.
ENDS: Final = {
    "relationship": ("source_ref", "target_ref"),
    "sighting": ("sighting_of_ref",),
    "opinion": ("object_refs",),
    "note": ("object_refs",),
}
_BOTH_ENDS: Final = Message("policy.an-end-stays")


class Told(NamedTuple):
    """What became of objects of one kind, and why: counted together."""

    action: str
    type: str
    label: str
    reason: str  # messages, encoded


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """One STIX object as looked at: what it says, what policy says, how it would leave, and without what it can't."""

    item: Item
    facts: Facts
    decision: Decision
    stix: Stix
    ends: frozenset[str]
    filtered: frozenset[str]


def depends(item: Item) -> bool:
    """Whether an object's leaving rests on others."""
    return item.is_stix and (item.type in ENDS or (item.own and item.type in FILTERED))


class Run:
    """A run for one recipient. `more` are grants that aren't in the catalog yet; `dry` only counts what lists have."""

    def __init__(
        self,
        home: Home,
        conn: Connection,
        recipient: RecipientRow,
        *,
        now: int,
        more: Sequence[Grant] = (),
        dry: bool = False,
    ) -> None:
        self.conn, self.recipient, self.now = conn, recipient, now
        self.victims = Victims(
            conn,
            recipient,
            secret=keys.secret(home, "pseudonym"),
            own_identity=f"identity--{home.config.party_uuid}",
        )
        self.judge = Judge(conn, recipient, self.victims, now=now, more=more, second_person=home.config.second_person)
        self.bodies = Bodies(home, conn, recipient, self.victims, now=now, dry=dry)
        self.written = Written()
        self.told: Counter[Told] = Counter()
        self._told_of: dict[int, Told] = {}  # of objects that are looked at again
        self._dry = dry
        self._counted: set[int] = set()  # long lists that would leave, and aren't in the ledger for being counted
        self._revokes = recipient.kind == CONSUMER
        self._needs = releasable.any_needs(conn)

    def go(self, since: int | None) -> None:
        """Look at what changed after a count of changes, or (None) at everything, and write what comes of it."""
        releasable.prepare(self.conn)
        try:
            releasable.look_at(self.conn, since, but_of=0 if self._dry else self.recipient.id)
            with without_collector():
                for number in range(_ROUNDS):
                    self._round(first=number == 0)
                    if not releasable.look_next(self.conn):
                        break
        finally:
            releasable.clear(self.conn)

    def _round(self, *, first: bool) -> None:
        for page in releasable.pages(self.conn):
            if first:
                releasable.note_next(self.conn, [item.row for item in page if depends(item)])
            self._page([item for item in page if not (first and depends(item))])

    def _page(self, page: Sequence[Item]) -> None:
        outgoing: list[Outgoing] = []
        taken: list[tuple[Had, Taken]] = []
        small = [item.row for item in page if item.is_stix or item.asserted < MANY]
        had = releasable.had_of(self.conn, self.recipient.id, small)
        self._stix([item for item in page if item.is_stix], had, outgoing, taken)
        lists = [item for item in page if not item.is_stix]
        units = releasable.units(self.conn, [item.row for item in lists if item.live and item.asserted < MANY])
        for item in lists:
            decision = self.judge.decide(item, self.judge.facts(item))
            if item.asserted >= MANY:
                self._long(item, decision)
            else:
                self._short(item, decision, units.get(item.row, []), had.get(item.row, {}), outgoing, taken)
        self._write(outgoing, taken)

    # Writing.

    def _write(self, outgoing: Iterable[Outgoing], taken: Sequence[tuple[Had, Taken]]) -> None:
        if not outgoing and not taken:
            return
        before, gone = self.written.last_seq, [had for had, _ in taken]
        along = self.bodies.pending()
        done = ledger.write(
            self.conn,
            self.recipient.id,
            self._noting([*along, *outgoing] if isinstance(outgoing, list) else _chained(along, outgoing)),
            [one for _, one in taken],
            now=self.now,
        )
        if gone and self._needs:
            releasable.note_needing(self.conn, [one.object_id for one in gone])
        if gone:
            releasable.note_same(self.conn, gone)
        self.written.released += done.released
        self.written.superseded += done.superseded
        self.written.withdrawn += done.withdrawn
        self.written.first_seq = self.written.first_seq or done.first_seq
        self.written.last_seq = done.last_seq or self.written.last_seq
        if before.bit_length() // 2 != self.written.last_seq.bit_length() // 2:  # four times what it was
            releasable.measure(self.conn)

    def _noting(self, outgoing: Iterable[Outgoing]) -> Iterator[Outgoing]:
        """The same; whatever needs these is looked at again in the next round."""
        block: list[str] = []
        for one in outgoing:
            yield one
            block.append(one.object_id)
            if len(block) == 500:
                self._note(block)
                block.clear()
        self._note(block)

    def _note(self, ids: Sequence[str]) -> None:
        if self._needs and ids:
            releasable.note_needing(self.conn, ids)

    def _tell(self, item: Item, label: Tlp, action: str, reason: str, count: int = 1) -> None:
        if not count:
            return
        told = Told(action, item.type, label.label, reason)
        if depends(item):
            before = self._told_of.pop(item.row, None)
            if before is not None:
                self.told[before] -= 1
            self._told_of[item.row] = told
        self.told[told] += count

    # STIX objects.

    def _stix(
        self,
        items: Sequence[Item],
        had_of: dict[int, dict[int, Had]],
        outgoing: list[Outgoing],
        taken: list[tuple[Had, Taken]],
    ) -> None:
        if not items:
            return
        cases = [self.case(item) for item in items]
        given = releasable.given(self.conn, self.recipient.id, [item.object_id for item in items if not item.own])
        live = self.live(cases)
        there = releasable.had(self.conn, self.recipient.id, [case.stix.id for case in cases])
        for case in cases:
            mine = list(had_of.get(case.item.row, {}).values())
            refused = self.refusal(case, given=given, live=live)
            if refused is None and case.filtered:
                case = self._filtered(case, live)
            if refused is None:
                refused = self._leave(case, there, mine, outgoing, taken)
            if refused is not None:
                self._over(case, refused, mine, outgoing, taken)

    def case(self, item: Item) -> Case:
        """What there is to say of one object before its references are looked at; what it needs is kept."""
        facts = self.judge.facts(item)
        decision = self.judge.decide(item, facts)
        stix = self.bodies.stix(item, facts, decision.fields) if decision.allowed else Stix(item.object_id, b"", False)
        ends: frozenset[str] = frozenset()
        filtered: frozenset[str] = frozenset()
        if depends(item) and decision.allowed:
            shown = msgspec.json.decode(stix.body)
            ends = frozenset(ref for name in ENDS.get(item.type, ()) for ref in _refs(shown.get(name)))
            if facts.whole is not None and item.type == "relationship":
                ends &= frozenset(_refs([facts.whole.get("source_ref"), facts.whole.get("target_ref")]))
            if item.own and item.type in FILTERED:
                filtered = frozenset(_refs(shown.get(FILTERED[item.type])))
            releasable.need(self.conn, {item.row: ends | filtered})
            self._needs = True
        return Case(item=item, facts=facts, decision=decision, stix=stix, ends=ends, filtered=filtered)

    def live(self, cases: Sequence[Case]) -> set[str]:
        """What the recipient has, now, of all that these refer to: from us, or because it gave it to us."""
        wanted = sorted({id for case in cases for id in case.ends | case.filtered})
        found = set(releasable.had(self.conn, self.recipient.id, wanted))
        if self._counted:
            of = own_sightings.rows_of(self.conn, [case.item.object_id for case in cases])
            found |= {id for case in cases if of.get(case.item.object_id) in self._counted for id in case.ends}
        return found | releasable.given(self.conn, self.recipient.id, [id for id in wanted if id not in found])

    def refusal(self, case: Case, *, given: set[str], live: set[str]) -> Message | None:
        """Why an object stays; None where it may leave."""
        if not case.decision.allowed:
            return Message(case.decision.reason, case.decision.arguments)
        if case.item.object_id in given and not case.item.own:
            return Message("policy.came-from-it")
        if case.ends - live or (case.item.type in ("report", "grouping", "observed-data") and case.filtered and not case.filtered & live):  # fmt: skip
            return _BOTH_ENDS
        return None

    def _filtered(self, case: Case, live: set[str]) -> Case:
        name = FILTERED[case.item.type]
        if case.filtered <= live:
            return case
        body = encoded(with_only(msgspec.json.decode(case.stix.body), name, live))
        return msgspec.structs.replace(case, stix=case.stix._replace(body=body))

    def _leave(
        self,
        case: Case,
        there: dict[str, Had],
        mine: Sequence[Had],
        outgoing: list[Outgoing],
        taken: list[tuple[Had, Taken]],
    ) -> Message | None:
        """Release an object, or supersede it, or leave it as it is; the reason where it can't leave after all."""
        item, stix, had = case.item, case.stix, there.get(case.stix.id)
        reason = _reason(case.decision)
        version = item.modified
        if had is not None:
            if had.object_row == ALONG and item.type == "indicator":
                return Message("policy.revoked-before")
            if had.object_row not in (ALONG, item.row):
                newer = stix if item.modified > had.version else None
            elif item.modified > had.version:
                newer = stix
            elif had.object_row == item.row and (stix.volatile or item.modified == 0):
                newer = self.bodies.newer(item, stix, had)
                version = item.modified and self.bodies.later(had)
            else:
                newer = None
            if newer is None:
                self._tell(item, case.facts.label, KEEP, reason)
                return None
            stix = newer
        try:
            row = self.bodies.outgoing(item, stix, version, reason)
        except BadInput:
            return Message("policy.not-canonical")
        self.bodies.along_stix(item, case.facts, stix, reason)
        outgoing.append(row)
        there[stix.id] = Had(0, stix.id, item.row, 0, version)
        taken += [(one, Taken(one.seq, reason)) for one in mine if one.object_id != stix.id]  # under another id before
        self._tell(item, case.facts.label, RELEASE if had is None else SUPERSEDE, reason)
        return None

    def _over(
        self,
        case: Case,
        why: Message,
        mine: Sequence[Had],
        outgoing: list[Outgoing],
        taken: list[tuple[Had, Taken]],
    ) -> None:
        """Take an object back, where the recipient has it."""
        item, reason = case.item, _encoded(why.id, tuple(why.arguments.items()))
        if not mine:
            self._tell(item, case.facts.label, STAY, reason)
        elif self._revokes and case.facts.revoked and self.judge.decide(item, case.facts, over=True).allowed:
            stix = self.bodies.stix(item, case.facts, frozenset())
            outgoing.append(self.bodies.outgoing(item, stix, item.modified, reason)._replace(object_row=ALONG))
            self._tell(item, case.facts.label, REVOKE, reason)
        else:
            self._back(item, mine, reason, outgoing, taken)

    def _back(
        self, item: Item, mine: Sequence[Had], reason: str, outgoing: list[Outgoing], taken: list[tuple[Had, Taken]]
    ) -> None:
        """From a peer it is taken back; to a plain reader only its creator can say that it is revoked."""
        if self._revokes and item.own and item.type == "indicator":
            outgoing += [self.bodies.revoked(one, reason) for one in mine]
            self._tell(item, item.marking, REVOKE, reason, len(mine))
        else:
            taken += [(one, Taken(one.seq, reason)) for one in mine]
            self._tell(item, item.marking, WITHDRAW, reason, len(mine))

    # Lists and attributes.

    def _short(
        self,
        item: Item,
        decision: Decision,
        units: Sequence[Unit],
        had: dict[int, Had],
        outgoing: list[Outgoing],
        taken: list[tuple[Had, Taken]],
    ) -> None:
        reason = _reason(decision)
        if not decision.allowed:
            self._tell(item, item.marking, STAY, reason, max(len(units) - len(had), 0))
            self._back(item, list(had.values()), reason, outgoing, taken)
            return
        asserted = {unit.value_id for unit in units}
        gone = [one for value, one in had.items() if value not in asserted]
        self._back(item, gone, _GONE, outgoing, taken)
        fresh = [unit for unit in units if unit.value_id not in had]
        changed = [
            (unit, had[unit.value_id])
            for unit in units
            if unit.value_id in had and had[unit.value_id].version < self.bodies.version_of(item, unit)
        ]
        if fresh or changed:
            self.bodies.along_unit(item, reason)
        outgoing += self._units(item, fresh, reason)
        outgoing += [self.bodies.unit(item, unit, one.object_id, reason) for unit, one in changed]
        self._tell(item, item.marking, RELEASE, reason, len(fresh))
        self._tell(item, item.marking, SUPERSEDE, reason, len(changed))
        self._tell(item, item.marking, KEEP, reason, len(units) - len(fresh) - len(changed))

    def _long(self, item: Item, decision: Decision) -> None:
        """A list of many values: one decision, and of its values only those that differ."""
        reason = _reason(decision)
        long = releasable.long_list(self.conn, self.recipient.id, item.row)
        if not decision.allowed:
            for block in releasable.all_of(self.conn, self.recipient.id, item.row):
                self._back_now(item, block, reason)
            self._tell(item, item.marking, STAY, reason, max(long.live - long.had, 0))
            return
        gone = releasable.vanished(self.conn, self.recipient.id, long)
        self._back_now(item, gone, _GONE)
        long = long._replace(had=long.had - len(gone))
        self.bodies.along_unit(item, reason)
        fresh = long.live - long.had
        if self._dry:
            self._counted.add(item.row)
        else:
            for lacking in releasable.missing(self.conn, self.recipient.id, long):
                self._write(self._units(item, lacking, reason), [])
        self._tell(item, item.marking, RELEASE, reason, fresh)
        self._tell(item, item.marking, KEEP, reason, long.had)

    def _back_now(self, item: Item, had: Sequence[Had], reason: str) -> None:
        outgoing: list[Outgoing] = []
        taken: list[tuple[Had, Taken]] = []
        self._back(item, had, reason, outgoing, taken)
        self._write(outgoing, taken)

    def _units(self, item: Item, units: Sequence[Unit], reason: str) -> list[Outgoing]:
        """Rows for assertions that the recipient lacks. An id that was revoked is not used again."""
        ids = [self.bodies.id_of(item, unit) for unit in units]
        again = 1
        while self._revokes and item.own and (spent := set(releasable.had(self.conn, self.recipient.id, ids))):
            ids = [
                self.bodies.id_of(item, unit, again) if id in spent else id for unit, id in zip(units, ids, strict=True)
            ]
            again += 1
        return [self.bodies.unit(item, unit, id, reason) for unit, id in zip(units, ids, strict=True)]


_GONE: Final = encode([Message("policy.gone")])


def _reason(decision: Decision) -> str:
    return _encoded(decision.reason, tuple(decision.arguments.items()))


@lru_cache(maxsize=1024)
def _encoded(id: str, arguments: tuple[tuple[str, str], ...]) -> str:
    return encode([Message(id, dict(arguments))])


def _refs(value: object) -> list[str]:
    return [
        ref for ref in (value if isinstance(value, list) else [value]) if isinstance(ref, str) and stixid.type_of(ref)
    ]


def _chained(first: Iterable[Outgoing], then: Iterable[Outgoing]) -> Iterator[Outgoing]:
    yield from first
    yield from then
