"""What a STIX object's markings say: TLP 1 and 2, PAP, IEP 2.0, statements, granular markings.

A marking that can't be resolved or isn't understood is RED. Sources: STIX 2.1, section 7; OASIS's extension definitions
of TLP 2.0, PAP and IEP 2.0; FIRST's IEP 2.0 JSON specification.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any, Final, NamedTuple

from haechi.formats import moment
from haechi.formats.jsondoc import text, texts
from haechi.model import marking as markings
from haechi.model.errors import BadInput
from haechi.model.marking import NOT_UNDERSTOOD, STIX_PAP, STIX_TLP, Pap, Tlp
from haechi.model.release import Iep, both

_TLP_2: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_PAP: Final = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
_IEP: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
_STATEMENT: Final = "statement"

# What one marking-definition says; None for "restricts nothing" (a statement).
Meaning = Tlp | Pap | Iep | None


class Said(NamedTuple):
    """What an object's markings say together; None where they say nothing of that kind."""

    tlp: Tlp | None
    pap: Pap | None = None
    iep: Iep | None = None


def published(id: str) -> Tlp | Pap | None:
    """What the marking-definition of that well-known id says; None for any other id."""
    tlp = STIX_TLP.get(id)
    return tlp if tlp is not None else STIX_PAP.get(id)


def meaning(definition: Mapping[str, Any]) -> Meaning:
    """What a marking-definition object says; RED where it isn't understood."""
    known = published(text(definition.get("id")))
    return content(definition) if known is None else known


def content(definition: Mapping[str, Any]) -> Meaning:
    """What it says by its content alone, whatever its id."""
    extensions = definition.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    for name, body in extensions.items():
        body = body if isinstance(body, dict) else {}
        if name == _TLP_2 or "tlp_2_0" in body:
            return markings.parse_tlp(text(body.get("tlp_2_0")))
        if name == _PAP or "pap" in body:
            return markings.parse_pap(text(body.get("pap")))
        if name == _IEP:
            return _iep(body)
    kind, said = definition.get("definition_type"), definition.get("definition")
    if kind == "tlp" and isinstance(said, dict):
        return markings.parse_tlp(text(said.get("tlp")))
    if kind == "iep" and isinstance(said, dict):
        return _iep(said["iep"] if isinstance(said.get("iep"), dict) else said)
    if kind == _STATEMENT and not extensions:
        return None
    return NOT_UNDERSTOOD


def _iep(body: Mapping[str, Any]) -> Meaning:
    """A policy under OASIS's names or FIRST's own (`id`, `attribution`, `external_references`, an `end_date` of null)."""
    version = body.get("iep_version")
    if version is not None and not str(version).startswith("2"):
        return NOT_UNDERSTOOD
    try:
        begins, ends = _date(body.get("start_date")), _date(body.get("end_date"))
    except BadInput:
        return NOT_UNDERSTOOD
    references = body.get("external_references", body.get("external_reference"))
    return Iep(
        permitted_actions=_word(body.get("permitted_actions")) or "none",
        begins=begins,
        ends=ends,
        encrypt_in_transit=_word(body.get("encrypt_in_transit")) not in ("may", ""),
        tlp=markings.parse_tlp(text(body.get("tlp"))) if body.get("tlp") is not None else None,
        affected_party_notifications=_word(body.get("affected_party_notifications")),
        attribution=_word(body.get("provider_attribution", body.get("attribution"))),
        unmodified_resale=_word(body.get("unmodified_resale")),
        id=text(body.get("iep_id", body.get("id"))),
        name=text(body.get("name")),
        description=text(body.get("description")),
        references=(references,) if isinstance(references, str) else texts(references),
    )


def _date(value: Any) -> int | None:
    return None if value is None else moment.micros(text(value))


def _word(value: Any) -> str:
    return text(value).strip().lower().replace("_", "-").replace(" ", "-")


def of(item: Mapping[str, Any], known: Mapping[str, Meaning]) -> Said:
    """The strictest that an object carries of each kind, granular markings counting for the whole.

    `known` holds marking-definitions by id. A reference to nothing is not understood: RED. A policy's own TLP counts.
    """
    tlps: list[Tlp] = []
    paps: list[Pap] = []
    ieps: list[Iep] = []
    for reference in _references(item):
        said: Meaning = published(reference)
        if said is None:
            said = known.get(reference, NOT_UNDERSTOOD)
        if isinstance(said, Tlp):
            tlps.append(said)
        elif isinstance(said, Pap):
            paps.append(said)
        elif isinstance(said, Iep):
            ieps.append(said)
            tlps += [] if said.tlp is None else [said.tlp]
    return Said(max(tlps, default=None), max(paps, default=None), reduce(both, ieps) if ieps else None)


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
