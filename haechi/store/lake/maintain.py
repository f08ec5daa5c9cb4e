"""Upkeep of the lake: small files of closed days into large ones, and files that nothing names any more away."""

from datetime import date
from pathlib import Path

from deltalake import DeltaTable

from haechi.store.files import fsync_path, locked

TARGET_BYTES = 64 << 20
LONGEST_BATCH_HOURS = 24  # a file younger than this may belong to a batch that isn't committed yet


def compact(path: Path, before: date) -> int:
    """Rewrite the small files of days before `before` to files of about 64 MB, durably; returns how many went away."""
    removed = 0
    with locked(path / "_lock"):
        table = DeltaTable(str(path))
        days = sorted({(p["kind"], p["day"]) for p in table.partitions() if date.fromisoformat(str(p["day"])) < before})
        for kind, day in days:
            filters = [("kind", "=", kind), ("day", "=", str(day))]
            kept = set(table.file_uris(file_pruning_predicate=filters))
            if len(kept) < 2:
                continue
            metrics = table.optimize.compact(partition_filters=filters, target_size=TARGET_BYTES)
            table.update_incremental()
            for name in set(table.file_uris(file_pruning_predicate=filters)) - kept:
                fsync_path(Path(name))
                fsync_path(Path(name).parent)
            fsync_path(path / "_delta_log" / f"{table.version():020d}.json")
            fsync_path(path / "_delta_log")
            removed += int(metrics["numFilesRemoved"])
    return removed


def vacuum(path: Path, hours: int = LONGEST_BATCH_HOURS) -> list[str]:
    """Delete the files that no version of the last `hours` names, orphans of broken batches among them."""
    return DeltaTable(str(path)).vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)
