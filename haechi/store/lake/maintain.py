"""Upkeep of the lake: small files of closed days into large ones, and files that nothing names any more away."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

import msgspec

from haechi.store.files import fsync_path
from haechi.store.lake import parquet
from haechi.store.lake.table import EPOCH, Lake

TARGET_BYTES = 64 << 20
LONGEST_BATCH_HOURS = 24  # a file younger than this may belong to a batch that isn't committed yet


class Freed(msgspec.Struct, frozen=True):
    """Files that went, or would go, and their size."""

    files: int
    bytes: int


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
            removed += len(small) if _merge(lake, kind, day, small, at) else 0
    return removed


def _merge(lake: Lake, kind: str, day: int, small: Sequence[str], at: int) -> bool:
    """Put one file in the place of several; False, with nothing changed, where another process was first."""
    target = lake.stage(kind, day)
    try:
        merged = lake.staged(target, kind, day, *parquet.merge(small, target))
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    # Not among what is undone: a commit that fails late may have written its entry, which names the file.
    done = lake.replace(small, [merged], at=at, same_rows=True)
    if not done:
        target.unlink()
    return done


def compactable(lake: Lake, before: date) -> int:
    """How many files `compact` would take away."""
    days = [(kind, day) for kind, day in lake.partitions() if day < (before - EPOCH).days]
    return sum(len(small) for kind, day in days for small in _groups(lake.files(kind, [day])))


def vacuum(lake: Lake, hours: int = LONGEST_BATCH_HOURS) -> Freed:
    """Delete the files that no version of the last `hours` names, orphans of broken batches among them.

    Takes no lock and writes no log entry, for nothing that the table names changes. A file that is gone already, or
    can't be removed, isn't counted.
    """
    files = size = 0
    folders = set()
    for path in lake.unnamed(hours):
        with suppress(OSError):
            found = path.stat().st_size
            path.unlink()
            files, size = files + 1, size + found
            folders.add(path.parent)
    for folder in folders:
        fsync_path(folder)
    return Freed(files, size)


def freeable(lake: Lake, hours: int = LONGEST_BATCH_HOURS) -> Freed:
    """What `vacuum` would delete."""
    sizes = [path.stat().st_size for path in lake.unnamed(hours) if path.exists()]
    return Freed(len(sizes), sum(sizes))


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
