"""A million EVE events against a million indicators, parse to durable commit, beside the peers in one run.

    python -m bench.ingest [--data DIR] [--rounds 3] [--peers duckdb,tenzir,ripgrep,intelmq,prototype] [--seed 7]

Rounds alternate: ours, then each peer. Each run is a fresh process. Loading indicators, building our index and
compiling are left out of every rate and told apart. Tenzir and IntelMQ run on a slice of the same file and
are compared by event; ripgrep's start is within its time and told apart.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median
from typing import Any

from bench.measure import default_folder, machine, run_child, script
from bench.prepared import copy_of, data_of, prepared_home, warm_file

PEERS = ("duckdb", "tenzir", "ripgrep", "intelmq", "prototype")
WANTED = {"DuckDB script": 1.6, "tenzir": 6.0, "ripgrep": 15.0}
Outcome = dict[str, Any]


def ours(data: Path, prepared: Path, events: Path) -> Outcome:
    """One ingest on a copy of the prepared home."""
    home = copy_of(prepared, data / "home-run")
    outcome = run_child(script("ours", "ingest", home, events, "--warm", warm_file(events)))
    outcome["megabytes"] = sum(f.stat().st_size for f in (home / "lake").rglob("*.parquet")) / 2**20
    return outcome


def told(outcomes: list[Outcome]) -> Outcome:
    """The median run of one contender: events a second, seconds, peak memory."""
    seconds = [o["seconds"] for o in outcomes]
    last = outcomes[-1]
    return {
        "name": last["peer"], "events": last["events"], "rate": last["events"] / median(seconds), "seconds": median(seconds),
        "spread": f"{min(seconds):.2f}-{max(seconds):.2f}", "cpu": median(o["cpu"] for o in outcomes) if "cpu" in last else None, "rss": max(o["rss"] for o in outcomes), "sightings": last["sightings"],
    }  # fmt: skip


def table(results: list[Outcome]) -> str:
    """The report: one line a contender, with how many times faster ours is."""
    first = results[0]["rate"]
    lines = [
        "| contender | events | seconds, median (spread) | k events/s | ours is | CPU, s | RSS, MB |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for r in results:
        ratio = f"{first / r['rate']:.1f}x" if r is not results[0] else ""
        cpu = "" if r["cpu"] is None else f"{r['cpu']:.2f}"
        lines.append(
            f"| {r['name']} | {r['events']} | {r['seconds']:.2f} ({r['spread']}) | {r['rate'] / 1000:.1f} | {ratio} | {cpu} | {r['rss']:.0f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run all and print the table, then one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--peers", default=",".join(PEERS))
    p.add_argument("--seed", type=int, default=7)
    p.add_argument("--fresh", action="store_true", help="load the indicators anew even if a prepared home is there")
    a = p.parse_args()
    peers = [x for x in a.peers.split(",") if x and (x != "prototype" or os.environ.get("HAECHI_PROTOTYPE"))]
    events, about = a.data / "eve.json", data_of(a.data, a.seed)
    print(json.dumps({"machine": machine(), "data": about}, indent=1), flush=True)
    prepared = prepared_home(a.data, fresh=a.fresh)
    rounds: dict[str, list[Outcome]] = {"haechi": []} | {peer: [] for peer in peers}
    for number in range(a.rounds):
        for name, outcomes in rounds.items():
            outcomes.append(
                ours(a.data, prepared, events)
                if name == "haechi"
                else run_child(script(f"peer_{name}", "--data", a.data))
            )
            print(
                f"round {number + 1} {name}: {outcomes[-1]['seconds']:.2f} s, {outcomes[-1]['events'] / outcomes[-1]['seconds'] / 1000:.0f} k events/s",
                flush=True,
            )
    mine = rounds["haechi"][-1]
    assert mine["events"] + mine["bad"] + mine["blank"] == about["lines"], f"lines lost: {mine}"
    results = [told(outcomes) for outcomes in rounds.values()]
    print(table(results))
    for name, wanted in WANTED.items():
        for r in results[1:]:
            if r["name"].startswith(name):
                print(f"{name}: wanted {wanted}x, is {results[0]['rate'] / r['rate']:.2f}x")
    print(json.dumps({"rounds": rounds, "check": {k: mine[k] for k in ("events", "bad", "blank")}}))


if __name__ == "__main__":
    main()
