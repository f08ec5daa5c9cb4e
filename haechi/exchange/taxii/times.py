"""Times as TAXII writes them: RFC 3339 in UTC with a Z (TAXII 2.1, 2 `timestamp`), here as microseconds."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FORM = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?Z", re.ASCII)


def added(at: int) -> str:
    """A `date_added`: always with six digits, so that what is read back is the same place.

    >>> added(1_500_000)
    '1970-01-01T00:00:01.500000Z'
    """
    second, fraction = divmod(at, 1_000_000)
    return f"{_second(second)}.{fraction:06d}Z"


@lru_cache(maxsize=4096)
def _second(at: int) -> str:
    return (_EPOCH + timedelta(seconds=at)).isoformat()[:19]


def parsed(said: str) -> int | None:
    """The microseconds since 1970, later digits cut off; None where it is no timestamp. Before 1970 is less than 0.

    >>> parsed("1970-01-01T00:00:01.5Z"), parsed("yesterday")
    (1500000, None)
    """
    form = _FORM.fullmatch(said)
    if form is None:
        return None
    try:
        whole = datetime.fromisoformat(form[1]).replace(tzinfo=UTC)
    except ValueError:  # the 30th of February
        return None
    return (whole - _EPOCH) // timedelta(microseconds=1) + int((form[2] or "0").ljust(6, "0")[:6])
