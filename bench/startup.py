"""Fresh processes: what a command costs beyond merely importing the libraries that it imports.

    python -m bench.startup [--data DIR] [--rounds 7]

A home with the indicators loaded, its index built and the kernels compiled (cached) is prepared first. For each
command the modules that it ends with are read off once (`sys.modules`), and the same modules are imported by a
bare interpreter in the same run; the difference is what counts.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from bench.measure import ROOT, default_folder, machine, slice_of
from bench.prepared import copy_of, data_of, prepared_home

LIBRARIES = (
    "alembic", "ada_url", "cryptography", "deltalake", "duckdb", "idna", "llvmlite", "msgspec", "numba", "numpy", "publicsuffixlist", "pyarrow",
    "pymispwarninglists", "rfc8785", "rich", "sqlalchemy", "stix2patterns", "typer", "psycopg", "click", "zstandard",
)  # fmt: skip
TRACED = "import sys, atexit; atexit.register(lambda: print('MODULES ' + ' '.join(sys.modules), file=sys.stderr)); from haechi.cli.main import main; sys.argv[0] = 'haechi'; main()"


def command(home: Path, words: list[str]) -> list[str]:
    """The installed command; --home after its words."""
    return [
        os.fspath(Path(sys.executable).with_name("haechi")),
        *words,
        *(["--home", os.fspath(home)] if home.name else []),
    ]


def seconds(argv: list[str]) -> float:
    """Wall time of one process; its exit status may be 1 (bad lines in the input)."""
    started = time.perf_counter()
    done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, check=False)
    taken = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{argv}: {done.stderr.decode()[-1500:]}")
    return taken


def libraries(home: Path, words: list[str]) -> list[str]:
    """The outside modules that the command has imported when it ends."""
    argv = [sys.executable, "-c", TRACED, *words, "--home", os.fspath(home)]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    line = next(line for line in reversed(done.stderr.splitlines()) if line.startswith("MODULES "))
    return [m for m in line.split()[1:] if m.split(".")[0] in LIBRARIES]


def importing(modules: list[str]) -> list[str]:
    """A bare interpreter that imports the modules; those that only exist after others' work are passed over."""
    code = f"import importlib\nfor m in {modules!r}:\n try: importlib.import_module(m)\n except ImportError: pass"
    return [sys.executable, "-c", code]


def main() -> None:
    """Run it and print the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rounds", type=int, default=7)
    a = p.parse_args()
    data_of(a.data)
    small = slice_of(a.data / "eve.json", 1000)
    prepared, home = prepared_home(a.data), a.data / "home-startup"
    with (a.data / "indicators.csv").open() as f:
        next(f)
        value = f.readline().split(",")[0]
    print(json.dumps({"machine": machine()}, indent=1), flush=True)

    cases = {
        "ingest 1,000 lines": (["ingest", os.fspath(small)], 1.2),
        "sightings": (["sightings"], 0.4),
        "lookup": (["lookup", value], 0.4),
    }
    for name, (words, wanted) in cases.items():
        copy_of(prepared, home)
        if name != "ingest 1,000 lines":
            seconds(command(home, ["ingest", os.fspath(small)]))
        modules = libraries(home, words)
        runs, bare = [], []
        for _ in range(a.rounds):
            if name == "ingest 1,000 lines":
                copy_of(prepared, home)
            runs.append(seconds(command(home, words)))
            bare.append(seconds(importing(modules)))
        beyond = median(runs) - median(bare)
        print(
            f"{name}: {median(runs):.2f} s; importing its {len(modules)} library modules {median(bare):.2f} s; beyond it {beyond:.2f} s, wanted {wanted}",
            flush=True,
        )
    runs = [seconds([os.fspath(Path(sys.executable).with_name("haechi")), "--help"]) for _ in range(a.rounds)]
    bare = [seconds([sys.executable, "-c", "pass"]) for _ in range(a.rounds)]
    print(f"--help: {median(runs) * 1000:.0f} ms, wanted 150; a bare interpreter {median(bare) * 1000:.0f} ms")


if __name__ == "__main__":
    main()
