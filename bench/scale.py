"""Is time linear and memory flat? One EVE file of 1, 4 and 20 million events against a million indicators.

    python -m bench.scale [--data DIR] [--millions 1,4,20]

A million events a day; 20 million are 8.6 GB of text. The files are removed afterwards unless --keep.
"""

import argparse
import json
import shutil
from pathlib import Path

from bench.measure import default_folder, machine, run_child, script
from bench.prepared import copy_of, data_of, prepared_home, warm_file


def main() -> None:
    """Run it and print the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--millions", default="1,4,20")
    p.add_argument("--keep", action="store_true")
    a = p.parse_args()
    data_of(a.data)
    prepared, home = prepared_home(a.data), a.data / "home-scale"
    print(json.dumps({"machine": machine()}, indent=1), flush=True)
    print(
        "| events | seconds | us an event | RSS, MB | lake, MB |",
        "| --- | --- | --- | --- | --- |",
        sep="\n",
        flush=True,
    )
    for millions in map(int, a.millions.split(",")):
        events = a.data / f"eve-{millions}m.json"
        free, needed = shutil.disk_usage(a.data).free, millions * 600_000_000
        if free < needed:
            print(f"{millions} million events need {needed >> 30} GiB of disk, {free >> 30} are free: left out")
            continue
        if not events.exists():
            run_child(
                script(
                    "data",
                    "--out",
                    a.data,
                    "--events",
                    str(millions * 1_000_000),
                    "--days",
                    str(millions),
                    "--name",
                    events.name,
                )
            )
        copy_of(prepared, home)
        o = run_child(script("ours", "ingest", home, events, "--warm", warm_file(events)))
        assert o["events"] + o["bad"] + o["blank"] == millions * 1_000_000, f"lines lost: {o}"
        lake = sum(f.stat().st_size for f in (home / "lake").rglob("*.parquet")) / 2**20
        print(
            f"| {o['events']} | {o['seconds']:.1f} | {o['seconds'] / o['events'] * 1e6:.2f} | {o['rss']:.0f} | {lake:.0f} |",
            flush=True,
        )
        if not a.keep:
            events.unlink()
            shutil.rmtree(home)


if __name__ == "__main__":
    main()
