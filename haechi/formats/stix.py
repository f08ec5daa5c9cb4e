"""STIX 2.0 and 2.1: a bundle's indicators with markings, validity and whom their relationships name; and all the rest.

Observed objects (SCOs, observed-data) are context, never indicators. A name that comes through a relationship brings
the markings of the relationship and of the named object with it, so nothing is shown under a laxer label than its own.
What is no indicator is handed on too, with its bytes and its markings and without values: what came in can go out as it
was. Source: STIX 2.1 (OASIS, June 2021).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from haechi.formats import jsondoc, moment, pattern, quick, stixmarking, stixout
from haechi.formats.jsondoc import text, texts
from haechi.formats.patternof import pattern_of
from haechi.formats.stixaround import LONGEST_NAME, Around, around
from haechi.formats.stixcheck import checked, id_of
from haechi.formats.stixcontext import other
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Tlp, strictest
from haechi.model.source_object import INDICATOR, Pattern, SourceObject

_LONGEST_TEXT: Final = 4_000  # characters of a description kept in the context; the raw object has all


class _Bundle(msgspec.Struct):
    """A bundle or a TAXII envelope; the objects stay as received."""

    objects: list[msgspec.Raw] = []
    type: str = ""


def parse(
    data: bytes, *, path: str = "", marking: Tlp, definitions: Iterable[bytes] = ()
) -> Iterator[SourceObject | BadInput]:
    """The objects of a bundle, those of `type` "indicator" with their values, and those refused with their reason.

    `marking` is the source's for what is unmarked. `definitions` are the marking-definitions that this source sent
    before, which its objects may name without sending them again; one that comes with other content is refused. Raises
    BadInput if the document can't be read at all.
    """
    raws = _objects(data, path)
    known = around(raws, definitions)
    for place, raw in enumerate(raws):
        try:
            item = checked(bytes(raw))
            known.check(item, place)
            yield jsondoc.storable(_source_object(item, bytes(raw), known, marking))
        except BadInput as error:
            location = Location(
                path=path, field=error.location.field or f"objects[{place}]", value=error.location.value or id_of(raw)
            )
            yield error.at(location)


def _source_object(item: Mapping[str, Any], raw: bytes, known: Around, default: Tlp) -> SourceObject:
    if item["type"] == INDICATOR:
        return _indicator(item, raw, known, default)
    return other(item, raw, known, default)


def _objects(data: bytes, path: str) -> list[msgspec.Raw]:
    bare = data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.startswith(b"["):
        return jsondoc.decode(data, list[msgspec.Raw], path)
    bundle = jsondoc.decode(data, _Bundle, path)
    if bundle.type not in ("bundle", ""):
        return [msgspec.Raw(data)]  # one object alone
    return bundle.objects


def _indicator(item: Mapping[str, Any], raw: bytes, known: Around, default: Tlp) -> SourceObject:
    own_id = text(item["id"])
    revoked = item.get("revoked") is True
    values, patterns = _pattern(item)
    context, brought = _context(item, own_id, known)
    said = stixmarking.of(item, known.markings)
    valid_from, valid_until = moment.of(item, "valid_from"), moment.of(item, "valid_until")
    valid_from = None if valid_from == stixout.ALWAYS else valid_from
    if valid_from is not None and valid_until is not None and valid_until <= valid_from:
        raise BadInput("stix.validity", location=Location(field="valid_until", value=text(item["valid_until"])))
    return SourceObject(
        object_id=own_id,
        creator=text(item.get("created_by_ref")),
        version=text(item.get("modified")),
        modified=moment.of(item, "modified") or 0,
        marking=strictest([default if said.tlp is None else said.tlp, *brought]),
        pap=said.pap,
        iep=said.iep,
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
    whole = _range(item, said)
    if whole is not None:
        return {whole[0]: [whole[1]]}, ()
    parsed = pattern.parse(said)
    values: dict[ValueType, list[str]] = {}
    for found, value in parsed.values:
        values.setdefault(found, []).append(value)
    if not parsed.reasons:
        return values, ()
    return values, (Pattern(pattern_type="stix", pattern=said, reasons=parsed.reasons),)


def _range(item: Mapping[str, Any], said: str) -> tuple[ValueType, str] | None:
    """The address range that `formats.stixout` wrote as this pattern of nets; None where it's no such pattern."""
    named = text(_ours(item).get("range"))
    if not named:
        return None
    try:
        kind, normal = quick.value(named, None)
    except BadInput:
        return None
    return (kind, normal) if kind in stixout.RANGES and pattern_of(kind, normal) == said else None


def _ours(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """What another Haechi says in our extension."""
    extensions = item.get("extensions")
    ours = extensions.get(stixout.EXTENSION) if isinstance(extensions, dict) else None
    return ours if isinstance(ours, dict) else {}


def _context(item: Mapping[str, Any], own_id: str, known: Around) -> tuple[Context, tuple[Tlp, ...]]:
    """The context, and the explicit markings of what was brought into it by relationships."""
    names = known.names(own_id)
    ours = {name: texts(found) for name, found in _ours(item).items()}
    shown = ": ".join(part for part in (text(item.get("name")), text(item.get("description"))) if part)
    references = item.get("external_references")
    links = tuple(
        text(ref.get("url"))
        for ref in (references if isinstance(references, list) else ())
        if isinstance(ref, dict) and ref.get("url")
    )
    return Context(
        actors=_once(names.actors, ours.get("actors", ())),
        malware=_once(names.malware, ours.get("malware", ())),
        campaigns=_once(names.campaigns, ours.get("campaigns", ())),
        kill_chain=(*_phases(item.get("kill_chain_phases")), *ours.get("kill_chain", ())),
        references=(*links, *ours.get("references", ())),
        labels=(*texts(item.get("labels")), *texts(item.get("indicator_types"))),
        description=shown[:_LONGEST_TEXT],
    ), names.brought


def _once(related: tuple[str, ...], said: tuple[str, ...]) -> tuple[str, ...]:
    if not related and not said:
        return ()
    return tuple(dict.fromkeys([*related, *(name[:LONGEST_NAME] for name in said)]))


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
