"""What was seen: one event (or several) that one value, rule or behaviour hit."""

from enum import StrEnum

import msgspec


class EventId(msgspec.Struct, frozen=True, order=True):
    """(input id, byte offset in the decompressed stream): stable through compaction and replay."""

    input_id: int
    offset: int

    def __str__(self) -> str:
        return f"event--{self.input_id}-{self.offset}"


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Ids and our own value, never a copy of foreign context. Times in microseconds UTC."""

    matcher: str  # value | pattern | rule | behaviour
    matcher_id: int  # value: the catalog's value id
    matcher_version: int
    field: str  # the event column that was hit
    value: str  # our own log's text
    events: tuple[EventId, ...]
    first: int
    last: int
    matched_at: int


class Kind(StrEnum):
    """What another's word on an indicator says."""

    SEEN = "seen"
    FALSE_POSITIVE = "false-positive"  # STIX: a sighting with count 0, an opinion that disagrees; MISP sighting type 1
    EXPIRATION = "expiration"  # MISP sighting type 2


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a source says of having met an indicator. Times in microseconds UTC; None where it doesn't say."""

    of: str  # the indicator's id, as we received it or gave it out
    kind: Kind
    count: int
    first: int | None = None
    last: int | None = None
    where: tuple[str, ...] = ()  # ids of the source's identities (of a class) and locations
