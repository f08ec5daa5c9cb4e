"""Upkeep of the lake: small files of closed days into large ones, and files that nothing names any more away."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from deltalake import DeltaTable

from haechi.store.files import locked
from haechi.store.lake import parquet
from haechi.store.lake.table import EPOCH, KEEP_LOG, Lake, flush_log

TARGET_BYTES = 64 << 20
LONGEST_BATCH_HOURS = 24  # a file younger than this may belong to a batch that isn't committed yet


def compact(lake: Lake, before: date, *, at: int) -> int:
    """Rewrite the small files of days before `before` to files of about 64 MB; returns how many went away.

    `at` is now, in microseconds UTC. The new files are flushed before the one commit that puts them in the old ones'
    place; readers that still have those open read on, until they are vacuumed.
    """
    removed = 0
    for kind, day in lake.partitions():
        if day >= (before - EPOCH).days:
            continue
        for small in _groups(lake.files(kind, [day])):
            target = lake.stage(kind, day)
            merged = lake.staged(target, kind, day, *parquet.merge(small, target))
            if lake.replace(small, [merged], at=at):
                removed += len(small)
            else:
                target.unlink()
    return removed


def vacuum(path: Path, hours: int = LONGEST_BATCH_HOURS) -> list[str]:
    """Delete the files that no version of the last `hours` names, orphans of broken batches among them."""
    with locked(path / "_lock"):
        table = DeltaTable(str(path))
        before = table.version()
        removed = table.vacuum(
            retention_hours=hours,
            dry_run=False,
            enforce_retention_duration=False,
            full=True,  # else orphans, which no log entry names, would stay
            post_commithook_properties=KEEP_LOG,
        )
        table.update_incremental()
        for version in range(before + 1, table.version() + 1):
            flush_log(path, version)
    return removed


def _groups(files: Sequence[str]) -> Iterator[list[str]]:
    """Two or more files at a time that are small and together come to about 64 MB."""
    group, size = [], 0
    for file in files:
        found = Path(file).stat().st_size
        if found >= TARGET_BYTES // 2:
            continue
        group.append(file)
        size += found
        if size >= TARGET_BYTES:
            yield group
            group, size = [], 0
    if len(group) > 1:
        yield group
