"""Yardstick: the throwaway prototype of the match kernel, where its folder is at hand (HAECHI_PROTOTYPE).

    HAECHI_PROTOTYPE=DIR python -m bench.peer_prototype --data DIR [--rounds 4]

It tells a slow machine from slow code. Its gaps: an escape in a wanted string is refused, no UTF-8 check, skipped
values aren't validated, no day partitions. The first round compiles and is left out.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bench.measure import default_folder

KINDS = {"ipv4": "ip4", "ipv4-net": "cidr4", "ipv6": "ip6", "ipv6-net": "cidr6"}
ROUND = re.compile(
    r"everything on, NS=\d+ \d+ k ev/s ([\d.]+)s.*?cpu ([\d.]+).*?bad (\d+) sightings (\d+) peakRSS (\d+)"
)


def prepare(data: Path, folder: Path) -> None:
    """The data under the names and in the shape that it reads."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    (folder / "data" / "eve2.json").symlink_to(data / "eve.json")
    with (data / "indicators.csv").open() as f, (folder / "data" / "ind2.csv").open("w") as g:
        next(f)
        g.write("id,type,value\n")
        for number, line in enumerate(f):
            value, kind = line.rstrip("\n").rsplit(",", 1)
            g.write(f"{number},{KINDS.get(kind, kind)},{value}\n")


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rounds", type=int, default=4)
    a = p.parse_args()
    code = os.environ.get("HAECHI_PROTOTYPE")
    if not code:
        sys.exit("HAECHI_PROTOTYPE names no folder")
    folder = a.data / "prototype"
    prepare(a.data, folder)
    env = {**os.environ, "DROP": "1", "BLK": "256", "REPS": str(a.rounds)}
    done = subprocess.run(
        [sys.executable, Path(code) / "run.py"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    rounds = [[float(x) for x in found] for found in ROUND.findall(done.stdout)][1:]
    if done.returncode or not rounds:
        sys.exit(done.stderr[-2000:] + done.stdout[-1000:])
    lines = json.loads((a.data / "eve.data.json").read_text())["lines"]
    seconds = [r[0] for r in rounds]
    told = {
        "cpu": sorted(r[1] for r in rounds)[len(rounds) // 2],
        "bad": int(rounds[0][2]),
        "sightings": {"all": int(rounds[0][3])},
        "rss_inside": rounds[-1][4],
    }
    print(
        json.dumps(
            {
                "peer": "prototype",
                "events": lines,
                "seconds": sorted(seconds)[len(seconds) // 2],
                "rounds": seconds,
                **told,
            }
        )
    )


if __name__ == "__main__":
    main()
