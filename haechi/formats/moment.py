"""Times as files write them: RFC 3339, a bare date, or seconds since 1970, as integer microseconds UTC."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from haechi.model.errors import BadInput
from haechi.model.location import Location

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST, _NEWEST = 0, 253_402_300_799_000_000  # 1970 to 9999
_LONGEST = 40  # characters of a text that is remembered


def micros(text: str) -> int:
    """Microseconds since 1970-01-01 UTC. A time without zone is UTC, as STIX and MISP mean it.

    >>> micros("1970-01-02"), micros("1970-01-01T00:00:01.5Z"), micros("1")
    (86400000000, 1500000, 1000000)
    """
    return _remembered(text) if len(text) <= _LONGEST else _micros(text)


def _micros(text: str) -> int:
    bare = text.strip()
    if bare.isascii() and bare.isdigit():
        found = int(bare) * 1_000_000 if len(bare) <= 11 else -1
    else:
        try:
            moment = datetime.fromisoformat(bare)
        except ValueError:
            raise BadInput("time.unreadable", location=Location(value=text)) from None
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        found = (moment - _EPOCH) // timedelta(microseconds=1)
    if not _OLDEST <= found <= _NEWEST:
        raise BadInput("time.out_of_range", location=Location(value=text))
    return found


_remembered = lru_cache(maxsize=4096)(_micros)  # a file's objects share their times


def of(item: Mapping[str, Any], field: str) -> int | None:
    """The time in a field of a JSON object; None where it isn't there. BadInput that names the field."""
    said = item.get(field)
    if said is None:
        return None
    value = said if isinstance(said, str) else str(said) if type(said) is int else ""
    try:
        return micros(value)
    except BadInput as error:
        raise error.at(Location(field=field, value=value)) from None
