"""Catalog to STIX 2.1: indicators, identities, sightings, markings, each as the RFC 8785 bytes that leave.

Labels are written as TLP 2.0 and PAP extension markings, whatever generation they came in. What STIX has no property
for (names of actors without an object of their own, a country, an address range) goes into one property extension of
ours, so that another Haechi reads it back and all others pass it by. `formats.stix` reads everything here as it was.
Source: STIX 2.1 (OASIS, June 2021), sections 3, 4, 7; OASIS's TLP 2.0 and PAP extension definitions.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import msgspec

from haechi.formats.patternof import pattern_of
from haechi.model.canonical import encoded
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import PAP_OBJECTS, TLP_OBJECTS, Pap, Tlp

EXTENSION: Final = "extension-definition--51434dc4-11c8-499d-aee0-884c8665a4b1"
TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PAP_EXTENSION: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
ALWAYS: Final = 0  # valid_from of what has no beginning: STIX wants one, and 1970 is before all events
REFERENCE: Final = "reference"  # the source_name of a link whose source isn't known

# Ours -> industry-sector-ov, with our own word where that one is wider (STIX 2.1, section 10.8; an open vocabulary).
SECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "government": ("government",),
    "energy": ("energy",),
    "water": ("water",),
    "telecommunications": ("telecommunications",),
    "transport": ("transportation",),
    "finance": ("financial-services",),
    "health": ("healthcare",),
    "high-tech": ("technology",),
    "semiconductor": ("technology", "semiconductor"),
    "defence": ("defense",),
    "food": ("agriculture", "food"),
    "media": ("communications", "media"),
}

_PROJECT: Final = "identity--247a4ebb-71ef-48c9-94d8-fd5177f50d1a"  # who defines the extension
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
RANGES: Final = frozenset({ValueType.IPV4_RANGE, ValueType.IPV6_RANGE})
_TLP_CREATED: Final = "2022-10-01T00:00:00.000Z"
_PAP_CREATED: Final = {Pap.CLEAR: "01", Pap.GREEN: "09", Pap.AMBER: "02", Pap.RED: "06"}  # days of October 2022

_encode = msgspec.json.Encoder().encode


@lru_cache(maxsize=4096)
def time(at: int) -> str:
    """A time in microseconds UTC as STIX writes it: with milliseconds, or with all six digits where they say something.

    >>> time(0), time(1_500_001)
    ('1970-01-01T00:00:00.000Z', '1970-01-01T00:00:01.500001Z')
    """
    shown = (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")[:26]
    return (shown[:23] if shown.endswith("000") else shown) + "Z"


def indicator(
    *,
    id: str,
    kind: ValueType,
    value: str,
    created: int,
    modified: int,
    creator: str,
    marking: Tlp,
    pap: Pap | None = None,
    confidence: int | None = None,
    valid_from: int | None = None,
    valid_until: int | None = None,
    context: Context = Context(),
) -> bytes:
    """An indicator for one value in normal form. `creator` is the STIX id of an identity; times in microseconds UTC.

    Written by hand in the order of its keys: a list of a million values has one frame and a million patterns.
    """
    head, middle, tail = _frame(created, creator, marking, pap, confidence, valid_from, valid_until, context, modified)
    pattern = _encode(pattern_of(kind, value))
    if kind in RANGES:
        return _with_extension(head + b'"id":' + _encode(id) + middle + pattern + tail, {"range": value})
    return head + b'"id":' + _encode(id) + middle + pattern + tail


@lru_cache(maxsize=1024)
def _frame(
    created: int,
    creator: str,
    marking: Tlp,
    pap: Pap | None,
    confidence: int | None,
    valid_from: int | None,
    valid_until: int | None,
    context: Context,
    modified: int,
) -> tuple[bytes, bytes, bytes]:
    """What stands before the id, between id and pattern, and after the pattern."""
    before: dict[str, Any] = {} if confidence is None else {"confidence": confidence}
    before |= {"created": time(created), "created_by_ref": creator}
    if context.description:
        before["description"] = context.description
    links = [ref for ref in context.references if _is_link(ref)]
    phases = [phase for phase in context.kill_chain if _is_phase(phase)]
    rest = {
        "actors": context.actors,
        "campaigns": context.campaigns,
        "kill_chain": tuple(phase for phase in context.kill_chain if phase not in phases),
        "malware": context.malware,
        "references": tuple(ref for ref in context.references if ref not in links),
    }
    if any(rest.values()):
        before["extensions"] = {
            EXTENSION: {"extension_type": "property-extension"} | {k: list(v) for k, v in rest.items() if v}
        }
    if links:
        before["external_references"] = [{"source_name": REFERENCE, "url": ref} for ref in links]
    between: dict[str, Any] = {}
    if phases:
        named = [phase.partition(":") for phase in phases]
        between["kill_chain_phases"] = [{"kill_chain_name": name, "phase_name": phase} for name, _, phase in named]
    if context.labels:
        between["labels"] = list(context.labels)
    between |= {"modified": time(modified), "object_marking_refs": _markings(marking, pap)}
    after: dict[str, Any] = {
        "pattern_type": "stix",
        "spec_version": "2.1",
        "type": "indicator",
        "valid_from": time(ALWAYS if valid_from is None else valid_from),
    }
    if valid_until is not None:
        after["valid_until"] = time(valid_until)
    return (
        encoded(before)[:-1] + b",",
        b"," + encoded(between)[1:-1] + b',"pattern":',
        b"," + encoded(after)[1:],
    )


def _is_link(reference: str) -> bool:
    return reference.startswith(("http://", "https://")) and " " not in reference


def _is_phase(phase: str) -> bool:
    name, _, rest = phase.partition(":")
    return bool(name and rest)


def _with_extension(document: bytes, more: Mapping[str, Any]) -> bytes:
    found = msgspec.json.decode(document)
    ours = found.setdefault("extensions", {}).setdefault(EXTENSION, {"extension_type": "property-extension"})
    ours.update(more)
    return encoded(found)


def _markings(tlp: Tlp, pap: Pap | None) -> list[str]:
    return [TLP_OBJECTS[tlp]] if pap is None else [TLP_OBJECTS[tlp], PAP_OBJECTS[pap]]


def identity(*, uuid: str, name: str, sector: str, country: str, created: int) -> bytes:
    """A party as others may know it: name, sector, country; never its networks. TLP:GREEN."""
    return _identity(f"identity--{uuid}", name, "organization", sector, created, f"identity--{uuid}", country)


def class_identity(*, id: str, sector: str, created: int, creator: str) -> bytes:
    """A class of parties, for a sighting that names nobody: those of a sector, or ("") of any. TLP:GREEN."""
    return _identity(id, sector or "unknown sector", "class", sector, created, creator, "")


def sectors_of(names: Sequence[str]) -> tuple[str, ...]:
    """The sectors, in our words, that a STIX identity's `sectors` name; a word that isn't ours stays as it is.

    >>> sectors_of(["technology", "semiconductor", "retail"])
    ('semiconductor', 'retail')
    """
    left, found = list(dict.fromkeys(names)), list[str]()
    for sector, words in sorted(SECTORS.items(), key=lambda item: -len(item[1])):
        if all(word in left for word in words):
            found.append(sector)
            left = [word for word in left if word not in words]
    return (*found, *left)


def _identity(id: str, name: str, kind: str, sector: str, created: int, creator: str, country: str) -> bytes:
    document: dict[str, Any] = {
        "type": "identity",
        "spec_version": "2.1",
        "id": id,
        "created": time(created),
        "modified": time(created),
        "created_by_ref": creator,
        "identity_class": kind,
        "name": name,
        "object_marking_refs": _markings(Tlp.GREEN, None),
    }
    if creator == id:
        del document["created_by_ref"]
    if sector:
        document["sectors"] = list(SECTORS.get(sector, (sector,)))
    if country:
        document["extensions"] = {EXTENSION: {"extension_type": "property-extension", "country": country}}
    return encoded(document)


def location(*, id: str, country: str, created: int, creator: str) -> bytes:
    """A country, by its ISO 3166-1 code: where something was seen, and no nearer. TLP:GREEN."""
    return encoded(
        {
            "type": "location",
            "spec_version": "2.1",
            "id": id,
            "created": time(created),
            "modified": time(created),
            "created_by_ref": creator,
            "country": country,
            "name": country,
            "object_marking_refs": _markings(Tlp.GREEN, None),
        }
    )


def sighting(
    *,
    id: str,
    of: str,
    count: int,
    first: int,
    last: int,
    where: Sequence[str],
    created: int,
    modified: int,
    creator: str,
    marking: Tlp,
    pap: Pap | None = None,
) -> bytes:
    """That the indicator `of` was seen `count` times between two moments, and where.

    `where` are ids of class identities and locations, never of a party. A `count` of 0 says that the indicator is a false
    positive (STIX 2.1, section 5.2).
    """
    document: dict[str, Any] = {
        "type": "sighting",
        "spec_version": "2.1",
        "id": id,
        "created": time(created),
        "modified": time(modified),
        "created_by_ref": creator,
        "sighting_of_ref": of,
        "count": count,
        "first_seen": time(first),
        "last_seen": time(last),
        "object_marking_refs": _markings(marking, pap),
    }
    if where:
        document["where_sighted_refs"] = list(where)
    return encoded(document)


def marking(tlp: Tlp) -> bytes:
    """The published marking-definition of a TLP 2.0 label."""
    return _marking(TLP_OBJECTS[tlp], _TLP_CREATED, tlp.label, TLP_EXTENSION, "tlp_2_0")


def pap_marking(pap: Pap) -> bytes:
    """The published marking-definition of a PAP label."""
    created = f"2022-10-{_PAP_CREATED[pap]}T00:00:00.000Z"
    return _marking(PAP_OBJECTS[pap], created, pap.label, PAP_EXTENSION, "pap")


def _marking(id: str, created: str, name: str, extension: str, property: str) -> bytes:
    said = name.partition(":")[2].lower()
    return encoded(
        {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": id,
            "created": created,
            "name": name,
            "extensions": {extension: {"extension_type": "property-extension", property: said}},
        }
    )


def extension() -> bytes:
    """The definition of our own extension: the same bytes from every node."""
    return encoded(
        {
            "type": "extension-definition",
            "spec_version": "2.1",
            "id": EXTENSION,
            "created": "2026-11-24T00:00:00.000Z",
            "modified": "2026-11-24T00:00:00.000Z",
            "created_by_ref": _PROJECT,
            "name": "Haechi",
            "description": "Names of actors, malware and campaigns, an address range, a country: what STIX has no"
            " property for on indicators and identities",
            "schema": "haechi/formats/stixout.py",
            "version": "1.0.0",
            "extension_types": ["property-extension"],
            "object_marking_refs": _markings(Tlp.CLEAR, None),
        }
    )
