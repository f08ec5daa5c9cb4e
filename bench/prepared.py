"""A home with a million indicators loaded, its index built and all kernels compiled: made once, copied for each run."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from bench.measure import run_child, script, slice_of


def warm_file(source: Path, head: int = 0) -> Path:
    """A thousand lines from inside `source`, below its `head` lines: a small input with another beginning.

    A slice from the start would be recognised as the same input, shorter, and the run would go on behind it.
    """
    return slice_of(source, 1000, skip=2000, head=head)


def data_of(data: Path, seed: int = 7) -> dict[str, Any]:
    """What data.json says of the EVE file and the indicators; both are written first if they aren't there."""
    described = data / "eve.data.json"
    if not described.exists() or json.loads(described.read_text())["seed"] != seed:
        run_child(script("data", "--out", data, "--seed", str(seed)))
    told: dict[str, Any] = json.loads(described.read_text())
    return told


def prepared_home(data: Path, *, fresh: bool = False) -> Path:
    """The home; printed when it is made: seconds and memory of the load, of index and compilation."""
    home = data / "home-prepared"
    if (home / "haechi.toml").exists() and not fresh:
        return home
    shutil.rmtree(home, ignore_errors=True)
    loaded = run_child(script("ours", "prepare", home, "--indicators", data / "indicators.csv"))
    print(
        f"indicators loaded in {loaded['load_seconds']:.1f} s, RSS {loaded['rss']:.0f} MB: {loaded['told']}", flush=True
    )
    warm = copy_of(home, data / "home-warm")
    warmed = run_child(script("ours", "ingest", warm, warm_file(data / "eve.json")))
    print(f"index built and all compiled in {warmed['seconds']:.1f} s, RSS {warmed['rss']:.0f} MB", flush=True)
    shutil.copytree(warm / "cache", home / "cache", dirs_exist_ok=True)
    return home


def copy_of(prepared: Path, target: Path) -> Path:
    """A fresh copy, rights and all; on disk, so that a run's own fsync doesn't wait for the copy's pages."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(prepared, target, symlinks=True)
    os.sync()
    return target
