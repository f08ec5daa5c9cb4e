"""Sizes, rates, durations and times as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

ZONES = {"KST": ZoneInfo("Asia/Seoul"), "Taipei": ZoneInfo("Asia/Taipei")}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def size(count: float) -> str:
    """Bytes in powers of 1000 (IEC 80000-13: kB, MB).

    >>> size(999), size(1500), size(408_000_000)
    ('999 B', '1.5 kB', '408 MB')
    """
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        count /= 1000
        if count < 999.5 or unit == "TB":
            break
    return f"{count:.1f} {unit}" if count < 99.95 else f"{count:.0f} {unit}"


def number(count: int) -> str:
    """A count with thousands apart.

    >>> number(4020000)
    '4,020,000'
    """
    return f"{count:,}"


def rate(count: float, seconds: float, unit: str = "events") -> str:
    """How many a second, to three figures; nothing is claimed of no time.

    >>> rate(1_000_000, 0.9), rate(500, 10), rate(5, 0)
    ('1.11 M events/s', '50 events/s', '- events/s')
    """
    if seconds <= 0:
        return f"- {unit}/s"
    each = count / seconds
    for factor, letter in ((1e6, " M"), (1e3, " k")):
        if each >= factor:
            return f"{each / factor:.3g}{letter} {unit}/s"
    return f"{each:.3g} {unit}/s"


def duration(microseconds: int) -> str:
    """A span in its two largest units.

    >>> duration(1_500), duration(2_340_000), duration(3_725_000_000), duration(-60_000_000)
    ('1.5 ms', '2.34 s', '1 h 2 min', '-1 min 0 s')
    """
    if microseconds < 0:
        return "-" + duration(-microseconds)
    if microseconds < 1_000_000:
        return f"{microseconds / 1000:.3g} ms"
    if microseconds < 60_000_000:
        return f"{microseconds / 1e6:.3g} s"
    seconds = microseconds // 1_000_000
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"


def time(at: int | None, zone: str = "UTC") -> str:
    """A time (microseconds UTC) to the second with its zone's name: UTC, KST or Taipei; "" for none.

    >>> time(1_700_000_000_000_000), time(1_700_000_000_000_000, "KST")
    ('2023-11-14 22:13:20 UTC', '2023-11-15 07:13:20 KST')
    """
    if at is None:
        return ""
    try:
        moment = _EPOCH + timedelta(microseconds=at)
        shown = moment if zone == "UTC" else moment.astimezone(ZONES[zone])
    except OverflowError:
        return f"{at} us"
    return f"{shown:%Y-%m-%d %H:%M:%S} {zone}"


def iso(at: int | None) -> str | None:
    """A time as RFC 3339 with microseconds, for machines; None for none.

    >>> iso(1_700_000_000_000_001)
    '2023-11-14T22:13:20.000001Z'
    """
    if at is None:
        return None
    moment = _EPOCH + timedelta(microseconds=at)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}Z"
