"""A torn last log entry: found at open, moved aside. It was never acknowledged, so nothing is lost (DESIGN.md, idea 2)."""

import json
from pathlib import Path

from haechi.store.files import fsync_path

FILES_KEY = "haechi.files"  # in each commit's metadata: how many files it adds, so that a cut at a line's end shows


def torn_entry(log: Path) -> Path | None:
    """The newest log entry if it is incomplete, else None."""
    entries = sorted(entry for entry in log.glob("*.json") if entry.stem.isdigit())
    if not entries:
        return None
    return None if _whole(entries[-1]) else entries[-1]


def move_aside(entry: Path) -> Path:
    """Rename a torn entry out of the log's way, durably; returns its new place."""
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
    adds, expected = 0, None
    try:
        lines = entry.read_text("utf-8").splitlines()
        actions = [json.loads(line) for line in lines]
    except (UnicodeDecodeError, json.JSONDecodeError):
        return False
    for action in actions:
        if not isinstance(action, dict):
            return False
        adds += "add" in action
        if "commitInfo" in action:
            expected = action["commitInfo"].get(FILES_KEY)
    if not actions:
        return False
    return expected is None or int(expected) == adds
