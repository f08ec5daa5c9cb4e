"""Timestamps as text to microseconds UTC. The shape of the text says which form it is; no format string is needed.

Forms: ISO 8601 / RFC 3339 (`2026-11-01T00:00:00.123456+0800`, space for T, comma for the point), epoch seconds with a
fraction or milliseconds (`1521911720.629574`, `1436755482000`), RFC 3164 and CEF (`Dec 10 06:55:46`, with or without
year), Common Log Format (`10/Oct/2000:13:55:36 -0700`).
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.refusal import BAD_TIME, NO_ZONE, OK
from haechi.model.clock import DAY
from haechi.model.jit import Num, byte_at, inlined, load64, part

U = np.uint64
MICRO = 1_000_000


class TimeRule(NamedTuple):
    """What a text without zone or year takes: the sensor's zone as its offset changes, and the file's own time."""

    local_from: npt.NDArray[np.int64]  # local microseconds from which `minutes` holds; empty: no zone known
    minutes: npt.NDArray[np.int64]  # offset from UTC, minutes east
    newest: np.int64  # microseconds UTC: a text without year is the latest such date not after this
    oldest: np.int64  # microseconds UTC: what lies before this, or after `latest`, is impossible
    latest: np.int64


@inlined
def days_from_civil(year: Num, month: Num, day: Num) -> Num:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms")."""
    y = year - (month <= 2)
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@inlined
def month_length(year: Num, month: Num) -> Num:
    if month == 2:
        return 29 if (year % 4 == 0 and year % 100 != 0) or year % 400 == 0 else 28
    return 30 if month == 4 or month == 6 or month == 9 or month == 11 else 31


@inlined
def two(buf: Num, i: Num) -> Num:
    """The two digits at i, or a number below zero."""
    high, low = np.int64(byte_at(buf, i)) - 48, np.int64(byte_at(buf, i + 1)) - 48
    return high * 10 + low if 0 <= high <= 9 and 0 <= low <= 9 else -1000


@part
def month_number(buf: Num, i: Num) -> Num:
    """1 to 12 for an English month's first three letters, else 0."""
    word = load64(buf, i) & U(0xDFDFDF)
    names = (
        0x4E414A,
        0x424546,
        0x52414D,
        0x525041,
        0x59414D,
        0x4E554A,
        0x4C554A,
        0x475541,
        0x504553,
        0x54434F,
        0x564F4E,
        0x434544,
    )
    for k in range(12):
        if word == U(names[k]):
            return k + 1
    return 0


@part
def zone_minutes(rule: TimeRule, local: Num) -> Num:
    """The rule's offset at a local time; of an hour that occurs twice the first."""
    k = rule.local_from.shape[0] - 1
    while k > 0 and rule.local_from[k] > local:
        k -= 1
    return rule.minutes[k]


@inlined
def clock_time(buf: Num, i: Num, end: Num) -> Num:
    """(ok, microseconds of the day, next) of `hh:mm:ss` with a fraction of any length at i."""
    hour, minute, second = two(buf, i), two(buf, i + 3), two(buf, i + 6)
    ok = i + 8 <= end and byte_at(buf, i + 2) == 58 and byte_at(buf, i + 5) == 58
    ok = ok and 0 <= hour <= 23 and 0 <= minute <= 59 and 0 <= second <= 60
    value = ((hour * 60 + minute) * 60 + second) * MICRO
    i += 8
    if i < end and (byte_at(buf, i) == 46 or byte_at(buf, i) == 44):
        i += 1
        unit = np.int64(100_000)
        while i < end and 48 <= byte_at(buf, i) <= 57:
            value += (np.int64(byte_at(buf, i)) - 48) * unit
            unit //= 10
            i += 1
    return ok, value, i


@inlined
def zone_at(buf: Num, i: Num, end: Num) -> Num:
    """(1 found, 0 none, -1 bad; minutes east) of `Z`, `+hh`, `+hhmm`, `+hh:mm`, `UTC`, `GMT+hh:mm`, `KST` at i."""
    if i < end and byte_at(buf, i) == 32:
        i += 1
    if i >= end:
        return 0, np.int64(0)
    if (byte_at(buf, i) == 90 or byte_at(buf, i) == 122) and i + 1 == end:
        return 1, np.int64(0)
    if i + 3 <= end and byte_at(buf, i) >= 65:
        # CEF writes a zone's name: only those that mean one zone (CST is Taipei's and Chicago's)
        name = load64(buf, i) & U(0xFFFFFF)
        if name == U(0x54534B) and i + 3 == end:  # KST
            return 1, np.int64(540)
        if name != U(0x435455) and name != U(0x544D47):  # UTC, GMT
            return -1, np.int64(0)
        i += 3
        if i == end:
            return 1, np.int64(0)
    if (byte_at(buf, i) == 43 or byte_at(buf, i) == 45) and i + 3 <= end:
        hours, minutes, k = two(buf, i + 1), np.int64(0), i + 3
        if k < end and byte_at(buf, k) == 58:
            k += 1
        if k + 2 <= end:
            minutes = two(buf, k)
            k += 2
        if k == end - 1 and byte_at(buf, k) == 90:  # `+00:00Z`, as some relays write
            k += 1
        if k == end and 0 <= hours <= 18 and 0 <= minutes <= 59:
            total = hours * 60 + minutes
            return 1, -total if byte_at(buf, i) == 45 else total
    return -1, np.int64(0)


@inlined
def usual_time(buf: Num, i: Num, end: Num) -> Num:
    """(ok, microseconds of the day, minutes east) of `hh:mm:ss.ffffff+hhmm` or `hh:mm:ss.ffffffZ` at i, up to the end.

    The commonest form, a word at a time: a digit's high nibble is 3 and its low one plus 6 doesn't carry. Not ok means
    only that it is another form.
    """
    word, fraction, zone = load64(buf, i), load64(buf, i + 9) & U(0xFFFFFFFFFFFF), load64(buf, i + 16) & U(0xFFFFFFFF)
    utc = i + 16 == end and (byte_at(buf, i + 15) | 32) == 122
    ok = word & U(0xF0F0FFF0F0FFF0F0) == U(0x30303A30303A3030) and byte_at(buf, i + 8) == 46
    ok = ok and (word + U(0x0606000606000606)) & U(0xF0F000F0F000F0F0) == U(0x3030003030003030)
    ok = ok and fraction & U(0xF0F0F0F0F0F0) == U(0x303030303030)
    ok = ok and (fraction + U(0x060606060606)) & U(0xF0F0F0F0F0F0) == U(0x303030303030)
    if not utc:
        ok = ok and i + 20 == end and (byte_at(buf, i + 15) == 43 or byte_at(buf, i + 15) == 45)
        ok = ok and zone & U(0xF0F0F0F0) == U(0x30303030) and (zone + U(0x06060606)) & U(0xF0F0F0F0) == U(0x30303030)
    hour = np.int64((word & U(15)) * U(10) + ((word >> U(8)) & U(15)))
    minute = np.int64(((word >> U(24)) & U(15)) * U(10) + ((word >> U(32)) & U(15)))
    second = np.int64(((word >> U(48)) & U(15)) * U(10) + ((word >> U(56)) & U(15)))
    pairs = (fraction & U(0x0F0F0F0F0F0F)) * U(2561) >> U(8)  # each two digits as one number, in every other byte
    micro = np.int64((pairs & U(255)) * U(10000) + ((pairs >> U(16)) & U(255)) * U(100) + ((pairs >> U(32)) & U(255)))
    east = np.int64(0)
    if not utc:
        hours = np.int64((zone & U(15)) * U(10) + ((zone >> U(8)) & U(15)))
        minutes = np.int64(((zone >> U(16)) & U(15)) * U(10) + ((zone >> U(24)) & U(15)))
        ok = ok and hours <= 18 and minutes <= 59
        east = hours * 60 + minutes
        if byte_at(buf, i + 15) == 45:
            east = -east
    ok = ok and hour <= 23 and minute <= 59 and second <= 60
    return ok, ((hour * 60 + minute) * 60 + second) * MICRO + micro, east


@part
def _epoch(buf: Num, a: Num, b: Num) -> Num:
    whole, digits, i = np.int64(0), 0, a
    while i < b and 48 <= byte_at(buf, i) <= 57 and digits < 18:
        whole = whole * 10 + (np.int64(byte_at(buf, i)) - 48)
        digits += 1
        i += 1
    if digits >= 12 and i == b:
        return (OK if digits <= 14 else BAD_TIME), whole * 1000
    fraction, unit = np.int64(0), np.int64(100_000)
    if i < b and byte_at(buf, i) == 46 and digits > 0:
        i += 1
        while i < b and 48 <= byte_at(buf, i) <= 57:
            fraction += (np.int64(byte_at(buf, i)) - 48) * unit
            unit //= 10
            i += 1
    return (OK if i == b and 0 < digits <= 11 else BAD_TIME), whole * MICRO + fraction


@part
def parse_time(buf: Num, a: Num, b: Num, rule: TimeRule) -> Num:
    """(code, microseconds UTC, offset minutes, inferred) of the text buf[a:b]; inferred: 1 the year, 2 the zone, 3 both."""
    if a < b and byte_at(buf, a) == 91:  # [10/Oct/2000:13:55:36 -0700]
        a += 1
        if byte_at(buf, b - 1) == 93:
            b -= 1
    n = b - a
    failed = (BAD_TIME, np.int64(0), np.int64(0), 0)
    if n < 8:
        if n > 0 and 48 <= byte_at(buf, a) <= 57:
            code, value = _epoch(buf, a, b)
            return code, value, np.int64(0), 0
        return failed
    inferred = 0
    if byte_at(buf, a + 4) == 45 and n >= 19:  # 2026-11-01T00:00:00
        century, rest, month, day = two(buf, a), two(buf, a + 2), two(buf, a + 5), two(buf, a + 8)
        year = century * 100 + rest
        if (
            century < 0
            or rest < 0
            or byte_at(buf, a + 7) != 45
            or (byte_at(buf, a + 10) != 84 and byte_at(buf, a + 10) != 32 and byte_at(buf, a + 10) != 116)
        ):
            return failed
        at = a + 11
    elif byte_at(buf, a + 2) == 47 and n >= 20:  # 10/Oct/2000:13:55:36
        day, month = two(buf, a), np.int64(month_number(buf, a + 3))
        century, rest = two(buf, a + 7), two(buf, a + 9)
        year = century * 100 + rest
        if century < 0 or rest < 0 or byte_at(buf, a + 6) != 47 or byte_at(buf, a + 11) != 58:
            return failed
        at = a + 12
    elif (
        (65 <= byte_at(buf, a) <= 90) and n >= 15 and byte_at(buf, a + 3) == 32
    ):  # Dec 10 06:55:46, Dec 10 2026 06:55:46
        month = np.int64(month_number(buf, a))
        day = np.int64(byte_at(buf, a + 5)) - 48 if byte_at(buf, a + 4) == 32 else two(buf, a + 4)
        at = a + 7
        if byte_at(buf, a + 6) != 32:
            return failed
        if n >= 20 and byte_at(buf, a + 11) == 32:
            century, rest = two(buf, a + 7), two(buf, a + 9)
            year = century * 100 + rest
            if century < 0 or rest < 0:
                return failed
            at = a + 12
        else:
            year = np.int64(0)
            inferred = 1
    else:
        code, value = _epoch(buf, a, b)
        return code, value, np.int64(0), 0
    ok, of_day, i = clock_time(buf, at, b)
    if not ok or month < 1 or month > 12 or day < 1 or day > 31:
        return failed
    found, minutes = zone_at(buf, i, b)
    if found < 0:
        return failed
    if found == 0:
        if rule.local_from.shape[0] == 0:
            return NO_ZONE, np.int64(0), np.int64(0), 0
        inferred |= 2
    if inferred & 1:
        # The latest such date that isn't after the file's own time (RFC 3164, 4.1.2, has no year).
        newest_day = rule.newest // DAY
        year = np.int64(1970) + newest_day * 400 // 146097 + 1
        while year > 1970:
            if day <= month_length(year, month):
                local = days_from_civil(year, month, day) * DAY + of_day
                if local - (minutes if found else zone_minutes(rule, local)) * 60 * MICRO <= rule.newest:
                    break
            year -= 1
    if day > month_length(year, month):
        return failed
    local = days_from_civil(year, month, day) * DAY + of_day
    if found == 0:
        minutes = zone_minutes(rule, local)
    return OK, local - minutes * 60 * MICRO, minutes, inferred
