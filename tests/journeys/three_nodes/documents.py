"""Files as others would write them: STIX 2.1 bundles, MISP events, CSV and plain lists, with all sorts of markings."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from tests.journeys.three_nodes import tlp

TLP_2: Final = {label: mark for mark, label in reversed(list(tlp.MARKS.items()))}
TLP_1: Final = {label: mark for mark, label in tlp.MARKS.items()}
TAGS: Final = ("tlp:clear", "tlp:green", "tlp:amber", "tlp:amber+strict", "tlp:red")
NAMES: Final = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")
_IEP: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
# MISP core format, distribution: 0 your organisation only, 1 this community, 2 connected communities, 3 all, 5 inherit.
FLOORS: Final = {0: tlp.STRICT, 1: tlp.GREEN, 2: tlp.GREEN, 3: tlp.CLEAR, 5: tlp.CLEAR}


def uuid(number: int) -> str:
    """A version 4 UUID by number."""
    return str(UUID(int=number << 80 | 0x4000_8000_0000_0000_0000 | number, version=4))


def moment(at: int) -> str:
    """A time as STIX writes it."""
    return datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stix(kind: str, number: int, at: int, marks: Sequence[str], **more: Any) -> dict[str, Any]:
    """A STIX object."""
    head = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid(number)}", "created": moment(at)}
    marked = {"object_marking_refs": list(marks)} if marks else {}
    return {**head, "modified": moment(at), **marked, **more}


def indicator(number: int, at: int, marks: Sequence[str], value: str) -> dict[str, Any]:
    """A STIX indicator for a domain."""
    return stix(
        "indicator", number, at, marks, pattern=pattern(value), pattern_type="stix", valid_from=moment(at), x_of=number
    )


def pattern(value: str) -> str:
    """The STIX pattern of a domain."""
    return f"[domain-name:value = '{value}']"


def policy(number: int, at: int, **said: Any) -> dict[str, Any]:
    """A marking-definition that holds an IEP 2.0 policy."""
    body = {"extension_type": "property-extension", "iep_version": 2.0, "iep_id": uuid(number), **said}
    head = {"type": "marking-definition", "spec_version": "2.1", "id": f"marking-definition--{uuid(number)}"}
    return {**head, "created": moment(at), "name": "policy", "extensions": {_IEP: body}}


def bundle(objects: Sequence[bytes]) -> bytes:
    """A bundle of documents as they are."""
    return b'{"type":"bundle","id":"bundle--%s","objects":[%s]}' % (uuid(1).encode(), b",".join(objects))


def event(number: int, values: Sequence[tuple[int, str]], tags: Sequence[str], distribution: int, at: int) -> bytes:
    """A MISP event with a domain attribute for each number and value."""
    attributes = [
        {
            "uuid": uuid(place),
            "type": "domain",
            "category": "Network activity",
            "to_ids": True,
            "value": value,
            "timestamp": str(at // 1_000_000),
            "distribution": "5",
        }
        for place, value in values
    ]
    body = {
        "uuid": uuid(number),
        "info": "event",
        "distribution": str(distribution),
        "Tag": [{"name": name} for name in tags],
        "Attribute": attributes,
    }
    return json.dumps({"Event": body}).encode()


def csv(rows: Sequence[tuple[str, int | None, str]]) -> bytes:
    """A list with a column for the label and one for the campaign."""
    lines = [f"domain,{value},{'' if label is None else NAMES[label]},{campaign}" for value, label, campaign in rows]
    return "\n".join(["type,value,tlp,campaign", *lines, ""]).encode()
