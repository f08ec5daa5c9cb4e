"""Sharing labels: TLP 2.0 and PAP, their ids in the wild, and which of two is stricter.

Sources: FIRST TLP 2.0 (August 2022); STIX 2.1 section 7.2; the OASIS TLP 2.0 and PAP extension definitions.
Rules (DATA-MODEL.md, 4): unmarked is AMBER+STRICT, a marking not understood is RED, several give the strictest,
a statement marking restricts nothing.
"""

from collections.abc import Iterable
from enum import IntEnum


class Tlp(IntEnum):
    """TLP 2.0, least strict first, so that max() is "the stricter of". Labels are never translated."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    AMBER_STRICT = 3
    RED = 4

    @property
    def label(self) -> str:
        """The label as FIRST writes it, with its prefix: `TLP:AMBER+STRICT`."""
        return "TLP:" + self.name.replace("_", "+")


class Pap(IntEnum):
    """Permissible Actions Protocol, least strict first. Source: MISP taxonomy PAP."""

    CLEAR = 0
    GREEN = 1
    AMBER = 2
    RED = 3

    @property
    def label(self) -> str:
        return "PAP:" + self.name


UNMARKED = Tlp.AMBER_STRICT
NOT_UNDERSTOOD = Tlp.RED

STIX_TLP: dict[str, Tlp] = {
    # TLP 2.0 extension objects
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
    # TLP 1 objects of STIX 2.0 and 2.1
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
    # OpenCTI's AMBER+STRICT, a statement marking in TLP 1 times
    "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37": Tlp.AMBER_STRICT,
}

# What is written: the TLP 2.0 extension objects, whatever generation came in.
TLP_OBJECTS: dict[Tlp, str] = {tlp: id for id, tlp in list(STIX_TLP.items())[:5]}

STIX_PAP: dict[str, Pap] = {
    "marking-definition--ad15a0cd-55b6-4588-a14c-a66105329b92": Pap.CLEAR,
    "marking-definition--c43594d1-4b11-4c59-93ab-1c9b14d53ce9": Pap.GREEN,
    "marking-definition--60f8932b-e51e-4458-b265-a2e8be9a80ab": Pap.AMBER,
    "marking-definition--740d36e5-7714-4c30-961a-3ae632ceee0e": Pap.RED,
    "marking-definition--a3bea94c-b469-41dc-9cfe-d6e7daba7730": Pap.CLEAR,  # its older name, WHITE
}
PAP_OBJECTS: dict[Pap, str] = {pap: id for id, pap in list(STIX_PAP.items())[:4]}


def parse_tlp(label: str) -> Tlp:
    """The TLP of a label in any usual spelling (`tlp:amber+strict`, `TLP:WHITE`, `Amber`); RED if not understood.

    >>> parse_tlp("tlp:white").label
    'TLP:CLEAR'
    >>> parse_tlp("tlp:ex:chr").label
    'TLP:RED'
    """
    name = label.strip().upper().removeprefix("TLP:").replace(" ", "").replace("+", "_").replace("-", "_")
    if name == "WHITE":
        return Tlp.CLEAR
    return Tlp[name] if name in Tlp.__members__ else NOT_UNDERSTOOD


def parse_pap(label: str) -> Pap:
    """The PAP of a label (`PAP:AMBER`, `pap:white`); RED if not understood."""
    name = label.strip().upper().removeprefix("PAP:")
    if name == "WHITE":
        return Pap.CLEAR
    return Pap[name] if name in Pap.__members__ else Pap.RED


def strictest(labels: Iterable[Tlp]) -> Tlp:
    """The strictest of several labels; AMBER+STRICT when there is none."""
    return max(labels, default=UNMARKED)
