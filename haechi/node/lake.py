"""The lake's upkeep, for those who ask and with its entry in the audit log."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from haechi.model.clock import Clock
from haechi.node.home import Home

if TYPE_CHECKING:
    from haechi.store.lake.maintain import Freed


def today(clock: Clock) -> date:
    """The day that isn't closed yet: days are UTC (DATA-MODEL.md, 1)."""
    return datetime.fromtimestamp(clock.now() / 1_000_000, UTC).date()


def compact(home: Home) -> int:
    """Join the small files of closed days; how many were replaced."""
    from haechi.store.lake import Lake, maintain

    removed = maintain.compact(Lake(home.lake_path), today(home.clock), at=home.clock.now())
    home.audit().append("lake.compact", subject="lake", details={"files": removed})
    return removed


def vacuum(home: Home) -> "Freed":
    """Delete what nothing has named for longer than the longest batch."""
    from haechi.store.lake import Lake, maintain

    freed = maintain.vacuum(Lake(home.lake_path))
    home.audit().append("lake.vacuum", subject="lake", details={"files": freed.files, "bytes": freed.bytes})
    return freed
