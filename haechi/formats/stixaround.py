"""What a bundle says about its objects from outside of them: markings, names, relationships; and what contradicts itself.

A relationship that closes a circle of descent (who is whose, what comes from what) says nothing that can be true: all of
that circle are refused. A marking-definition that comes a second time with other content is refused, and what carries it
counts as RED. Source: STIX 2.1, sections 3.6, 5.1 and 7.2.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from haechi.formats import stixmarking
from haechi.formats.jsondoc import text, texts
from haechi.formats.stixcheck import decoded
from haechi.formats.stixgraph import in_circles
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.model.marking import NOT_UNDERSTOOD, Tlp
from haechi.model.stixid import type_of

ACTORS: Final = frozenset({"threat-actor", "intrusion-set"})
LONGEST_NAME: Final = 500  # characters kept in a context; the raw object has all
_NAMED: Final = ACTORS | {"malware", "tool", "campaign"}
_DESCENT: Final = frozenset({"attributed-to", "derived-from", "variant-of", "originates-from"})
_NO_END: Final = frozenset({"", "relationship", "sighting", "marking-definition", "language-content", "bundle"})


class Named(msgspec.Struct, frozen=True):
    """An object that has a name, and its explicit TLP."""

    kind: str
    name: str
    tlp: Tlp | None


class Names(msgspec.Struct, frozen=True):
    """What relationships call an indicator's makers and means, and the explicit markings that come along."""

    actors: tuple[str, ...] = ()
    malware: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    brought: tuple[Tlp, ...] = ()


class Around:
    """Markings, names and relationships by id."""

    def __init__(self) -> None:
        self.markings: dict[str, stixmarking.Meaning] = {}
        self.named: dict[str, Named] = {}
        self.indicated: dict[str, list[tuple[str, Tlp | None]]] = {}
        self.attributed: dict[str, list[tuple[str, Tlp | None]]] = {}
        self.changed: set[int] = set()  # places of marking-definitions that say other than the first of that id
        self.circles: set[tuple[str, str]] = set()  # source and target of relationships that go round

    def names(self, own_id: str) -> Names:
        """The names that relationships give to an indicator: of what it indicates, and of whom that is laid to."""
        brought: list[Tlp] = []
        names: dict[str, dict[str, None]] = {"actors": {}, "malware": {}, "campaigns": {}}
        targets = list(self.indicated.get(own_id, ()))
        for target, _ in tuple(targets):
            targets += self.attributed.get(target, ())
        for target, tlp in targets:
            named = self.named.get(target)
            if named is None or not named.name:
                continue
            role = "actors" if named.kind in ACTORS else "campaigns" if named.kind == "campaign" else "malware"
            names[role][named.name] = None
            brought += [label for label in (tlp, named.tlp) if label is not None]
        return Names(tuple(names["actors"]), tuple(names["malware"]), tuple(names["campaigns"]), tuple(brought))

    def check(self, item: Mapping[str, Any], place: int) -> None:
        """BadInput for an object that contradicts itself or those around it."""
        if item["type"] == "marking-definition":
            self._check_marking(item, place)
        elif item["type"] == "relationship":
            self._check_relationship(item)

    def _check_marking(self, item: Mapping[str, Any], place: int) -> None:
        known = stixmarking.published(text(item["id"]))
        # OpenCTI's AMBER+STRICT is a statement by its content.
        changed = known is not None and stixmarking.content(item) not in (known, None)
        if changed or place in self.changed:
            raise BadInput("stix.marking_changed", location=Location(field="id", value=text(item["id"])))
        if item["id"] in texts(item.get("object_marking_refs")):
            raise BadInput("stix.marks_itself", location=Location(field="object_marking_refs", value=text(item["id"])))

    def _check_relationship(self, item: Mapping[str, Any]) -> None:
        source, target = text(item.get("source_ref")), text(item.get("target_ref"))
        for field, end in (("source_ref", source), ("target_ref", target)):
            if type_of(end) in _NO_END:
                raise BadInput("stix.end", location=Location(field=field, value=end))
        if source == target or (text(item.get("relationship_type")) in _DESCENT and (source, target) in self.circles):
            raise BadInput("stix.circle", location=Location(field="target_ref", value=target))


def around(raws: Sequence[msgspec.Raw], definitions: Iterable[bytes]) -> Around:
    """What the objects say of each other; `definitions` are marking-definitions known before.

    What can't be read counts for nothing here: it is refused where the objects are read.
    """
    found = Around()
    contents: dict[str, bytes] = {}
    for raw in definitions:
        _marking(found, contents, decoded(raw), None)
    related: list[dict[str, Any]] = []
    named: list[dict[str, Any]] = []
    for place, raw in enumerate(raws):
        try:
            item = decoded(raw)
        except BadInput:
            continue
        kind = text(item.get("type"))
        if kind == "marking-definition":
            _marking(found, contents, item, place)
        elif kind == "relationship":
            related.append(item)
        elif kind in _NAMED:
            named.append(item)
    _name(found, named)
    _relate(found, related)
    return found


def _marking(found: Around, contents: dict[str, bytes], item: Mapping[str, Any], place: int | None) -> None:
    id, content = text(item.get("id")), msgspec.json.encode(item, order="sorted")
    if contents.setdefault(id, content) == content:
        found.markings[id] = stixmarking.meaning(item)
    elif place is not None:
        found.changed.add(place)
        found.markings[id] = NOT_UNDERSTOOD


def _name(found: Around, named: Iterable[Mapping[str, Any]]) -> None:
    for item in named:
        tlp = stixmarking.of(item, found.markings).tlp
        found.named[text(item.get("id"))] = Named(text(item["type"]), text(item.get("name"))[:LONGEST_NAME], tlp)


def _relate(found: Around, related: Iterable[Mapping[str, Any]]) -> None:
    descents: list[tuple[str, str]] = []
    wanted = {"indicates": found.indicated, "attributed-to": found.attributed}
    for item in related:
        kind, source, target = (text(item.get(n)) for n in ("relationship_type", "source_ref", "target_ref"))
        if item.get("revoked"):
            continue
        if kind in _DESCENT:
            descents.append((source, target))
        if kind in wanted and source != target:
            tlp = stixmarking.of(item, found.markings).tlp
            wanted[kind].setdefault(source, []).append((target, tlp))
    found.circles = in_circles(descents)
