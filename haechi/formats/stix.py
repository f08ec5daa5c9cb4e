"""STIX 2.0 and 2.1: the indicators of a bundle, with markings, validity and whom their relationships name.

Observed objects (SCOs, observed-data) are context, never indicators. A name that comes through a relationship brings
the markings of the relationship and of the named object with it, so nothing is shown under a laxer label than its own.
Source: STIX 2.1 (OASIS, June 2021).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from haechi.formats import jsondoc, moment, pattern, stixmarking
from haechi.formats.jsondoc import NO_INDICATOR, NoIndicator, text, texts
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Pap, Tlp, strictest
from haechi.model.source_object import Pattern, SourceObject

_ACTORS: Final = frozenset({"threat-actor", "intrusion-set"})
_NAMED: Final = _ACTORS | {"malware", "tool", "campaign"}
_LONGEST_TEXT: Final = 4_000  # characters of a description kept in the context; the raw object has all


class _Bundle(msgspec.Struct):
    """A bundle or a TAXII envelope; the objects stay as received."""

    objects: list[msgspec.Raw] = []
    type: str = ""


class _Named(msgspec.Struct, frozen=True):
    kind: str
    name: str
    tlp: Tlp | None


class _Around:
    """What the bundle says about its indicators: markings, names, relationships."""

    def __init__(self) -> None:
        self.markings: dict[str, stixmarking.Meaning] = {}
        self.named: dict[str, _Named] = {}
        self.indicated: dict[str, list[tuple[str, Tlp | None]]] = {}
        self.attributed: dict[str, list[tuple[str, Tlp | None]]] = {}


def parse(data: bytes, *, path: str = "", marking: Tlp) -> Iterator[SourceObject | BadInput | NoIndicator]:
    """The indicators of a bundle as source objects, and those refused with their reason; a mark for all other objects.

    `marking` is the source's for what is unmarked. Raises BadInput if the document can't be read at all.
    """
    raws = _objects(data, path)
    around = _around(raws)
    for place, raw in enumerate(raws):
        try:
            item = _decoded(raw)
            if item.get("type") == "indicator":
                yield jsondoc.storable(_indicator(item, bytes(raw), around, marking))
            else:
                yield NO_INDICATOR
        except BadInput as error:
            location = Location(
                path=path, field=error.location.field or f"objects[{place}]", value=error.location.value or _id_of(raw)
            )
            yield error.at(location)


def _objects(data: bytes, path: str) -> list[msgspec.Raw]:
    bare = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"["):
        return jsondoc.decode(data, list[msgspec.Raw], path)
    bundle = jsondoc.decode(data, _Bundle, path)
    if bundle.type not in ("bundle", ""):
        return [msgspec.Raw(data)]  # one object alone
    return bundle.objects


def _decoded(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput("json.invalid", cause=str(error)) from None
    if not isinstance(found, dict):
        raise BadInput("stix.no_object")
    return found


def _id_of(raw: msgspec.Raw) -> str:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return ""
    return text(found.get("id")) if isinstance(found, dict) else ""


def _around(raws: list[msgspec.Raw]) -> _Around:
    around = _Around()
    related: list[dict[str, Any]] = []
    named: list[dict[str, Any]] = []
    for raw in raws:
        try:
            item = _decoded(raw)
        except BadInput:
            continue  # refused with its place in the second pass
        kind = item.get("type")
        if kind == "marking-definition":
            around.markings[text(item.get("id"))] = stixmarking.meaning(item)
        elif kind == "relationship":
            related.append(item)
        elif kind in _NAMED:
            named.append(item)
    for item in named:
        tlp, _ = stixmarking.of(item, around.markings)
        around.named[text(item.get("id"))] = _Named(text(item.get("type")), text(item.get("name")), tlp)
    for item in related:
        tlp, _ = stixmarking.of(item, around.markings)
        wanted = {"indicates": around.indicated, "attributed-to": around.attributed}
        found = wanted.get(text(item.get("relationship_type")))
        if found is not None and not item.get("revoked"):
            found.setdefault(text(item.get("source_ref")), []).append((text(item.get("target_ref")), tlp))
    return around


def _indicator(item: Mapping[str, Any], raw: bytes, around: _Around, default: Tlp) -> SourceObject:
    own_id = text(item.get("id"))
    if not own_id.startswith("indicator--"):
        raise BadInput("stix.no_id", location=Location(field="id", value=own_id))
    revoked = item.get("revoked") is True
    values, patterns = _pattern(item)
    context, brought = _context(item, own_id, around)
    tlp, pap = stixmarking.of(item, around.markings)
    version = text(item.get("modified"))
    valid_from, valid_until = _time(item, "valid_from"), _time(item, "valid_until")
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise BadInput("stix.validity", location=Location(field="valid_until", value=text(item["valid_until"])))
    return SourceObject(
        object_id=own_id,
        version=version,
        modified=_time(item, "modified") or 0,
        marking=strictest([default if tlp is None else tlp, *brought]),
        pap=pap if isinstance(pap, Pap) else None,
        confidence=_confidence(item.get("confidence")),
        valid_from=valid_from,
        valid_until=valid_until,
        context=context,
        raw=raw,
        values=values,
        patterns=patterns,
        revoked=revoked,
    )


def _pattern(item: Mapping[str, Any]) -> tuple[dict[ValueType, list[str]], tuple[Pattern, ...]]:
    said, kind = item.get("pattern"), text(item.get("pattern_type")) or "stix"
    if not isinstance(said, str) or not said.strip():
        raise BadInput("stix.no_pattern", location=Location(field="pattern"))
    if kind != "stix":
        return {}, (Pattern(pattern_type=kind, pattern=said, reasons=(Message("pattern.language", {"type": kind}),)),)
    parsed = pattern.parse(said)
    values: dict[ValueType, list[str]] = {}
    for found, value in parsed.values:
        values.setdefault(found, []).append(value)
    if not parsed.reasons:
        return values, ()
    return values, (Pattern(pattern_type="stix", pattern=said, reasons=parsed.reasons),)


def _context(item: Mapping[str, Any], own_id: str, around: _Around) -> tuple[Context, list[Tlp]]:
    """The context, and the explicit markings of what was brought into it by relationships."""
    brought: list[Tlp] = []
    names: dict[str, list[str]] = {"actors": [], "malware": [], "campaigns": []}
    targets = list(around.indicated.get(own_id, ()))
    for target, _ in tuple(targets):
        targets += around.attributed.get(target, ())
    for target, tlp in targets:
        named = around.named.get(target)
        if named is None or not named.name:
            continue
        role = "actors" if named.kind in _ACTORS else "campaigns" if named.kind == "campaign" else "malware"
        names[role].append(named.name)
        brought += [label for label in (tlp, named.tlp) if label is not None]
    shown = ": ".join(part for part in (text(item.get("name")), text(item.get("description"))) if part)
    references = item.get("external_references")
    return Context(
        actors=tuple(dict.fromkeys(names["actors"])),
        malware=tuple(dict.fromkeys(names["malware"])),
        campaigns=tuple(dict.fromkeys(names["campaigns"])),
        kill_chain=_phases(item.get("kill_chain_phases")),
        references=tuple(
            text(ref.get("url"))
            for ref in (references if isinstance(references, list) else ())
            if isinstance(ref, dict) and ref.get("url")
        ),
        labels=(*texts(item.get("labels")), *texts(item.get("indicator_types"))),
        description=shown[:_LONGEST_TEXT],
    ), brought


def _phases(value: Any) -> tuple[str, ...]:
    phases = value if isinstance(value, list) else ()
    return tuple(
        f"{text(phase.get('kill_chain_name'))}:{text(phase.get('phase_name'))}"
        for phase in phases
        if isinstance(phase, dict)
    )


def _confidence(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 100:
        return value
    raise BadInput("stix.confidence", location=Location(field="confidence", value=str(value)))


def _time(item: Mapping[str, Any], field: str) -> int | None:
    if item.get(field) is None:
        return None
    try:
        return moment.micros(text(item[field]))
    except BadInput as error:
        raise error.at(Location(field=field, value=text(item[field]))) from None
