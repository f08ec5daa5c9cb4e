"""What a label and a policy let whom have: tables written from the texts, and nothing of Haechi.

Sources: FIRST, "Traffic Light Protocol (TLP)", version 2.0, August 2022; FIRST, "Information Exchange Policy 2.0
Framework", "Policy statements"; OASIS, STIX 2.1, section 7.2.1.4, and the extension definitions of TLP 2.0 and IEP 2.0.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

CLEAR, GREEN, AMBER, STRICT, RED = range(5)  # the order of TLP 2.0's own list, section 4, turned round

# The published ids (shared/data/vectors/README.md, "Marking ids that occur in the wild"): TLP 2.0, then TLP 1.
MARKS: Final[Mapping[str, int]] = {
    f"marking-definition--{uuid}": label
    for uuid, label in (
        ("94868c89-83c2-464b-929b-a1a8aa3c8487", CLEAR),
        ("613f2e26-407d-48c7-9eca-b8e91df99dc9", CLEAR),
        ("bab4a63c-aed9-4cf5-a766-dfca5abac2bb", GREEN),
        ("34098fce-860f-48ae-8e50-ebd3cc5e41da", GREEN),
        ("55d920b0-5e8b-4f79-9ee9-91f868d9b421", AMBER),
        ("f88d31f6-486f-44da-b317-01333bde0b82", AMBER),
        ("939a9414-2ddd-4d32-a0cd-375ea402b003", STRICT),
        ("826578e1-40ad-459f-bc73-ede076f81f37", STRICT),
        ("e828b379-4e03-4974-9ac4-e53a884c97c1", RED),
        ("5e57c739-391a-4eb3-b6be-7d15ca92d5ed", RED),
    )
}
_IEP: Final = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
_TLP_1: Final = {"white": CLEAR, "clear": CLEAR, "green": GREEN, "amber": AMBER, "red": RED}

# To whom one who was told may tell it on. TLP 2.0, section 4:
# a. (RED) "Recipients may therefore not share TLP:RED information with anyone else."
# b. AMBER: "Recipients may share TLP:AMBER information with members of their own organization and its clients, but only on
#    a need-to-know basis"; "TLP:AMBER+STRICT restricts sharing to the organization only."
# c. GREEN: "Recipients may share TLP:GREEN information with peers and partner organizations within their community, but
#    not via publicly accessible channels."
# d. (CLEAR) "Recipients may share this information without restriction."
# Clients are (section 3) by definition on the side of those who are served, who belong to what GREEN calls the community.
TOLD_ON: Final[Mapping[int, frozenset[str]]] = {
    RED: frozenset(),
    STRICT: frozenset({"organisation"}),
    AMBER: frozenset({"organisation", "client"}),
    GREEN: frozenset({"organisation", "client", "community"}),
    CLEAR: frozenset({"organisation", "client", "community", "public"}),
}
# IEP 2.0, "Permitted Actions": NONE, CONTACT FOR INSTRUCTION and INTERNALLY VISIBLE ACTIONS let nothing be seen outside
# the recipient's own network, so what they are on isn't handed to another.
_SEEN_OUTSIDE: Final = frozenset({"externally-visible-indirect-actions", "externally-visible-direct-actions"})


def marks(document: Mapping[str, Any]) -> list[str]:
    """The markings on an object, those on parts of it too: the strictest of a part is that of the whole."""
    return [
        *document.get("object_marking_refs", []),
        *(one["marking_ref"] for one in document.get("granular_markings", []) if "marking_ref" in one),
    ]


def label(document: Mapping[str, Any], unmarked: int, policies: Mapping[str, Mapping[str, Any]]) -> int:
    """The label that an object carries; `unmarked` where it carries none. What nobody has explained is RED."""
    found = []
    for mark in marks(document):
        if mark in MARKS:
            found.append(MARKS[mark])
        elif mark in policies:
            tlp = policies[mark].get("tlp")
            found += [] if tlp is None else [_TLP_1[str(tlp).lower()]]
        else:
            found.append(RED)
    return max(found, default=unmarked)


def policy(definition: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The information exchange policy that a marking-definition holds; None where it holds none."""
    return definition.get("extensions", {}).get(_IEP)  # type: ignore[no-any-return]


def policy_lets(policies: Iterable[Mapping[str, Any]], relation: str, *, at: int, encrypted: bool) -> bool:
    """Whether all these policies let an object be handed on at a time. IEP 2.0: start_date, end_date, encrypt_in_transit."""
    for one in policies:
        if one.get("start_date") is not None and at < _micros(one["start_date"]):
            return False
        if one.get("end_date") is not None and at >= _micros(one["end_date"]):
            return False
        if one.get("encrypt_in_transit", "may") != "may" and not encrypted:
            return False
        if relation != "organisation" and one["permitted_actions"] not in _SEEN_OUTSIDE:
            return False
    return True


def edges(policies: Iterable[Mapping[str, Any]]) -> list[int]:
    """When these policies begin and end."""
    return [_micros(one[name]) for one in policies for name in ("start_date", "end_date") if one.get(name)]


def _micros(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1_000_000)


def read(raw: bytes) -> dict[str, Any]:
    """A document."""
    found: dict[str, Any] = json.loads(raw)
    return found
