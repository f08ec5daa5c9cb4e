"""Peer: ripgrep (PyPI `ripgrep`) with a million fixed strings, `rg -F -f`, on the events.

    python -m bench.peer_ripgrep --data DIR [--lines 1000000]

It parses nothing, knows no field, CIDR, label border or escape, and writes only a count. Each run builds its
automaton of a million strings anew, which `seconds` includes (nothing of it can be kept); `start` is the time on an
empty file, so `seconds - start` is ripgrep at its best.
"""

import argparse
import json
import subprocess
import time
from pathlib import Path

from bench.measure import default_folder, peer_venv, slice_of

REQUIREMENT = "ripgrep==14.1.0"


def patterns(indicators: Path) -> Path:
    """The indicators' texts alone, one a line; networks are left out, for they match nothing as text."""
    target = indicators.with_name("patterns.txt")
    with indicators.open() as f, target.open("w") as g:
        next(f)
        g.writelines(line.rsplit(",", 1)[0] + "\n" for line in f if "/" not in line or line.startswith("http"))
    return target


def search(rg: Path, wanted: Path, events: Path) -> tuple[float, int]:
    """Seconds, and how many lines were found."""
    started = time.perf_counter()
    done = subprocess.run(
        [rg, "--no-config", "-a", "-F", "-c", "-f", wanted, events], stdout=subprocess.PIPE, check=False
    )
    if done.returncode > 1:
        raise SystemExit("ripgrep failed")
    return time.perf_counter() - started, int(done.stdout or b"0")


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--lines", type=int, default=1_000_000)
    a = p.parse_args()
    rg = peer_venv(a.data, "ripgrep", REQUIREMENT) / "rg"
    wanted = patterns(a.data / "indicators.csv")
    empty = a.data / "empty.json"
    empty.write_text("\n")
    start, _ = search(rg, wanted, empty)
    seconds, found = search(rg, wanted, slice_of(a.data / "eve.json", a.lines))
    print(
        json.dumps(
            {
                "peer": REQUIREMENT.replace("==", " "),
                "events": a.lines,
                "seconds": seconds,
                "start": start,
                "sightings": {"lines": found},
            }
        )
    )


if __name__ == "__main__":
    main()
