"""Side-by-side benchmarks: `python -m bench NAME [options]`, or `make bench ARGS="NAME ..."`; no name lists them."""

import runpy
import sys
from pathlib import Path

BENCHMARKS = {
    "data": "write the events and the indicators",
    "data_text": "write the text logs",
    "ingest": "a million EVE events against a million indicators, beside the peers",
    "indicators": "a million values from CSV into SQLite and PostgreSQL; the index",
    "startup": "fresh processes: 1,000 lines, sightings, lookup, --help",
    "text": "Zeek TSV, sshd, access log, CEF with match and commit",
    "taxii": "pages of 100 out of 10 k, 100 k and 1 M objects, beside a static page and medallion",
    "misp": "a MISP event of 150,000 attributes, beside misp-stix",
    "sync": "a million indicators between two nodes, receipted; then 100 changes",
    "scale": "1, 4 and 20 million events: time and memory",
}


def main() -> None:
    """Run the named benchmark, or list them."""
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHMARKS:
        width = max(map(len, BENCHMARKS))
        print("\n".join(f"{name:<{width}}  {what}" for name, what in BENCHMARKS.items()))
        sys.exit(0 if len(sys.argv) < 2 else 2)
    name = sys.argv.pop(1)
    sys.argv[0] = str(Path(__file__).with_name(f"{name}.py"))
    runpy.run_module(f"bench.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
