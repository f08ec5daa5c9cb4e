"""A torn last log entry: found at open, moved aside. It was never acknowledged, so nothing is lost (DESIGN.md, idea 2)."""

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from haechi.store.files import fsync_path

# In each commit's metadata: how many files it adds and inputs it notes, so that a cut at a line's end shows.
FILES_KEY, TRANSACTIONS_KEY = "haechi.files", "haechi.transactions"


def torn(log: Path) -> list[Path]:
    """The newest log entry and the newest checkpoint, those of them that are incomplete."""
    return [found for found in (torn_entry(log), torn_checkpoint(log)) if found is not None]


def mend(log: Path) -> Path | None:
    """Move aside what is torn, the table's lock being held; the entry's new place, where it was one."""
    entry, checkpoint = torn_entry(log), torn_checkpoint(log)
    if checkpoint is not None:
        move_aside(checkpoint)
        (log / "_last_checkpoint").unlink(missing_ok=True)
    return None if entry is None else move_aside(entry)


def torn_entry(log: Path) -> Path | None:
    """The newest log entry if it is incomplete, else None."""
    entries = sorted(entry for entry in log.glob("*.json") if entry.stem.isdigit())
    if not entries:
        return None
    return None if _whole(entries[-1]) else entries[-1]


def torn_checkpoint(log: Path) -> Path | None:
    """The newest checkpoint if it is incomplete, else None. All log entries are kept, so that nothing needs it."""
    found = max(log.glob("*.checkpoint.parquet"), default=None)
    if found is None:
        return None
    with found.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8))
        footer = file.read()
    whole = len(footer) == 8 and footer[4:] == b"PAR1" and int.from_bytes(footer[:4], "little") < size
    return None if whole else found


def move_aside(entry: Path) -> Path:
    """Rename a torn entry or checkpoint out of the log's way, durably; returns its new place."""
    folder = entry.parent.parent / "_torn"
    folder.mkdir(mode=0o700, exist_ok=True)
    number = 0
    while (target := folder / f"{entry.name}.{number}").exists():
        number += 1
    entry.rename(target)
    fsync_path(folder)
    fsync_path(entry.parent)
    return target


def _whole(entry: Path) -> bool:
    try:
        actions = [json.loads(line) for line in entry.read_bytes().splitlines()]
    except (UnicodeDecodeError, json.JSONDecodeError):
        return False
    if not actions or not all(isinstance(action, dict) for action in actions):
        return False
    found = Counter(name for action in actions for name in action)
    said: dict[str, Any] = next((action["commitInfo"] for action in actions if "commitInfo" in action), {})
    told = said.get("operationMetrics") or {} if said.get("operation") == "OPTIMIZE" else {}
    expected = {
        "add": said.get(FILES_KEY, told.get("numFilesAdded")),
        "remove": told.get("numFilesRemoved"),
        "txn": said.get(TRANSACTIONS_KEY),
    }
    return all(number is None or int(number) == found[name] for name, number in expected.items())
