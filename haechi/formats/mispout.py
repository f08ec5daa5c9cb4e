"""Indicators as MISP events: what a feed's folder holds, in MISP's core format, for MISP and `pymisp` to read.

Distribution levels don't travel in a feed, so every event and every attribute carries its tlp tag, and its PAP tag. A
range of addresses is the nets that cover it. A pattern that names no plain value goes as the rule that it is. What MISP
has no word for stays out. Source: MISP core format and MISP feed format (github.com/MISP/misp-rfc), MISP's
describeTypes (categories), misp-objects (ja4-plus), misp-taxonomies (tlp, PAP: names and colours).
"""

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import msgspec

from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import SourceObject

_NETWORK, _PAYLOAD, _INSTALL = "Network activity", "Payload delivery", "Payload installation"
# MISP's type and category of each kind of value; of a certificate by the length of its digest.
TYPES: Final[Mapping[ValueType, tuple[str, str]]] = {
    ValueType.IPV4: ("ip-dst", _NETWORK),
    ValueType.IPV4_NET: ("ip-dst", _NETWORK),
    ValueType.IPV4_RANGE: ("ip-dst", _NETWORK),
    ValueType.IPV6: ("ip-dst", _NETWORK),
    ValueType.IPV6_NET: ("ip-dst", _NETWORK),
    ValueType.IPV6_RANGE: ("ip-dst", _NETWORK),
    ValueType.DOMAIN: ("domain", _NETWORK),
    ValueType.URL: ("url", _NETWORK),
    ValueType.EMAIL: ("email-src", _PAYLOAD),
    ValueType.MD5: ("md5", _PAYLOAD),
    ValueType.SHA1: ("sha1", _PAYLOAD),
    ValueType.SHA256: ("sha256", _PAYLOAD),
    ValueType.SHA512: ("sha512", _PAYLOAD),
    ValueType.JA3: ("ja3-fingerprint-md5", _NETWORK),
    ValueType.JA4: ("text", "Other"),  # within an object ja4-plus: MISP has no type of its own for it
    ValueType.CERT: ("x509-fingerprint-", _NETWORK),
}
_CERT: Final = {32: "md5", 40: "sha1", 64: "sha256"}
_RULES: Final = {"yara": _INSTALL, "sigma": _INSTALL, "snort": _NETWORK, "suricata": _NETWORK}
_JA4: Final = {  # misp-objects, ja4-plus, version 2
    "name": "ja4-plus",
    "meta-category": "network",
    "description": "JA4 network fingerprint",
    "template_uuid": "2c15c75e-e7db-4b62-8d17-633e7571818f",
    "template_version": "2",
}
_TLP_COLOURS: Final = {
    Tlp.CLEAR: "#ffffff",
    Tlp.GREEN: "#339900",
    Tlp.AMBER: "#ffc000",
    Tlp.AMBER_STRICT: "#ffc000",
    Tlp.RED: "#cc0033",
}
_PAP_COLOURS: Final = {Pap.CLEAR: "#ffffff", Pap.GREEN: "#339900", Pap.AMBER: "#ffc000", Pap.RED: "#cc0033"}
_GALAXY_COLOUR: Final = "#0088cc"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_COMMENT: Final = 2_000  # characters
SECOND: Final = 1_000_000  # microseconds


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What an event says of itself. Times in microseconds UTC."""

    uuid: str
    info: str
    day: str  # 2026-11-24
    changed: int  # when an attribute of it last came, changed or went
    creator: str  # UUID of the organisation that made what is in it
    creator_name: str
    marking: Tlp
    pap: Pap | None


class Items(msgspec.Struct, frozen=True):
    """What one indicator gives to its event."""

    attributes: tuple[dict[str, Any], ...] = ()
    objects: tuple[dict[str, Any], ...] = ()


def tag(name: str, colour: str) -> dict[str, Any]:
    """A tag as `pymisp` writes it into a feed."""
    return {"colour": colour, "local": False, "name": name, "relationship_type": ""}


def marking_tags(marking: Tlp, pap: Pap | None) -> list[dict[str, Any]]:
    """The tags of the taxonomies tlp and PAP.

    >>> [one["name"] for one in marking_tags(Tlp.AMBER_STRICT, Pap.GREEN)]
    ['tlp:amber+strict', 'PAP:GREEN']
    """
    found = [tag(marking.label.lower(), _TLP_COLOURS[marking])]
    return found if pap is None else [*found, tag(pap.label, _PAP_COLOURS[pap])]


def items(found: SourceObject, *, event: str) -> Items:
    """The attributes and objects of one indicator in the event of that UUID; none where MISP has no word for it.

    Their UUIDs are made from the event's and the indicator's: the same at each export, another in another event, since
    MISP drops an attribute whose UUID it has in an event already.
    """
    shared = {
        "timestamp": str(found.modified // SECOND),
        "comment": found.context.description[:_LONGEST_COMMENT],
        "deleted": False,
        "disable_correlation": False,
        **_span(found),
    }
    tags = [*marking_tags(found.marking, found.pap), *_context_tags(found.context)]
    attributes: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    for number, (kind, category, value) in enumerate(_said(found)):
        uuid = str(uuid5(UUID(event), f"{found.object_id}/{number}"))
        made = {"uuid": uuid, "type": kind, "category": category, "value": value, "to_ids": True, **shared, "Tag": tags}
        if kind == TYPES[ValueType.JA4][0]:
            objects.append(_ja4(made, shared))
        else:
            attributes.append(made)
    return Items(tuple(attributes), tuple(objects))


def _said(found: SourceObject) -> Iterator[tuple[str, str, str]]:
    """Type, category and value of each attribute."""
    for kind, texts in found.values.items():
        name, category = TYPES[kind]
        for value in texts:
            if kind is ValueType.CERT:
                yield name + _CERT[len(value)], category, value
            elif kind in (ValueType.IPV4_RANGE, ValueType.IPV6_RANGE):
                yield from ((name, category, net) for net in _nets(value))
            else:
                yield name, category, value
    for pattern in found.patterns:
        if pattern.pattern_type == "stix":
            yield "stix2-pattern", _INSTALL, pattern.pattern
        elif pattern.pattern_type in _RULES:
            yield (
                "snort" if pattern.pattern_type == "suricata" else pattern.pattern_type,
                _RULES[pattern.pattern_type],
                pattern.pattern,
            )


def _nets(value: str) -> Iterator[str]:
    first, _, last = value.partition("-")
    for net in ipaddress.summarize_address_range(ipaddress.ip_address(first), ipaddress.ip_address(last)):
        yield str(net.network_address) if net.num_addresses == 1 else str(net)


def _ja4(made: dict[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    """A fingerprint in the object that MISP has for it; its attribute keeps the tags."""
    uuid = str(uuid5(UUID(made["uuid"]), "object"))
    sort = {**made, "uuid": str(uuid5(UUID(made["uuid"]), "type")), "value": "JA4", "to_ids": False}
    parts = [{**made, "object_relation": "ja4-fingerprint"}, {**sort, "object_relation": "ja4-type"}]
    said = {name: shared[name] for name in ("timestamp", "comment", "deleted")}
    return {"uuid": uuid, **_JA4, **said, "ObjectReference": [], "Attribute": parts}


def _span(found: SourceObject) -> dict[str, str]:
    """The indicator's validity, as misp-stix writes it: `first_seen` and `last_seen`."""
    span = {"first_seen": found.valid_from, "last_seen": found.valid_until}
    return {name: _moment(at) for name, at in span.items() if at is not None}


def _moment(at: int) -> str:
    return (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")


def _context_tags(context: Context) -> Iterator[dict[str, Any]]:
    """Whom and what it is laid to, as galaxy tags; phases of a kill chain that came from MISP as they were."""
    for galaxy, names in (("threat-actor", context.actors), ("tool", context.malware)):
        for name in names:
            shown = " ".join(name.replace('"', "'").split())
            yield tag(f'misp-galaxy:{galaxy}="{shown}"', _GALAXY_COLOUR)
    for phase in context.kill_chain:
        if phase.startswith("kill-chain:"):
            yield tag(phase, _GALAXY_COLOUR)


def described(head: Head) -> dict[str, Any]:
    """The event's entry in manifest.json: the same as `pymisp.MISPEvent.manifest` makes of the event."""
    return {
        "Orgc": {"name": head.creator_name, "uuid": head.creator},
        "Tag": marking_tags(head.marking, head.pap),
        "info": head.info,
        "date": head.day,
        "analysis": 2,
        "threat_level_id": 4,
        "timestamp": head.changed // SECOND,
    }


def event(head: Head, found: Iterable[Items]) -> Iterator[bytes]:
    """The event's JSON in pieces; only the objects, which are few, are held until their place comes."""
    own = {
        "uuid": head.uuid,
        "info": head.info,
        "date": head.day,
        "timestamp": str(head.changed // SECOND),
        "publish_timestamp": str(head.changed // SECOND),
        "published": True,
        "analysis": "2",  # completed
        "threat_level_id": "4",  # undefined
        "extends_uuid": "",
        "protected": False,
        "Orgc": {"name": head.creator_name, "uuid": head.creator},
        "Tag": marking_tags(head.marking, head.pap),
    }
    yield b'{"Event":' + msgspec.json.encode(own)[:-1] + b',"Attribute":['
    objects: list[bytes] = []
    first = True
    for one in found:
        for attribute in one.attributes:
            yield (b"" if first else b",\n") + msgspec.json.encode(attribute)
            first = False
        objects += map(msgspec.json.encode, one.objects)
    yield b'],"Object":[' + b",\n".join(objects) + b"]}}"


def hashes(one: Items, event: str) -> Iterator[str]:
    """The lines of hashes.csv: MD5 of each value and the event's UUID. Without salt: for what anyone may have, only."""
    inner = (part for item in one.objects for part in item["Attribute"])
    for attribute in (*one.attributes, *inner):
        digest = hashlib.md5(attribute["value"].encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
        yield f"{digest},{event}"
