"""The second opinion: slow, plain, sharing nothing with `haechi.policy`, `haechi.model.marking` or `haechi.store`.

It says from the record what a giver may let a taker have at a moment, judges every object that crosses the wire by that,
and in the end, when nothing moves any more, what each taker must be left with.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.journeys.three_nodes import tlp
from tests.journeys.three_nodes.record import Grant, Link, Record, Word, bodies, refs

# What goes along with objects and tells nothing by itself: how they are marked, who made them, where a class sits.
ALONG: Final = frozenset({"marking-definition", "extension-definition", "identity", "location"})
NEEDS_ENDS: Final = frozenset({"relationship", "sighting", "opinion", "note"})


class Broken(AssertionError):
    """A rule was broken; the text says which."""


@dataclass
class Permit:
    """What a taker may have: of each id the words that may leave, and units by pattern and label."""

    stix: dict[str, list[Word]] = field(default_factory=dict)
    units: Counter[tuple[str, int]] = field(default_factory=Counter)


class Oracle:
    """Judges by the record, and by what a release found at the moment when it ran."""

    def __init__(self, record: Record) -> None:
        self._record = record
        self._permits: dict[tuple[str, str], Permit] = {}
        self.judged = 0

    def released(self, giver: str, taker: str, at: int) -> None:
        """A release ran: from now on what it found counts, until the next one."""
        self._permits[giver, taker] = self.permit(giver, taker, at)

    # What may leave.

    def permit(self, giver: str, taker: str, at: int) -> Permit:
        """All that may leave at a moment."""
        link, found = self._record.links[giver, taker], Permit()
        words = [word for word in self._words(giver) if self._may(word, link, at)]
        given = self._record.given(giver, taker)
        for word in words:
            if word.doc is None:
                found.units[word.key, word.label] += 1
            elif word.type not in NEEDS_ENDS and (word.own or word.key not in given):
                found.stix.setdefault(word.key, []).append(word)
        moved = True
        while moved:  # TLP tells nothing of relationships: issue, "a relationship is released only if both ends are"
            moved = False
            for word in words:
                if word.type not in NEEDS_ENDS or word in found.stix.get(word.key, []):
                    continue
                if (word.own or word.key not in given) and refs(word.document) <= found.stix.keys() | given:
                    found.stix.setdefault(word.key, []).append(word)
                    moved = True
        return found

    def _words(self, node: str) -> list[Word]:
        words = list(self._record.all_words(node))
        for (giver, taker), slice in self._record.slices.items():
            if taker == node and slice.broken:  # which versions were kept isn't seen on the wire
                for seq, row in slice.rows.items():
                    if row.body is not None and seq not in slice.withdrawn:
                        words.append(self._record.from_peer(giver, tlp.read(row.body)["id"], row.body))
        return words

    def _may(self, word: Word, link: Link, at: int) -> bool:
        if word.gone or word.giver == link.taker or (word.doc is not None and word.type in ALONG):
            return False
        if word.doc is not None and word.document.get("revoked"):
            return False
        if not word.own and not self._label_lets(word, link, at):
            return False
        return any(self.covers(grant, word, link, at) for grant in self._record.grants)

    def _label_lets(self, word: Word, link: Link, at: int) -> bool:
        """TLP 2.0, section 4, and IEP 2.0: what another made is told on only as far as its maker lets it."""
        if link.relation not in tlp.TOLD_ON[word.label]:
            return False
        if word.doc is None:
            return True
        policies = [self._record.policies[mark] for mark in tlp.marks(word.document) if mark in self._record.policies]
        if not tlp.policy_lets(policies, link.relation, at=at, encrypted=link.encrypted):
            return False
        return not refs_of_victims(word.document) & {one.decode() for one in self._record.victims}

    def covers(self, grant: Grant, word: Word, link: Link, at: int) -> bool:
        """Whether a grant in force covers a word. RED of our own: to a named person, by a grant for just that object."""
        if grant.giver != link.giver or grant.withdrawn or not grant.approved:
            return False
        if at < grant.begins or (grant.ends is not None and at >= grant.ends):
            return False
        if grant.recipient:
            named = grant.recipient == link.taker
        else:
            named = link.taker in self._record.groups[link.giver].get(grant.group, set())
        fits = (
            word.label <= grant.up_to
            and (not grant.types or word.type in grant.types)
            and (not grant.campaigns or bool(grant.campaigns & word.campaigns))
            and (not grant.objects or word.grant_id in grant.objects)
        )
        if word.label == tlp.RED:  # TLP 2.0, section 4.a: "for the eyes and ears of individual recipients only"
            fits = fits and link.person and bool(grant.recipient) and word.grant_id in grant.objects
        return named and fits

    # What crosses the wire.

    def crossed(self, giver: str, taker: str, path: str, answer: bytes) -> None:
        """Judge one answer, also one that gets lost afterwards: its bytes have left."""
        if (giver, taker) not in self._record.told_victims:
            for secret in self._record.victims:
                if secret in answer:
                    raise Broken(f"{giver} -> {taker}: tells who was hit: {secret!r}")
        if path.rstrip("/").rpartition("/")[2] != "objects":
            return
        permit = self._permits.get((giver, taker), Permit())
        for raw in bodies(answer):
            self.judged += 1
            self._object(giver, taker, permit, raw)

    def _object(self, giver: str, taker: str, permit: Permit, raw: bytes) -> None:
        document = tlp.read(raw)
        if document["type"] in ALONG:
            return
        why = f"{giver} -> {taker}: {document['type']} {document['id']}"
        words = permit.stix.get(document["id"], [])
        if words:
            if not any(self._as_it_was(word, raw, document) for word in words):
                raise Broken(f"{why} left otherwise than any source said it: {raw!r}")
            return
        carried = tlp.label(document, -1, self._record.policies)
        if (document.get("pattern"), carried) not in permit.units:
            raise Broken(f"{why} left without a grant or against its label: {raw!r}")

    def _as_it_was(self, word: Word, raw: bytes, document: Mapping[str, Any]) -> bool:
        """Another's object leaves as the bytes that came; our own with its label and without what isn't granted."""
        if not word.own:
            return raw == word.doc
        before = word.document
        if tlp.label(document, -1, self._record.policies) != word.label:
            return False
        free = {"object_marking_refs", "modified", "where_sighted_refs", "id"}
        return {k: v for k, v in before.items() if k not in free} == {
            k: v for k, v in document.items() if k not in free
        }

    # When nothing moves any more.

    def settled(self, giver: str, taker: str, at: int) -> None:
        """Each taker is left with all that it may have, and nothing else."""
        slice, permit = self._record.slices[giver, taker], self.permit(giver, taker, at)
        if slice.broken:
            raise Broken(f"{giver} -> {taker}: never came to an end")
        units: Counter[tuple[str, int]] = Counter()
        live = {id: row.body or b"" for id, row in slice.live().items()}
        for id, raw in live.items():
            document = tlp.read(raw)
            if document["type"] in ALONG:
                continue
            if id in permit.stix:
                self._newest(f"{giver} -> {taker}: {id}", permit.stix[id], raw, document)
            else:
                units[document.get("pattern", id), tlp.label(document, -1, self._record.policies)] += 1
        missed = {id for id, words in permit.stix.items() if not all(word.unsure for word in words)} - live.keys()
        missed = {id for id in missed if not self._rests_on_unsure(permit, id)}
        if missed:
            raise Broken(f"{giver} -> {taker}: never got {missed}")
        if units != permit.units:
            raise Broken(f"{giver} -> {taker}: left with {units - permit.units}, without {permit.units - units}")

    def _rests_on_unsure(self, permit: Permit, id: str) -> bool:
        return any(
            all(word.unsure for word in permit.stix[ref])
            for one in permit.stix[id]
            if one.type in NEEDS_ENDS
            for ref in refs(one.document)
            if ref in permit.stix
        )

    def _newest(self, why: str, words: list[Word], raw: bytes, document: Mapping[str, Any]) -> None:
        fitting = [word for word in words if self._as_it_was(word, raw, document)]
        if not fitting:
            raise Broken(f"{why}: left with {raw!r}")
        newest = max(word.document.get("modified", "") for word in words)
        if all(word.document.get("modified", "") < newest for word in fitting):
            raise Broken(f"{why}: left with an older version than that of {newest}")

    def held(self, giver: str, taker: str, catalog: Mapping[str, bytes]) -> None:
        """A taker's catalog has of a giver just what the wire brought and left there."""
        live = {id: row.body for id, row in self._record.slices[giver, taker].live().items()}
        if live != catalog:
            lacks, has = live.keys() - catalog.keys(), catalog.keys() - live.keys()
            other = {id for id in live.keys() & catalog.keys() if live[id] != catalog[id]}
            raise Broken(f"{giver} -> {taker}: the catalog lacks {lacks}, has too much {has}, otherwise {other}")

    def receipts(self, giver: str, taker: str, receipts: Mapping[str, tuple[int, str]]) -> None:
        """Both signed receipts say what the wire showed. `receipts`: collection: rows and root, as signed."""
        for name, said in receipts.items():
            counted = self._record.slices[giver, taker].root(name)
            if counted != said:
                raise Broken(f"{giver} -> {taker}: the receipt of {name} says {said}, the wire showed {counted}")

    def forgotten(self, node: str, home: Mapping[str, bytes]) -> None:
        """Of a value that was taken back and that no word here names, no byte is left. `home`: its files."""
        named = {value for word in self._record.all_words(node) for value in _values(word)}
        for value in self._record.heard[node] - named - self._record.said[node]:
            for path, content in home.items():
                if value.encode() in content:
                    raise Broken(f"{node}: {value} was taken back and stands in {path}")


def _values(word: Word) -> set[str]:
    from tests.journeys.three_nodes.record import values_in

    return {word.value} if word.doc is None else values_in(word.doc)


def refs_of_victims(document: Mapping[str, Any]) -> set[str]:
    """Whom a sighting names."""
    return set(document.get("where_sighted_refs", []))
