import time

from haechi.model.clock import FixedClock, SystemClock


def test_the_system_clock_gives_microseconds_utc() -> None:
    assert abs(SystemClock().now() - time.time() * 1e6) < 5e6  # noqa: TID251 (the clock itself is under test)


def test_a_fixed_clock_stands_until_it_is_set() -> None:
    clock = FixedClock(5)
    assert (clock.now(), clock.now()) == (5, 5)
    clock.at = 7
    assert clock.now() == 7
