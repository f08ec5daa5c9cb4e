from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from haechi.report import format as formats


def test_a_time_beyond_the_calendar_is_still_shown() -> None:
    assert formats.time(2**62) == f"{2**62} us"
    assert formats.time(None) == ""
    assert formats.iso(None) is None


def test_zones_by_name() -> None:
    assert formats.time(0, "KST") == "1970-01-01 09:00:00 KST"
    assert formats.time(0, "Taipei") == "1970-01-01 08:00:00 Taipei"


def test_size_carries_to_the_next_unit() -> None:
    assert [formats.size(n) for n in (0, 999_600, 99_960_000, 5e15)] == ["0 B", "1.0 MB", "100 MB", "5000 TB"]


@given(st.integers(min_value=-(10**15), max_value=10**15))
def test_iso_is_exact(at: int) -> None:
    shown = formats.iso(at)
    assert shown is not None
    assert datetime.fromisoformat(shown) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at)
