"""Haechi in a fresh process, by the public functions that its commands call.

    python -m bench.ours prepare HOME --indicators FILE [--database URL]    a home with the indicators loaded, index built
    python -m bench.ours index HOME                                  the match index anew
    python -m bench.ours ingest HOME FILE... [--warm FILE]           one ingest; JIT and index opening in the warm-up

    python -m bench.ours fields HOME                                 sightings by event column

Prints one JSON line.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from haechi.model.clock import SystemClock


def prepare(home_path: Path, indicators: Path, database: str | None) -> dict[str, Any]:
    """A fresh home with the indicators loaded: seconds and counts."""
    from haechi.node import indicators as node_indicators
    from haechi.node.home import Home

    home = Home.init(
        home_path, party="Bench", country="TW", sector="government", clock=SystemClock(), database=database
    )
    started = time.perf_counter()
    told = node_indicators.add(home, [indicators], source="bench")[0]
    seconds = time.perf_counter() - started
    counts = {name: getattr(told, name) for name in ("added", "values", "warning_listed", "refused_count")}
    return {"load_seconds": seconds, "told": ", ".join(f"{name} {n}" for name, n in counts.items())}


def build_index(home_path: Path) -> dict[str, Any]:
    """Build the home's match index anew: seconds, values, bytes."""
    from haechi.node.home import Home
    from haechi.node.matching import FILE, current_index

    home = Home.open(home_path)
    (home.cache_path / FILE).unlink(missing_ok=True)
    started = time.perf_counter()
    built = current_index(home)
    return {
        "seconds": time.perf_counter() - started,
        "values": built.values,
        "bytes": (home.cache_path / FILE).stat().st_size,
    }


def ingest(home_path: Path, files: list[Path], warm: Path | None, reader: str, zone: str) -> dict[str, Any]:
    """Ingest `files`; `seconds` covers the call from parse to durable commit, `warm_seconds` the small file before it."""
    from haechi.node.home import Home
    from haechi.node.ingest import ingest as run

    home = Home.open(home_path)
    started = time.perf_counter()
    if warm:
        run(home, [warm], format=reader, zone=zone, sensor="warm-up")
    warm_seconds = time.perf_counter() - started
    started, cpu = time.perf_counter(), time.process_time()
    done = run(home, files, format=reader, zone=zone)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    told = {
        "peer": "haechi",
        "events": done.events,
        "bad": done.quarantined,
        "blank": done.blank,
        "sightings": {"all": done.sightings},
    }
    return {**told, "seconds": seconds, "cpu": cpu, "warm_seconds": warm_seconds}


def sightings_by_field(home_path: Path) -> dict[str, int]:
    """Event column -> sightings in the lake."""
    from haechi.node.home import Home
    from haechi.store.lake import Lake

    table = Lake(Home.open(home_path).lake_path).query("select field, count(*) n from sighting group by 1")
    return {row["field"]: row["n"] for row in table.to_pylist()}


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=["prepare", "index", "ingest", "fields"])
    p.add_argument("home", type=Path)
    p.add_argument("files", type=Path, nargs="*")
    p.add_argument("--indicators", type=Path)
    p.add_argument("--database")
    p.add_argument("--warm", type=Path)
    p.add_argument("--format", default="auto")
    p.add_argument("--zone", default="")
    a = p.parse_args()
    if a.what == "prepare":
        print(json.dumps(prepare(a.home, a.indicators, a.database)))
    elif a.what == "index":
        print(json.dumps(build_index(a.home)))
    elif a.what == "ingest":
        print(json.dumps(ingest(a.home, a.files, a.warm, a.format, a.zone)))
    else:
        print(json.dumps(sightings_by_field(a.home)))


if __name__ == "__main__":
    main()
