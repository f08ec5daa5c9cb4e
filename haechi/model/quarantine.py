"""A record that could not be read, kept whole so that it can be read again."""

import msgspec

from haechi.model.location import Location


class Quarantined(msgspec.Struct, frozen=True, kw_only=True):
    """A refused record. `raw` is its original bytes: a replay needs nothing else."""

    location: Location
    reason: str
    raw: bytes
    reader: str
    input_id: int
    at: int  # when it was refused, microseconds UTC
