"""Failed logins by address: after ten within a minute an address waits a minute, whoever it says it is.

What is refused is told in the audit log once a minute for each reason, with its count: nobody fills the disk by failing.

Kept in memory: a restart forgives. Addresses are forgotten with their minute, and the oldest beyond ten thousand.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

WINDOW: Final = 60_000_000  # microseconds
MOST_FAILURES: Final = 10  # in a window
_MOST_ADDRESSES: Final = 10_000


class Failures:
    """Counts failed logins; any number of threads may ask."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, tuple[int, int]] = OrderedDict()  # address: (begun, count)
        self._lock = Lock()

    def blocked(self, address: str, now: int) -> bool:
        """Whether the address must wait."""
        begun, count = self._found.get(address, (0, 0))
        return count >= MOST_FAILURES and now - begun < WINDOW

    def failed(self, address: str, now: int) -> bool:
        """Count a failed login; whether the address has just become one that must wait."""
        with self._lock:
            begun, count = self._found.pop(address, (now, 0))
            if now - begun >= WINDOW:
                begun, count = now, 0
            self._found[address] = (begun, count + 1)
            while len(self._found) > _MOST_ADDRESSES:
                self._found.popitem(last=False)
            return count + 1 == MOST_FAILURES


class Refusals:
    """Counts what is refused, by reason (an error's id: their number is bounded); any number of threads may ask."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, int]] = {}  # reason: (told at, refused since)
        self._lock = Lock()

    def due(self, why: str, now: int) -> int:
        """How many were refused for this reason since it was last told, with this one; 0 where it isn't time yet."""
        with self._lock:
            told, count = self._found.get(why, (now - WINDOW, 0))
            due = now - told >= WINDOW
            self._found[why] = (now, 0) if due else (told, count + 1)
            return count + 1 if due else 0
