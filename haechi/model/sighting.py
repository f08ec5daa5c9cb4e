"""What was seen: one event (or several) that one value, rule or behaviour hit."""

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
