"""What a STIX object's markings say: TLP 1 and 2, PAP, statements, granular markings (STIX 2.1, section 7)."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from haechi.formats.jsondoc import text
from haechi.model import marking as markings
from haechi.model.marking import NOT_UNDERSTOOD, STIX_TLP, Pap, Tlp

_TLP_2: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_PAP: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
_STATEMENT: Final = "statement"

# What one marking-definition says; None for "restricts nothing" (a statement).
Meaning = Tlp | Pap | None


def meaning(definition: Mapping[str, Any]) -> Meaning:
    """What a marking-definition object says; RED where it isn't understood."""
    known = STIX_TLP.get(text(definition.get("id")))
    if known is not None:
        return known
    extensions = definition.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    for name, body in extensions.items():
        body = body if isinstance(body, dict) else {}
        if name == _TLP_2 or "tlp_2_0" in body:
            return markings.parse_tlp(text(body.get("tlp_2_0")))
        if name == _PAP or "pap" in body:
            return markings.parse_pap(text(body.get("pap")))
    kind, said = definition.get("definition_type"), definition.get("definition")
    if kind == "tlp" and isinstance(said, dict):
        return markings.parse_tlp(text(said.get("tlp")))
    if kind == _STATEMENT and not extensions:
        return None
    return NOT_UNDERSTOOD


def of(item: Mapping[str, Any], known: Mapping[str, Meaning]) -> tuple[Tlp | None, Pap | None]:
    """The strictest TLP and PAP that an object carries, granular markings counting for the whole; None if unmarked.

    `known` holds the bundle's marking-definitions by id. A reference to nothing is not understood: RED.
    """
    said = [STIX_TLP[ref] if ref in STIX_TLP else known.get(ref, NOT_UNDERSTOOD) for ref in _references(item)]
    tlps = [label for label in said if isinstance(label, Tlp)]
    paps = [label for label in said if isinstance(label, Pap)]
    return max(tlps, default=None), max(paps, default=None)


def _references(item: Mapping[str, Any]) -> Iterable[str]:
    found = item.get("object_marking_refs")
    if isinstance(found, list):
        yield from (ref if isinstance(ref, str) else "" for ref in found)
    granular = item.get("granular_markings")
    if isinstance(granular, list):
        for part in granular:
            ref = part.get("marking_ref") if isinstance(part, dict) else ""
            if isinstance(ref, str):  # a granular `lang` marks the language, nothing else
                yield ref
