"""What a parser of indicators hands on: one object of a source with its values (or a BadInput, for what it refuses).

A STIX indicator or a MISP attribute is one object. A plain list or CSV is one object per distinct marking,
confidence, validity and context, with up to a million values, handed on in blocks of the same attributes.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from haechi.messages.catalogue import Message
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import UNMARKED, Pap, Tlp
from haechi.model.release import Iep
from haechi.model.sighting import Word

INDICATOR: Final = "indicator"


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """A pattern that is kept and not evaluated yet, with the reasons (several where parts of it are left out)."""

    pattern_type: str  # stix, sigma, yara, snort: STIX 2.1's pattern-type-ov
    pattern: str
    reasons: tuple[Message, ...]


class SourceObject(msgspec.Struct, frozen=True, kw_only=True):
    """One object of a source. Times in microseconds UTC; `values` holds texts in normal form by type.

    `object_id` "" says that this is part of a list: the loader names it after the list and its attributes.
    """

    object_id: str
    type: str = INDICATOR  # STIX type; of lists and MISP attributes, too, INDICATOR
    creator: str = ""  # STIX created_by_ref: only who created an object updates it
    version: str = ""  # as the source writes it: STIX modified, MISP timestamp
    modified: int = 0  # the same as a time, so that versions can be put in order
    marking: Tlp = UNMARKED
    pap: Pap | None = None
    iep: Iep | None = None
    confidence: int | None = None
    valid_from: int | None = None
    valid_until: int | None = None
    context: Context = Context()
    raw: bytes | None = None  # the object as received
    digest: bytes | None = None  # SHA-256 of its content in a form without order and white space; None: not made yet
    values: Mapping[ValueType, Sequence[str]] = {}
    patterns: tuple[Pattern, ...] = ()
    words: tuple[Word, ...] = ()  # of a sighting or an opinion
    unversioned: bool = False  # it has no versions (a STIX cyber-observable): other content replaces it
    revoked: bool = False
    line: int | None = None
