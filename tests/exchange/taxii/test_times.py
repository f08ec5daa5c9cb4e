import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange.taxii.times import added, parsed


@given(st.integers(0, 253_402_300_799_999_999))
def test_what_is_written_is_read_as_the_same_place(at: int) -> None:
    assert parsed(added(at)) == at
    assert len(added(at)) == 27


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T00:00:01.123456789Z", 1_123_456),  # cut off, so that nothing later is skipped
        ("1969-12-31T23:59:59Z", -1_000_000),
        ("2026-02-30T00:00:00Z", None),
        ("2026-02-03", None),
        ("2026-02-03T00:00:00", None),
        ("2026-02-03T00:00:00+09:00", None),
        ("2026-02-03t00:00:00z", None),
        ("٢٠٢٦-02-03T00:00:00Z", None),
        ("", None),
    ],
)
def test_timestamps(said: str, at: int | None) -> None:
    assert parsed(said) == at
