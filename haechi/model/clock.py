"""Time comes only from a clock that is passed in, so a test or the demo can run on its own time."""

import time
from typing import Protocol

DAY = 86_400_000_000  # microseconds


class Clock(Protocol):
    """Gives the time as integer microseconds since 1970-01-01 UTC."""

    def now(self) -> int: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        return time.time_ns() // 1000


class FixedClock:
    """A clock that stands still until it is set: for the demo and for tests."""

    def __init__(self, at: int) -> None:
        self.at = at

    def now(self) -> int:
        return self.at
