"""STIX objects that are no indicators: kept whole, with marking and creator; sightings and opinions say a word on one.

A sighting with count 0 says false positive, and so does an opinion that disagrees (STIX 2.1, sections 4.14 and 5.2).
Cyber-observables have no versions (section 3.1): the same id from the same source with other content replaces it.
"""

from collections.abc import Mapping
from typing import Any, Final

from haechi.formats import moment, stixmarking
from haechi.formats.jsondoc import text, texts
from haechi.formats.stixaround import ACTORS, LONGEST_NAME, Around
from haechi.model.errors import BadInput
from haechi.model.indicator import Context
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import INDICATOR, SourceObject
from haechi.model.stixid import type_of

_MOST_REFERENCES: Final = 100  # of a sighting or an opinion that are followed; the raw object has all
_MOST_COUNTED: Final = 999_999_999  # STIX 2.1, section 5.2: count
_DISAGREE: Final = frozenset({"disagree", "strongly-disagree"})


def other(item: Mapping[str, Any], raw: bytes, known: Around, default: Tlp) -> SourceObject:
    """The object without values. Raises BadInput for a time or count that can't be read."""
    kind = text(item["type"])
    said = stixmarking.of(item, known.markings)
    modified = moment.of(item, "modified")
    return SourceObject(
        object_id=text(item["id"]),
        type=kind,
        creator=text(item.get("created_by_ref")),
        version=text(item.get("modified")),
        modified=modified or 0,
        marking=default if said.tlp is None else said.tlp,
        pap=said.pap,
        iep=said.iep,
        context=_context(item, kind),
        raw=raw,
        words=_words(item, kind),
        revoked=item.get("revoked") is True,
        unversioned=modified is None and item.get("created") is None,
    )


def _context(item: Mapping[str, Any], kind: str) -> Context:
    name = text(item.get("name"))[:LONGEST_NAME]
    named = (name,) if name else ()
    return Context(
        actors=named if kind in ACTORS else (),
        malware=named if kind in ("malware", "tool") else (),
        campaigns=named if kind == "campaign" else (),
        labels=texts(item.get("labels")),
        description=name,
    )


def _words(item: Mapping[str, Any], kind: str) -> tuple[Word, ...]:
    if kind == "sighting":
        return _sighted(item)
    if kind == "opinion" and text(item.get("opinion")) in _DISAGREE:
        about = dict.fromkeys(texts(item.get("object_refs"))[:_MOST_REFERENCES])
        return tuple(Word(of=id, kind=Kind.FALSE_POSITIVE, count=1) for id in about if type_of(id) == INDICATOR)
    return ()


def _sighted(item: Mapping[str, Any]) -> tuple[Word, ...]:
    of = text(item.get("sighting_of_ref"))
    if type_of(of) in ("", "relationship", "sighting"):
        raise BadInput("stix.sighting_of", location=Location(field="sighting_of_ref", value=of))
    count = item.get("count", 1)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST_COUNTED:
        raise BadInput("stix.count", location=Location(field="count", value=text(count)), most=_MOST_COUNTED)
    first, last = moment.of(item, "first_seen"), moment.of(item, "last_seen")
    if first is not None and last is not None and last < first:
        raise BadInput("stix.seen", location=Location(field="last_seen", value=text(item.get("last_seen"))))
    if type_of(of) != INDICATOR:
        return ()
    where = tuple(id for id in texts(item.get("where_sighted_refs"))[:_MOST_REFERENCES] if type_of(id))
    kind = Kind.SEEN if count else Kind.FALSE_POSITIVE
    return (Word(of=of, kind=kind, count=count or 1, first=first, last=last, where=where),)
