"""Text formats with match and commit: Zeek TSV, sshd in syslog, combined access log, CEF; lines a second.

python -m bench.text [--data DIR] [--lines 1000000] [--rounds 3]
"""

import argparse
import json
from pathlib import Path
from statistics import median

from bench.data_text import LOGS
from bench.measure import default_folder, machine, run_child, script
from bench.prepared import copy_of, data_of, prepared_home, warm_file

WANTED = {"conn.log": 700, "auth.log": 400, "access.log": 400, "cef.log": 400}
ZONES = {"auth.log": "Asia/Taipei"}  # RFC 3164 has none


def main() -> None:
    """Run it and print the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--lines", type=int, default=1_000_000)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    if not all((a.data / name).exists() for name in LOGS):
        run_child(script("data_text", "--out", a.data, "--lines", str(a.lines)))
    data_of(a.data)
    prepared, home = prepared_home(a.data), a.data / "home-text"
    print(json.dumps({"machine": machine(), "lines": a.lines}, indent=1), flush=True)
    print("| log | lines | seconds, median (spread) | k lines/s | wanted | sightings | refused | RSS, MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in LOGS:
        outcomes = []
        for _ in range(a.rounds):
            copy_of(prepared, home)
            warm = warm_file(a.data / name, LOGS[name][0].count("\n"))
            outcomes.append(
                run_child(script("ours", "ingest", home, a.data / name, "--warm", warm, "--zone", ZONES.get(name, "")))
            )
        seconds = [o["seconds"] for o in outcomes]
        o = outcomes[-1]
        rate = o["events"] / median(seconds) / 1000
        print(f"| {name} | {o['events']} | {median(seconds):.2f} ({min(seconds):.2f}-{max(seconds):.2f}) | {rate:.0f} | {WANTED[name]} "
              f"| {o['sightings']['all']} | {o['bad']} | {max(x['rss'] for x in outcomes):.0f} |", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
