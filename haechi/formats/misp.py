"""MISP events as JSON: one event, a list, a feed's or an API's `response`; loose objects and attributes too.

`to_ids` says that an attribute is to be matched; all others are context and never indicators. A deleted attribute
closes what came under its UUID before. An attribute's sightings are objects of their own beside it: type 0 seen, 1 false
positive, 2 expired. Source: MISP core format (github.com/MISP/misp-rfc).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from haechi.formats import jsondoc, mispmarking, moment, quick, typenames
from haechi.formats.jsondoc import NO_INDICATOR, NoIndicator, text
from haechi.formats.mispmarking import Said
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import Pattern, SourceObject

_PATTERNS: Final = frozenset({"yara", "sigma", "snort", "suricata", "zeek", "pattern-in-file", "pattern-in-traffic"})
_MOST_REFERENCES: Final = 50
_SIGHTINGS: Final = {"0": Kind.SEEN, "1": Kind.FALSE_POSITIVE, "2": Kind.EXPIRATION}


class _Attributes(msgspec.Struct):
    Attribute: list[msgspec.Raw] | None = None


class _Object(_Attributes):
    name: Any = ""
    comment: Any = ""
    distribution: Any = None
    deleted: Any = False
    Tag: Any = None
    Galaxy: Any = None


class _Event(_Attributes):
    uuid: Any = ""
    info: Any = ""
    distribution: Any = None
    Tag: Any = None
    Galaxy: Any = None
    Object: list[_Object] | None = None


class _Item(_Attributes):
    """One item of a response: an event in its envelope, or a loose object or list of attributes."""

    Event: _Event | None = None
    Object: _Object | list[_Object] | None = None
    response: msgspec.Raw = msgspec.Raw()
    info: Any = None
    uuid: Any = None


def parse(data: bytes, *, path: str = "", marking: Tlp) -> Iterator[SourceObject | BadInput | NoIndicator]:
    """The `to_ids` attributes as source objects, and those refused with their reason; a mark for all others.

    `marking` is the source's for what no tag marks. Raises BadInput if the document can't be read at all.
    """
    for event in _events(data, path):
        whole = mispmarking.read(event.Tag, event.Galaxy, event.distribution)
        references = _references(event)
        for raw in event.Attribute or ():
            yield from _attribute(raw, event, whole, references, path, marking, "")
        for item in event.Object or ():
            said = whole.plus(mispmarking.read(item.Tag, item.Galaxy, item.distribution))
            about = ": ".join(part for part in (text(item.name), text(item.comment)) if part)
            for raw in item.Attribute or ():
                yield from _attribute(raw, event, said, references, path, marking, about, gone=_true(item.deleted))


def _events(data: bytes, path: str) -> Iterator[_Event]:
    bare = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    items = jsondoc.decode(data, list[msgspec.Raw], path) if bare.startswith(b"[") else [msgspec.Raw(bare)]
    for raw in items:
        yield from _one(bytes(raw), path)


def _one(data: bytes, path: str) -> Iterator[_Event]:
    item = jsondoc.decode(data, _Item, path)
    if bytes(item.response) not in (b"", b"null"):
        inner = bytes(item.response)
        yield from _events(inner, path)
    elif item.Event is not None:
        yield item.Event
    elif item.info is not None:  # an event without its envelope
        yield jsondoc.decode(data, _Event, path)
    elif item.Object is not None or item.Attribute is not None:
        objects = item.Object if isinstance(item.Object, list) else [item.Object] if item.Object else []
        yield _Event(Attribute=item.Attribute, Object=objects)


def _decoded(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _references(event: _Event) -> tuple[str, ...]:
    """The reports that the event names: `link` attributes, which are context."""
    found = (_decoded(raw) for raw in event.Attribute or ())
    links = [text(item.get("value")) for item in found if item.get("type") == "link"]
    return tuple(dict.fromkeys(links))[:_MOST_REFERENCES]


def _true(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def _attribute(
    raw: msgspec.Raw,
    event: _Event,
    said: Said,
    references: tuple[str, ...],
    path: str,
    default: Tlp,
    about: str,
    *,
    gone: bool = False,
) -> Iterator[SourceObject | BadInput | NoIndicator]:
    item = _decoded(raw)
    if not _true(item.get("to_ids")):
        yield NO_INDICATOR
        return
    own_id = text(item.get("uuid"))
    sightings = item.pop("Sighting", None)  # a new one is no new content of the attribute
    said = said.plus(mispmarking.read(item.get("Tag"), item.get("Galaxy"), item.get("distribution")))
    try:
        if not own_id:
            raise BadInput("misp.no_uuid", location=Location(field="uuid"))
        values, patterns = _values(text(item.get("type")), item.get("value"))
        version = text(item.get("timestamp"))
        found = SourceObject(
            object_id=own_id,
            version=version,
            modified=moment.micros(version) if version else 0,
            marking=said.marking(default),
            pap=said.pap(),
            context=_context(item, event, said, references, about),
            raw=bytes(raw) if sightings is None else msgspec.json.encode(item),
            values=values,
            patterns=patterns,
            revoked=gone or _true(item.get("deleted")),
        )
        yield jsondoc.storable(found)
        yield from _sightings(sightings, own_id, found.marking, path)
    except BadInput as error:
        location = Location(
            path=path,
            field=error.location.field or f"{text(item.get('type'))} attribute {own_id}",
            value=error.location.value or text(item.get("value")),
        )
        yield error.at(location)


def _sightings(found: Any, of: str, marking: Tlp, path: str) -> Iterator[SourceObject | BadInput]:
    for one in found if isinstance(found, list) else ():
        try:
            yield _sighting(one, of, marking)
        except BadInput as error:
            yield error.at(Location(path=path, field=f"sighting of attribute {of}", value=error.location.value))


def _sighting(item: Any, of: str, marking: Tlp) -> SourceObject:
    """An attribute's sighting, under the attribute's marking."""
    kind = _SIGHTINGS.get(text(item.get("type"))) if isinstance(item, dict) else None
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


def _values(kind: str, value: Any) -> tuple[dict[ValueType, list[str]], tuple[Pattern, ...]]:
    """The values of an attribute by kind; what isn't matched yet is kept as a pattern with the reason."""
    if not isinstance(value, str) or not value.strip():
        raise BadInput("misp.no_value")
    if kind in _PATTERNS:
        return {}, (Pattern(pattern_type=kind, pattern=value, reasons=(Message("pattern.rules", {"type": kind}),)),)
    found: dict[ValueType, list[str]] = {}
    for part, meant in _parts(kind, value):
        seen, normal = quick.value(part, meant)
        found.setdefault(seen, []).append(normal)
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


def _context(item: Mapping[str, Any], event: _Event, said: Said, references: tuple[str, ...], about: str) -> Context:
    shown = [text(event.info), about, text(item.get("comment"))]
    seen = [f"{name}:{text(item[name])}" for name in ("first_seen", "last_seen") if text(item.get(name))]
    category = text(item.get("category"))
    return Context(
        actors=said.actors,
        malware=said.malware,
        campaigns=said.campaigns,
        kill_chain=said.kill_chain,
        references=references,
        labels=(*said.labels, *((f"category:{category}",) if category else ()), *seen),
        description="; ".join(part for part in shown if part)[:4_000],
    )
