"""The bytes that leave, and what goes along with them: who we are, the markings, the classes and places of a sighting.

Another's STIX object leaves as the bytes that came. What is ours leaves as it was made, labelled where it wasn't and
without what isn't granted. Lists and MISP attributes leave as STIX indicators under ids that only this node can compute.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from haechi.formats import stixout
from haechi.model import stixid
from haechi.model.canonical import canonical, encoded
from haechi.model.marking import PAP_OBJECTS, STIX_PAP, STIX_TLP, TLP_OBJECTS, Pap, Tlp
from haechi.node import keys
from haechi.node.home import Home
from haechi.node.release_judge import Facts
from haechi.node.release_victims import Victims
from haechi.policy import victim
from haechi.store.catalog import facts as kept
from haechi.store.catalog import parties, releasable
from haechi.store.catalog.ledger import Outgoing
from haechi.store.catalog.recipients import INDICATORS, SIGHTINGS, RecipientRow
from haechi.store.catalog.releasable import ALONG, Had, Item, Unit

_SIGHTINGS: Final = frozenset({"sighting", "observed-data", "opinion", "note"})
# Of ours, these leave with those of their references that leave too.
FILTERED: Final[Mapping[str, str]] = {
    "report": "object_refs",
    "grouping": "object_refs",
    "observed-data": "object_refs",
    "sighting": "observed_data_refs",
}
_UNMARKABLE: Final = frozenset({"marking-definition", "extension-definition", "language-content"})
_STEP: Final = 1_000  # microseconds between two versions at least: a reader may know no finer time
_SINCE: Final = "identity.created"  # fact: the `created` of our own identity, the same for every reader
_SKIPPED: Final = (b"{}", b"\0" * 32)  # body and digest where nothing is to leave


class Stix(NamedTuple):
    """A STIX object as it may leave: its id then, its bytes, and whether they depend on more than its version."""

    id: str
    body: bytes
    volatile: bool


def collection_of(type: str) -> str:
    """The collection that a type goes into."""
    return SIGHTINGS if type in _SIGHTINGS else INDICATORS


class Bodies:
    """Makes bodies for one recipient. `dry` makes none for lists: they are only counted."""

    def __init__(self, home: Home, conn: Connection, recipient: RecipientRow, victims: Victims, *, now: int, dry: bool):
        self._home, self._conn, self._recipient, self._victims = home, conn, recipient, victims
        self._now, self._dry = now, dry
        self._secret = keys.secret(home, stixid.IDS)
        self._creator = f"identity--{home.config.party_uuid}"
        self._out: set[str] = set()  # what went along already
        self._pending: dict[str, Outgoing] = {}

    # Lists and attributes.

    def id_of(self, item: Item, unit: Unit, again: int = 0) -> str:
        """The unit's id; `again` counts how often it was revoked before, for a revoked id never comes back."""
        extra = f"#{again}" if again else ""
        return stixid.of_unit(
            self._secret, source=item.source, object_id=item.object_id + extra, type=unit.kind.value, value=unit.value
        )

    @staticmethod
    def version_of(item: Item, unit: Unit) -> int:
        """When the unit became what it is."""
        return max(unit.known_at, item.from_at)

    def unit(self, item: Item, unit: Unit, id: str, reason: str) -> Outgoing:
        """A live assertion as a STIX indicator."""
        version = self.version_of(item, unit)
        body, digest = _SKIPPED
        if not self._dry:
            body = stixout.indicator(
                id=id,
                kind=unit.kind,
                value=unit.value,
                created=unit.known_at,
                modified=version,
                creator=self._creator,
                marking=item.marking,
                pap=item.pap,
                confidence=item.confidence,
                valid_from=item.valid_from,
                valid_until=item.valid_until,
                context=item.context,
            )
            digest = hashlib.sha256(body).digest()  # its bytes are the canonical form
        return Outgoing(INDICATORS, id, "indicator", version, body, unit.object_row, unit.value_id, reason, digest)

    def revoked(self, had: Had, reason: str) -> Outgoing:
        """What was given out of ours, now revoked. It belongs to no object of the catalog any longer."""
        version = max(self._now, had.version + _STEP)
        found = msgspec.json.decode(releasable.body_of(self._conn, self._recipient.id, had.seq))
        body = encoded({**found, "modified": stixout.time(version), "revoked": True})
        return Outgoing(INDICATORS, had.object_id, "indicator", version, body, ALONG, 0, reason, _sha(body))

    # STIX objects.

    def stix(self, item: Item, facts: Facts, keep: frozenset[str]) -> Stix:
        """The object as it may leave, before its references are looked at."""
        raw = item.raw or b""
        if not item.own:
            return Stix(item.object_id, raw, False)
        label = not facts.labelled and item.type not in _UNMARKABLE
        telling = bool(facts.fields - keep) or (facts.whole is not None and victim.has_raw(facts.whole))
        volatile = bool(facts.fields) or item.type in FILTERED
        if not label and not telling:
            return Stix(item.object_id, raw, volatile)
        found = dict(msgspec.json.decode(raw) if facts.whole is None else facts.whole)
        if telling:
            found = self._victims.shown(found, keep)
        if label:
            found["object_marking_refs"] = [*_listed(found, "object_marking_refs"), *_labels(item.marking, item.pap)]
        return Stix(str(found["id"]), encoded(found), volatile)

    def outgoing(self, item: Item, stix: Stix, version: int, reason: str) -> Outgoing:
        """A row of the ledger for it. Raises BadInput where the document has no canonical form."""
        digest = _sha(canonical(stix.body))
        type = stixid.type_of(stix.id)
        return Outgoing(collection_of(type), stix.id, type, version, stix.body, item.row, 0, reason, digest)

    def newer(self, item: Item, stix: Stix, had: Had) -> Stix | None:
        """A later version of what has other content now under the same one; None where the content is the same."""
        before = msgspec.json.decode(releasable.body_of(self._conn, self._recipient.id, had.seq))
        now = msgspec.json.decode(stix.body)
        if {**before, "modified": ""} == {**now, "modified": ""}:
            return None
        if item.modified == 0:
            return stix
        return stix._replace(body=encoded({**now, "modified": stixout.time(max(self._now, had.version + _STEP))}))

    def later(self, had: Had) -> int:
        """The version that `newer` writes."""
        return max(self._now, had.version + _STEP)

    # What goes along.

    def along_unit(self, item: Item, reason: str) -> None:
        """What each unit of a list refers to."""
        if self._creator not in self._out:
            self._add(self._creator, self._identity(), reason)
        for ref in _labels(item.marking, item.pap):
            self._marking(ref, reason)
        context = item.context
        if context.actors or context.malware or context.campaigns or context.kill_chain or context.references:
            self._add(stixout.EXTENSION, stixout.extension(), reason)

    def along_stix(self, item: Item, facts: Facts, stix: Stix, reason: str) -> None:
        """The markings of an object, who we are where we made it, and the classes and places that a sighting names."""
        for ref in facts.markings or (() if not item.own else _labels(item.marking, item.pap)):
            self._marking(ref, reason)
        if not item.own:
            return
        if self._creator.encode() in stix.body and self._creator not in self._out:
            self._add(self._creator, self._identity(), reason)
        if stixout.EXTENSION.encode() in stix.body:
            self._add(stixout.EXTENSION, stixout.extension(), reason)
        if facts.whole is not None:
            for name in ("where_sighted_refs", "target_ref"):
                for ref in _listed(facts.whole, name):
                    self._place(ref, stix, reason)

    def _place(self, ref: str, stix: Stix, reason: str) -> None:
        """A class or location of ours that a sighting names; a pseudonym where it stands for somebody."""
        kind = stixid.type_of(ref)
        if kind not in ("identity", "location") or ref in self._out:
            return
        raw = releasable.raw_of(self._conn, ref, own=True)
        if raw is None:
            return
        if self._victims.tells(ref):
            alias = self._victims.alias(ref)
            if alias.encode() in stix.body:
                self._add(alias, encoded(self._victims.pseudonym(msgspec.json.decode(raw))), reason)
        else:
            self._add(ref, raw, reason)

    def _marking(self, ref: str, reason: str) -> None:
        if ref in self._out:
            return
        if ref in STIX_TLP:
            if ref == TLP_OBJECTS[STIX_TLP[ref]]:  # those of TLP 1 every reader has (STIX 2.1, section 7.2.1.4)
                self._add(ref, stixout.marking(STIX_TLP[ref]), reason)
        elif ref in STIX_PAP:
            if ref == PAP_OBJECTS[STIX_PAP[ref]]:
                self._add(ref, stixout.pap_marking(STIX_PAP[ref]), reason)
        elif stixid.type_of(ref) == "marking-definition":
            raw = releasable.raw_of(self._conn, ref)
            if raw is not None:
                self._add(ref, raw, reason)

    def _identity(self) -> bytes:
        since = kept.get(self._conn, _SINCE)
        if not since:
            since = str(self._now)
            kept.put(self._conn, _SINCE, since)
        party = parties.by_uuid(self._conn, self._home.config.party_uuid)
        return stixout.identity(
            uuid=party.uuid, name=party.name, sector=party.sector, country=party.country, created=int(since)
        )

    def _add(self, id: str, body: bytes, reason: str) -> None:
        if id not in self._out:
            self._out.add(id)
            type = stixid.type_of(id)
            self._pending[id] = Outgoing(
                collection_of(type), id, type, 0, body, ALONG, 0, reason, _sha(canonical(body))
            )

    def pending(self) -> list[Outgoing]:
        """What is to go along and isn't out yet; asked once, it is out."""
        if not self._pending:
            return []
        there = releasable.had(self._conn, self._recipient.id, list(self._pending))
        found = [one for id, one in self._pending.items() if id not in there]
        self._pending.clear()
        return found


def with_only(document: Mapping[str, Any], name: str, live: Iterable[str]) -> dict[str, Any]:
    """The document with those references alone that are live; without the property where none is."""
    there = set(live)
    left = [ref for ref in _listed(document, name) if ref in there]
    found = {key: value for key, value in document.items() if key != name}
    return {**found, name: left} if left else found


def _labels(tlp: Tlp, pap: Pap | None) -> Sequence[str]:
    return (TLP_OBJECTS[tlp],) if pap is None else (TLP_OBJECTS[tlp], PAP_OBJECTS[pap])


def _listed(document: Mapping[str, Any], name: str) -> Iterator[str]:
    value = document.get(name)
    yield from (ref for ref in (value if isinstance(value, list) else [value]) if isinstance(ref, str))


def _sha(canonical_bytes: bytes) -> bytes:
    return hashlib.sha256(canonical_bytes).digest()
