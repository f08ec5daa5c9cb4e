"""MISP events as JSON: one event, a list, a feed's or an API's `response`; loose objects and attributes too.

`to_ids` says that an attribute is to be matched; all others are context and never indicators. A deleted attribute
closes what came under its UUID before. Sightings beside an attribute are its source's word on it. What a server adds for
itself (numbers, tags' colours, who else has the value) isn't content: the attribute stays the same one under its version.
Source: MISP core format (github.com/MISP/misp-rfc).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from itertools import count
from typing import Any, Final

import msgspec

from haechi.formats import jsondoc, mispmarking, moment, quick, typenames
from haechi.formats.jsondoc import NO_INDICATOR, NoIndicator, text
from haechi.formats.jsonstream import MAX_PART, Walk
from haechi.formats.mispmarking import Said
from haechi.messages.catalogue import Message
from haechi.model import normal
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import Pattern, SourceObject

_PATTERNS: Final = frozenset({"yara", "sigma", "snort", "suricata", "zeek", "pattern-in-file", "pattern-in-traffic"})
_MOST_REFERENCES: Final = 50
_EVENT_FIELDS: Final = frozenset({"uuid", "info", "distribution", "sharing_group_id", "SharingGroup", "Tag", "Galaxy"})
_CONTENT: Final = ("type", "category", "value", "to_ids", "comment", "first_seen", "last_seen", "deleted", "data")
_KINDS: Final = {  # MISP core format, Sighting
    "0": Kind.SEEN,
    "1": Kind.FALSE_POSITIVE,
    "2": Kind.EXPIRATION,
}


class _Scope:
    """What one event says of all its attributes, gathered before the first is read: its tags may stand at its end."""

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self.links: dict[str, None] = {}
        self.said = Said()


def parse(data: bytes, *, path: str = "", marking: Tlp) -> Iterator[SourceObject | BadInput | NoIndicator]:
    """As `stream`, of a document in memory."""
    return stream(lambda: [data], path=path, marking=marking)


def stream(
    blocks: Callable[[], Iterable[bytes]], *, path: str = "", marking: Tlp
) -> Iterator[SourceObject | BadInput | NoIndicator]:
    """The `to_ids` attributes as source objects with what was sighted of them, and those refused; a mark for all others.

    `blocks` gives the document from its start at each call: it is read twice, a window at a time, so that memory doesn't
    grow with it. `marking` is the source's for what no tag marks. Raises BadInput if the document can't be read at all.
    """
    scopes: dict[int, _Scope] = {}
    for number, key, raw in _walked(blocks(), path):
        _note(scopes.setdefault(number, _Scope()), key, raw, path)
    for scope in scopes.values():
        scope.said = mispmarking.read(scope.fields)
    for number, key, raw in _walked(blocks(), path):
        scope = scopes[number]
        if key == "Attribute":
            yield from _attribute(raw, scope, scope.said, path, marking, "")
        elif key == "Object":
            yield from _object(raw, scope, path, marking)


def _walked(blocks: Iterable[bytes], path: str) -> Iterator[tuple[int, str, bytes | None]]:
    """Each event's number with its fields, attributes and objects one by one; None for a piece that is too long."""
    walk = Walk(blocks, path)
    if walk.kind() == "":
        raise BadInput("json.empty", location=Location(path=path))
    yield from _document(walk, count(), path)
    walk.end()


def _document(walk: Walk, numbers: Iterator[int], path: str) -> Iterator[tuple[int, str, bytes | None]]:
    """An event, its envelope, a response, a list of these, or loose objects and attributes, which are an event's too."""
    if walk.kind() == "[":
        for _ in walk.items():
            yield from _document(walk, numbers, path)
        return
    if walk.kind() != "{":
        raise BadInput("misp.unknown_shape", location=Location(path=path))
    number = next(numbers)
    for key in walk.members():
        kind = walk.kind()
        if key in ("response", "Event") and kind != "n":
            yield from _document(walk, numbers, path)
        elif key in ("Attribute", "Object") and kind == "[":
            for _ in walk.items():
                yield number, key, walk.value()
        elif (key == "Object" and kind == "{") or key in _EVENT_FIELDS:
            yield number, key, walk.value()
        else:
            walk.skip()


def _note(scope: _Scope, key: str, raw: bytes | None, path: str) -> None:
    """Keep what counts for the whole event: its own fields, and the reports that it names (`link` attributes)."""
    if key in _EVENT_FIELDS:
        if raw is None:
            raise BadInput("json.large_part", location=Location(path=path, field=key), most=MAX_PART >> 20)
        scope.fields[key] = _value(raw, path, key)
    elif key == "Attribute" and raw is not None and b'"link"' in raw and len(scope.links) < _MOST_REFERENCES:
        item = _decoded(raw)
        if item.get("type") == "link" and text(item.get("value")):
            scope.links[text(item["value"])] = None


def _value(raw: bytes, path: str, field: str) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("json.invalid", location=Location(path=path, field=field), cause=str(error)) from None


def _decoded(raw: bytes) -> dict[str, Any]:
    """A piece as a dictionary. Raises BadInput where it is none."""
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("json.invalid", cause=str(error)) from None
    if not isinstance(found, dict):
        raise BadInput("misp.unknown_shape")
    return found


class _Parts(msgspec.Struct):
    """An object's attributes as they stand."""

    Attribute: list[msgspec.Raw] | None = None


def _object(
    raw: bytes | None, scope: _Scope, path: str, default: Tlp
) -> Iterator[SourceObject | BadInput | NoIndicator]:
    try:
        if raw is None:
            raise BadInput("json.large_part", most=MAX_PART >> 20)
        item = _decoded(raw)
        parts = jsondoc.decode(raw, _Parts, path).Attribute or ()
    except BadInput as error:
        yield error.at(Location(path=path, field="Object"))
        return
    said = scope.said.plus(mispmarking.read(item))
    about = ": ".join(part for part in (text(item.get("name")), text(item.get("comment"))) if part)
    for part in parts:
        yield from _attribute(bytes(part), scope, said, path, default, about, gone=_true(item.get("deleted")))


def _true(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def _attribute(
    raw: bytes | None, scope: _Scope, said: Said, path: str, default: Tlp, about: str, *, gone: bool = False
) -> Iterator[SourceObject | BadInput | NoIndicator]:
    item: dict[str, Any] = {}
    try:
        if raw is None:
            raise BadInput("json.large_part", most=MAX_PART >> 20)
        item = _decoded(raw)
        if not _true(item.get("to_ids")):
            yield NO_INDICATOR
            return
        found = jsondoc.storable(_indicator(item, raw, scope, said, default, about, gone=gone))
    except BadInput as error:
        location = Location(
            path=path,
            field=error.location.field or f"{text(item.get('type'))} attribute {text(item.get('uuid'))}",
            value=error.location.value or text(item.get("value")),
        )
        yield error.at(location)
        return
    yield found
    yield from _sightings(item.get("Sighting"), found.object_id, found.marking, path)


def _indicator(
    item: Mapping[str, Any], raw: bytes, scope: _Scope, said: Said, default: Tlp, about: str, *, gone: bool
) -> SourceObject:
    own_id = text(item.get("uuid"))
    if not own_id:
        raise BadInput("misp.no_uuid", location=Location(field="uuid"))
    around = item.get("Event")  # a search for attributes gives each its event, and nothing around it
    if isinstance(around, dict):
        said = said.plus(mispmarking.read(around))
    said = said.plus(mispmarking.read(item))
    values, patterns = _values(_kind(item), item.get("value"))
    version = text(item.get("timestamp"))
    return SourceObject(
        object_id=own_id,
        version=version,
        modified=moment.micros(version) if version else 0,
        marking=said.marking(default),
        pap=said.pap(),
        context=_context(item, scope, said, about),
        raw=raw if "Sighting" not in item else msgspec.json.encode({k: v for k, v in item.items() if k != "Sighting"}),
        digest=sha256(msgspec.json.encode([item.get(name) for name in _CONTENT])).digest(),
        values=values,
        patterns=patterns,
        revoked=gone or _true(item.get("deleted")),
    )


def _sightings(found: Any, of: str, marking: Tlp, path: str) -> Iterator[SourceObject | BadInput]:
    for one in found if isinstance(found, list) else ():
        try:
            yield _sighting(one, of, marking)
        except BadInput as error:
            yield error.at(Location(path=path, field=f"sighting of attribute {of}", value=error.location.value))


def _sighting(item: Any, of: str, marking: Tlp) -> SourceObject:
    """An attribute's sighting, under the attribute's marking."""
    kind = _KINDS.get(text(item.get("type"))) if isinstance(item, dict) else None
    if kind is None or not text(item.get("uuid")):
        raise BadInput("misp.sighting")
    at = moment.of(item, "date_sighting")
    return jsondoc.storable(
        SourceObject(
            object_id=text(item["uuid"]),
            type="sighting",
            marking=marking,
            raw=msgspec.json.encode(item),
            words=(Word(of=of, kind=kind, count=1, first=at, last=at),),
            unversioned=True,
        )
    )


def _kind(item: Mapping[str, Any]) -> str:
    """The attribute's type; "ja4" for what only its place in an object (misp-objects, ja4-plus) says is one."""
    kind, value = text(item.get("type")), item.get("value")
    if kind == "text" and item.get("object_relation") == "ja4-fingerprint" and isinstance(value, str):
        try:
            normal.ja4(value)
        except BadInput:
            return kind  # of another of the JA4+ kinds
        return "ja4"
    return kind


def _values(kind: str, value: Any) -> tuple[dict[ValueType, list[str]], tuple[Pattern, ...]]:
    """The values of an attribute by kind; what isn't matched yet is kept as a pattern with the reason."""
    if not isinstance(value, str) or not value.strip():
        raise BadInput("misp.no_value")
    if kind in _PATTERNS:
        return {}, (Pattern(pattern_type=kind, pattern=value, reasons=(Message("pattern.rules", {"type": kind}),)),)
    found: dict[ValueType, list[str]] = {}
    for part, meant in _parts(kind, value):
        seen, shown = quick.value(part, meant)
        found.setdefault(seen, []).append(shown)
    if found:
        return found, ()
    why = Message("pattern.values", {"type": kind})
    return {}, (Pattern(pattern_type=f"misp:{kind}", pattern=value, reasons=(why,)),)


def _parts(kind: str, value: str) -> Iterator[tuple[str, ValueType | None]]:
    """A composite attribute's parts that can be matched: `domain|ip` has two, `filename|md5` and `ip-dst|port` one."""
    if kind == "uri" and "://" not in value:
        return  # a path without a host
    if kind == "malware-sample":
        kind = "filename|md5"
    names, parts = kind.split("|"), value.split("|")
    if len(names) != len(parts):
        if len(names) == 1:
            parts = [value]
        else:
            raise BadInput("misp.parts", type=kind, count=len(names))
    for name, part in zip(names, parts, strict=True):
        if name in typenames.BY_NAME:
            yield part, typenames.named(name)


def _context(item: Mapping[str, Any], scope: _Scope, said: Said, about: str) -> Context:
    around = item.get("Event")
    info = text(scope.fields.get("info")) or (text(around.get("info")) if isinstance(around, dict) else "")
    shown = [info, about, text(item.get("comment"))]
    seen = [f"{name}:{text(item[name])}" for name in ("first_seen", "last_seen") if text(item.get(name))]
    category = text(item.get("category"))
    return Context(
        actors=said.actors,
        malware=said.malware,
        campaigns=said.campaigns,
        kill_chain=said.kill_chain,
        references=tuple(scope.links),
        labels=(*said.labels, *((f"category:{category}",) if category else ()), *seen),
        sharing_groups=said.groups,
        description="; ".join(part for part in shown if part)[:4_000],
    )
