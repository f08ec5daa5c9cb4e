"""What is refused of a STIX object before anything in it is believed: its size, depth, id, type and version.

Each refusal is of one object; those around it go through. Source: STIX 2.1, sections 2.9, 3.1 and 3.2.
"""

from typing import Any, Final

import msgspec

from haechi.formats.jsondoc import text
from haechi.model.canonical import canonical
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.model.stixid import type_of

MAX_OBJECT: Final = 8 << 20  # bytes: an artifact's payload of some megabytes fits
MAX_DEPTH: Final = 64  # brackets in brackets; real objects have fewer than ten
_VERSIONS: Final = frozenset({"2.0", "2.1"})
# What may have no RFC 8785 form, and so could never be given on; the decoder refuses the rest (1e999, lone surrogates).
_ZEROS: Final = bytes.maketrans(b"123456789", b"000000000")
_LONG: Final = b"0" * 16  # digits: more than RFC 8785 can say of an integer, or a fraction's


def checked(raw: bytes) -> dict[str, Any]:
    """The object, its id, type, version and form being such as can be kept and given on. Else BadInput."""
    if len(raw) > MAX_OBJECT:
        raise BadInput("stix.large", most=MAX_OBJECT >> 20)
    item = decoded(raw)
    kind, own_id, version = item.get("type"), item.get("id"), item.get("spec_version", "2.1")
    if not isinstance(kind, str) or not kind:
        raise BadInput("stix.no_object")
    if kind == "bundle":
        raise BadInput("stix.bundle_in_bundle")
    if not isinstance(own_id, str) or type_of(own_id) != kind:
        raise BadInput("stix.no_id", location=Location(field="id", value=text(own_id)), type=kind[:80])
    if text(version) not in _VERSIONS:
        raise BadInput("stix.spec_version", location=Location(field="spec_version", value=text(version)))
    creator = item.get("created_by_ref")
    if creator is not None and (not isinstance(creator, str) or type_of(creator) != "identity"):
        raise BadInput("stix.creator", location=Location(field="created_by_ref", value=text(creator)))
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _deeper(item, MAX_DEPTH):
        raise BadInput("stix.deep", most=MAX_DEPTH)
    if _LONG in raw.translate(_ZEROS):
        canonical(raw)
    return item


def decoded(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    """The JSON object; BadInput for anything else."""
    try:
        found = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise BadInput("json.invalid", cause=str(error)) from None
    except RecursionError:
        raise BadInput("stix.deep", most=MAX_DEPTH) from None
    if not isinstance(found, dict):
        raise BadInput("stix.no_object")
    return found


def id_of(raw: bytes | msgspec.Raw) -> str:
    """The object's id for a message about it; "" where it has none that can be read."""
    try:
        return text(decoded(raw).get("id"))
    except BadInput:
        return ""


def _deeper(item: dict[str, Any], most: int) -> bool:
    """Whether something lies more than `most` levels deep; without recursion."""
    level: list[Any] = [item]
    for _ in range(most):
        level = [
            inner
            for one in level
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return False
    return True
