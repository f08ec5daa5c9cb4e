"""What happened, as plain data: what each node was told, who was allowed what, and which bytes went to whom when.

The oracle judges from this alone. It is kept by the test as it acts and by reading what crosses the wire.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import rfc8785

from tests.journeys.three_nodes import tlp


@dataclass
class Word:
    """One source's word at a node: a STIX document, or one value of a list or of a MISP event (a unit)."""

    source: str
    own: bool
    key: str  # the STIX id; of a unit its pattern
    type: str
    label: int
    grant_id: str
    doc: bytes | None = None
    value: str = ""
    campaigns: frozenset[str] = frozenset()
    gone: bool = False  # expired by hand, or no longer in its list
    unsure: bool = False  # whether it is still there depends on where a conversation broke off
    giver: str = ""  # the peer that it came from

    @property
    def document(self) -> dict[str, Any]:
        assert self.doc is not None
        return tlp.read(self.doc)


@dataclass(frozen=True)
class Link:
    """From whom to whom, and what the taker is to the giver."""

    giver: str
    taker: str
    relation: str
    person: bool
    encrypted: bool


@dataclass
class Grant:
    """As the test made it. Times in microseconds UTC."""

    giver: str
    id: str
    recipient: str  # a node's name, or ""
    group: str
    types: frozenset[str]
    campaigns: frozenset[str]
    objects: frozenset[str]
    up_to: int
    begins: int
    ends: int | None
    approved: bool
    victims: bool = False
    withdrawn: bool = False


@dataclass
class Shown:
    """A row of a giver's ledger as its taker got it; `body` is None where no page showed an object."""

    seq: int
    leaf: bytes
    collection: str
    body: bytes | None


@dataclass
class Slice:
    """What came over one link, by the wire alone."""

    rows: dict[int, Shown] = field(default_factory=dict)
    withdrawn: set[int] = field(default_factory=set)
    collections: dict[str, str] = field(default_factory=dict)  # the TAXII id: name
    broken: bool = False  # the last conversation ended half-way: what of it was kept isn't seen on the wire

    def live(self) -> dict[str, Shown]:
        """The objects that the taker is left with, by id: of each the last row, unless that was taken back."""
        found: dict[str, Shown] = {}
        for seq in sorted(self.rows):
            row = self.rows[seq]
            if row.body is not None and seq not in self.withdrawn:
                found[tlp.read(row.body)["id"]] = row
        return found

    def root(self, collection: str) -> tuple[int, str]:
        """Rows and Merkle root of a collection (RFC 9162, section 2.1.1)."""
        leaves = [row.leaf for _, row in sorted(self.rows.items()) if row.collection == collection]
        return len(leaves), tree(leaves).hex()


class Record:
    """All of it."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, str], Link] = {}
        self.words: dict[str, dict[tuple[str, str], Word]] = {}
        self.grants: list[Grant] = []
        self.groups: dict[str, dict[str, set[str]]] = {}  # giver: group: members
        self.slices: dict[tuple[str, str], Slice] = {}
        self.policies: dict[str, Mapping[str, Any]] = {}
        self.said: dict[str, set[str]] = {}  # values that a node's own sources ever named
        self.heard: dict[str, set[str]] = {}  # values that were ever sent to a node
        self.victims: set[bytes] = set()  # names and ids of who was hit
        self.told_victims: set[tuple[str, str]] = set()  # links under which a grant of victim fields ever was

    def node(self, name: str) -> None:
        self.words[name], self.groups[name], self.said[name], self.heard[name] = {}, {}, set(), set()

    def link(self, link: Link) -> None:
        self.links[link.giver, link.taker] = link
        self.slices[link.giver, link.taker] = Slice()

    def all_words(self, node: str) -> Iterator[Word]:
        """What a node was told: by its own sources, and by its peers as the wire shows."""
        yield from self.words[node].values()
        for (giver, taker), slice in self.slices.items():
            if taker == node:
                for id, row in slice.live().items():
                    yield self.from_peer(giver, id, row.body or b"")

    def from_peer(self, giver: str, id: str, body: bytes) -> Word:
        document = tlp.read(body)
        marked = tlp.label(document, tlp.STRICT, self.policies)
        return Word(giver, False, id, document["type"], marked, id, doc=body, giver=giver)

    def given(self, node: str, peer: str) -> set[str]:
        """The ids of what a node has from a peer."""
        return set(self.slices[peer, node].live()) if (peer, node) in self.slices else set()

    # What goes over the wire.

    def delivered(self, giver: str, taker: str, method: str, path: str, query: Mapping[str, str], body: bytes) -> None:
        """An answer that reached the taker."""
        slice, last = self.slices[giver, taker], path.rstrip("/").rpartition("/")[2]
        if not body:
            return
        found = json.loads(body)
        if last == "receipts" and method == "GET":
            slice.collections = {one["id"]: one["name"] for one in found["collections"]}
        elif last == "objects":
            self._page(giver, taker, slice.collections[path.rstrip("/").split("/")[-2]], body, found)
        elif last == "leaves" and "digest" not in query:
            for seq, _, leaf, _ in found["leaves"]:
                slice.rows.setdefault(seq, Shown(seq, _binary(leaf), query["collection"], None))
        elif last == "withdrawals" and method == "GET":
            for _, of in found["withdrawals"]:
                self._taken_back(giver, taker, of)

    def _page(self, giver: str, taker: str, collection: str, body: bytes, found: Any) -> None:
        slice = self.slices[giver, taker]
        for raw, (seq, _, salt) in zip(bodies(body), found.get("x_haechi_leaves", []), strict=True):
            leaf = hashlib.sha256(_binary(salt) + hashlib.sha256(rfc8785.dumps(json.loads(raw))).digest()).digest()
            slice.rows[seq] = Shown(seq, leaf, collection, raw)
            self.heard[taker] |= values_in(raw)
            document = json.loads(raw)
            said = tlp.policy(document)
            if said is not None:
                self.policies[document["id"]] = said

    def _taken_back(self, giver: str, taker: str, of: list[int]) -> None:
        """What a withdrawal takes with it at the taker: whatever was said of the object alone."""
        slice = self.slices[giver, taker]
        before = slice.live()
        slice.withdrawn |= set(of)
        self.orphans(taker, set(before) - set(slice.live()), sure=not slice.broken)

    def orphans(self, node: str, gone: set[str], *, sure: bool) -> None:
        """Forget, at a node, what says something of these ids and of nothing else."""
        held = {word.key for word in self.all_words(node)}
        for key, word in list(self.words[node].items()):
            if word.doc is not None and word.type in ("relationship", "sighting", "opinion", "note"):
                if refs(word.document) & (gone - held):
                    if sure:
                        del self.words[node][key]
                    else:
                        word.unsure = True
                elif refs(word.document) & gone:
                    word.unsure = True


def refs(document: Mapping[str, Any]) -> set[str]:
    """The ids that what stands for nothing alone is about."""
    one = {document.get(name) for name in ("source_ref", "target_ref", "sighting_of_ref")} - {None}
    return {str(ref) for ref in one} | set(document.get("object_refs", []))


def values_in(raw: bytes) -> set[str]:
    """The values that a document's pattern names; the test's own are domains under `.example`."""
    pattern = json.loads(raw).get("pattern", "")
    return {part for part in pattern.split("'") if part.endswith(".example")}


def bodies(page: bytes) -> list[bytes]:
    """The objects of an envelope, each as the bytes that were sent."""
    text, found = page.decode(), []
    decoder = json.JSONDecoder()
    at = text.find('"objects":[')
    if at < 0:
        return []
    at += len('"objects":[')
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end + (text[end] == ",")
    return found


def tree(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word by word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + tree(leaves[:split]) + tree(leaves[split:])).digest()


def _binary(text: str) -> bytes:
    return base64.b64decode(text)
