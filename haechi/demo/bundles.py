"""Indicators as partners send them: a STIX 2.1 bundle, a MISP event.

STIX 2.1 sections 4.7 (indicator), 4.11 (intrusion set), 5 (relationships), 7.2 (TLP); MISP core format
(draft-dulaunoy-misp-core-format). Ids are random version 4 UUIDs drawn from the seed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np

from haechi.demo.plan import Actor
from haechi.demo.truth import PlantedValue
from haechi.model.marking import STIX_TLP, Tlp

PATTERNS = {
    "ipv4": "[ipv4-addr:value = '{}']",
    "ipv6": "[ipv6-addr:value = '{}']",
    "domain": "[domain-name:value = '{}']",
    "url": "[url:value = '{}']",
    "md5": "[file:hashes.MD5 = '{}']",
    "sha256": "[file:hashes.'SHA-256' = '{}']",
    "cert": "[x509-certificate:hashes.'SHA-1' = '{}']",
}

_MISP_TYPES = {
    "ipv4": ("ip-dst", "Network activity"),
    "ipv6": ("ip-dst", "Network activity"),
    "domain": ("domain", "Network activity"),
    "url": ("url", "Network activity"),
    "md5": ("md5", "Payload delivery"),
    "sha256": ("sha256", "Payload delivery"),
    "cert": ("x509-fingerprint-sha1", "Network activity"),
    "ja3": ("ja3-fingerprint-md5", "Network activity"),
}

AMBER = next(key for key, tlp in STIX_TLP.items() if tlp is Tlp.AMBER)  # the TLP 2.0 object stands first


def _uuid(rng: np.random.Generator) -> str:
    return str(UUID(bytes=rng.bytes(16), version=4))


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def stix(
    values: Sequence[PlantedValue],
    rng: np.random.Generator,
    at: datetime,
    valid_from: datetime,
    actor: Actor | None,
    title: str,
) -> dict[str, Any]:
    """A bundle, TLP:AMBER, its indicators valid from `valid_from`, tied to the actor where there is one."""
    common = {"spec_version": "2.1", "created": _time(at), "modified": _time(at), "object_marking_refs": [AMBER]}
    objects: list[dict[str, Any]] = []
    who = ""
    if actor is not None:
        who = f"intrusion-set--{_uuid(rng)}"
        reference = {"source_name": "mitre-attack", "external_id": actor.id, "url": actor.source}
        objects.append(
            {"type": "intrusion-set", "id": who, **common, "name": actor.name, "external_references": [reference]}
        )
    for value in values:
        indicator = f"indicator--{_uuid(rng)}"
        objects.append(
            {
                "type": "indicator",
                "id": indicator,
                **common,
                "name": title,
                "indicator_types": ["malicious-activity"],
                "pattern": PATTERNS[value.type].format(value.text),
                "pattern_type": "stix",
                "valid_from": _time(valid_from),
                "confidence": 85,
            }
        )
        if who:
            link = {"relationship_type": "indicates", "source_ref": indicator, "target_ref": who}
            objects.append({"type": "relationship", "id": f"relationship--{_uuid(rng)}", **common, **link})
    return {"type": "bundle", "id": f"bundle--{_uuid(rng)}", "objects": objects}


def misp(
    values: Sequence[PlantedValue], rng: np.random.Generator, at: datetime, actor: Actor | None, title: str
) -> dict[str, Any]:
    """A MISP event, tlp:amber, all attributes for detection (`to_ids`), tagged with the actor where there is one."""
    seconds = str(int(at.timestamp()))
    tags = [{"name": "tlp:amber"}]
    if actor is not None:
        tags.append({"name": f'misp-galaxy:threat-actor="{actor.name}"'})
    attributes = [
        {
            "uuid": _uuid(rng),
            "type": _MISP_TYPES[value.type][0],
            "category": _MISP_TYPES[value.type][1],
            "value": value.text,
            "to_ids": True,
            "timestamp": seconds,
            "comment": "",
        }
        for value in values
    ]
    event = {
        "uuid": _uuid(rng),
        "info": title,
        "date": at.strftime("%Y-%m-%d"),
        "timestamp": seconds,
        "published": True,
        "analysis": "2",
        "threat_level_id": "1",
        "distribution": "1",
        "Orgc": {"name": "Synthetic CERT", "uuid": _uuid(rng)},
        "Tag": tags,
        "Attribute": attributes,
    }
    return {"Event": event}
