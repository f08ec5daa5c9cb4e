"""Timestamps against datetime: every form, zones given and inferred, years inferred; what can't be is refused."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.normal_forms.time_kernel import TimeRule, parse_time, usual_time
from haechi.ingest.refusal import BAD_TIME, NO_ZONE, OK
from haechi.model.jit import Num, kernel


@kernel
def _parse(buf: Num, n: Num, by: TimeRule) -> Num:
    """Parts of a kernel can't be called from Python."""
    return parse_time(buf, np.int64(0), n, by)


@kernel
def _usual(buf: Num, n: Num) -> Num:
    return usual_time(buf, np.int64(0), n)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NEWEST = datetime(2026, 3, 10, 12, tzinfo=UTC)
FAR = np.int64(2**62)


def micros(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def rule(minutes: int | None = 0, newest: datetime = NEWEST) -> TimeRule:
    known = [] if minutes is None else [minutes]
    return TimeRule(
        np.array([-(2**62)] * len(known), np.int64), np.array(known, np.int64), np.int64(micros(newest)), -FAR, FAR
    )


def parse(text: str, by: TimeRule | None = None) -> tuple[int, ...]:
    buf = np.frombuffer(text.encode() + bytes(64), np.uint8).copy()
    return tuple(int(x) for x in _parse(buf, len(text.encode()), by or rule()))


_moments = st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31))  # noqa: DTZ001 (zones are drawn apart)
_zones = st.integers(-14 * 60, 14 * 60)


@given(_moments, _zones, st.sampled_from("T "), st.sampled_from(["", ":"]), st.sampled_from(".,"))
def test_iso(moment: datetime, zone: int, between: str, colon: str, point: str) -> None:
    when = moment.replace(tzinfo=timezone(timedelta(minutes=zone)))
    sign = "-" if zone < 0 else "+"
    text = f"{moment:%Y-%m-%d}{between}{moment:%H:%M:%S}{point}{moment.microsecond:06}{sign}{abs(zone) // 60:02}{colon}{abs(zone) % 60:02}"
    assert parse(text) == (OK, micros(when), zone, 0)
    assert parse(f"{moment:%Y-%m-%dT%H:%M:%S}Z") == (OK, micros(moment.replace(tzinfo=UTC, microsecond=0)), 0, 0)


@given(_moments, _zones)
def test_common_log_format(moment: datetime, zone: int) -> None:
    when = moment.replace(tzinfo=timezone(timedelta(minutes=zone)), microsecond=0)
    sign = "-" if zone < 0 else "+"
    text = f"{moment:%d/%b/%Y:%H:%M:%S} {sign}{abs(zone) // 60:02}{abs(zone) % 60:02}"
    assert parse(text) == parse(f"[{text}]") == (OK, micros(when), zone, 0)


@given(st.integers(0, 10**10 - 1), st.integers(0, 999_999))
def test_epoch(seconds: int, fraction: int) -> None:
    assert parse(f"{seconds}.{fraction:06}") == (OK, seconds * 1_000_000 + fraction, 0, 0)
    assert parse(str(seconds)) == (OK, seconds * 1_000_000, 0, 0)


@given(st.integers(10**11, 10**14 - 1))
def test_epoch_in_milliseconds(value: int) -> None:
    assert parse(str(value)) == (OK, value * 1000, 0, 0)


@given(st.timedeltas(timedelta(0), timedelta(days=364)), st.sampled_from([0, 480, 540, -300]))
def test_a_year_is_the_latest_that_is_not_ahead(ago: timedelta, minutes: int) -> None:
    when = (NEWEST - ago).replace(microsecond=0)
    local = when + timedelta(minutes=minutes)
    text = f"{local:%b} {local.day:2} {local:%H:%M:%S}"
    assert parse(text, rule(minutes)) == (OK, micros(when), minutes, 3)


def test_the_29th_of_february_falls_in_a_leap_year() -> None:
    code, value, _, _ = parse("Feb 29 10:00:00")
    assert (code, value) == (OK, micros(datetime(2024, 2, 29, 10, tzinfo=UTC)))


def test_a_year_may_be_written() -> None:
    assert parse("Dec 10 2020 06:55:46", rule(540)) == (
        OK,
        micros(datetime(2020, 12, 9, 21, 55, 46, tzinfo=UTC)),
        540,
        2,
    )


@pytest.mark.parametrize("text", ["2026-03-10T00:00:00", "Mar 10 00:00:00"])
def test_no_zone_and_none_known(text: str) -> None:
    assert parse(text, rule(None))[0] == NO_ZONE


@pytest.mark.parametrize(
    "text",
    ["", "-", "yesterday", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-03-10T24:00:00Z", "2026-03-10T00:60:00Z",
     "2026-03-10T00:00:00+25:00", "2026-03-10T00:00:00 CST", "Foo 10 00:00:00", "10/Foo/2026:00:00:00 +0000",
     "123456789012345678", "1.5.5", "20260310", "2026-03-10T00:00:00Zx"],
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    if text == "20260310":  # eight digits are seconds since 1970, as Zeek writes
        assert parse(text)[0] == OK
    else:
        assert parse(text)[0] == BAD_TIME


@given(st.binary(max_size=40))
def test_no_bytes_break_it(text: bytes) -> None:
    buf = np.frombuffer(text + bytes(64), np.uint8).copy()
    assert int(_parse(buf, len(text), rule())[0]) in {OK, BAD_TIME, NO_ZONE}


_rest_of_a_time = st.from_regex(r"\A[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}(Z|[+-][0-9]{4})\Z")


@given(
    _rest_of_a_time
    | st.tuples(_rest_of_a_time, st.integers(0, 19), st.characters(codec="ascii")).map(
        lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]
    )
)
def test_the_usual_form_is_read_as_the_general_one_or_left_to_it(rest: str) -> None:
    buf = np.frombuffer(rest.encode() + bytes(64), np.uint8).copy()
    ok, of_day, minutes = _usual(buf, len(rest))
    code, value, east, _ = parse("2026-03-09T" + rest)
    midnight = micros(datetime(2026, 3, 9, tzinfo=UTC))
    if ok:
        assert (code, value, east) == (OK, midnight + int(of_day) - int(minutes) * 60_000_000, int(minutes))


@given(_moments, _zones)
def test_the_usual_form_is_met(moment: datetime, zone: int) -> None:
    rest = f"{moment:%H:%M:%S}.{moment.microsecond:06}{'-' if zone < 0 else '+'}{abs(zone) // 60:02}{abs(zone) % 60:02}"
    buf = np.frombuffer(rest.encode() + bytes(64), np.uint8).copy()
    ok, of_day, minutes = _usual(buf, len(rest))
    assert ok
    assert of_day == (moment - moment.replace(hour=0, minute=0, second=0, microsecond=0)) // timedelta(microseconds=1)
    assert minutes == zone
