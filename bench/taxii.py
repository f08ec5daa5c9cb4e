"""TAXII pages of 100 objects out of 10 k, 100 k and 1 M: requests a second, beside a static page and beside medallion.

    python -m bench.taxii [--data DIR] [--objects 10000,100000,1000000] [--rounds 5]

The static page is the same bytes from the same server in the same process: a Litestar route that returns them. Readers
follow `next` as a reader does, from places all over the collection, on kept connections, one request under way on each.
Both are asked in turn, in rounds; a ratio is of the same round.
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

from bench.measure import ROOT, default_folder, machine, script
from bench.taxii_load import Reader, load

CONNECTIONS = 8
SECONDS = 2.0
MEDALLION = (100, 1_000)  # objects; it copies and compares all of them at every request


def main() -> None:
    """Run it and print the report."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--objects", default="10000,100000,1000000")
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    a.data.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"machine": machine()}, indent=1), flush=True)
    print("| server | objects | pages/s | static page/s | ratio | RSS, MB |", "| --- " * 6 + "|", sep="\n", flush=True)
    for objects in map(int, a.objects.split(",")):
        _report("Haechi", objects, *_ours(a.data / f"taxii-{objects}", objects, a.rounds))
    for objects in MEDALLION:
        _report("medallion", objects, *_theirs(objects, a.rounds))


def _report(name: str, objects: int, pages: list[float], static: list[float], rss: float) -> None:
    ratios = [page / other for page, other in zip(pages, static, strict=False)]
    ratio = f"{statistics.median(ratios):.2f}" if ratios else ""
    other = f"{statistics.median(static):.0f}" if static else ""
    print(f"| {name} | {objects} | {statistics.median(pages):.1f} | {other} | {ratio} | {rss:.0f} |", flush=True)


def _ours(home: Path, objects: int, rounds: int) -> tuple[list[float], list[float], float]:
    process, port, login = _started("taxii_serve", home, str(objects))
    try:
        places = [f"?added_after={place}" for place in login["places"]]
        pages, static = [], []
        for _ in range(rounds):
            readers = [
                Reader(port, "/haechi/collections/indicators/objects/", places[n % len(places)], login["authorization"])
                for n in range(CONNECTIONS)
            ]
            pages.append(load(readers, SECONDS))
            static.append(load([Reader(port, "/static", "", "") for _ in range(CONNECTIONS)], SECONDS))
        return pages, static, _rss(process.pid)
    finally:
        process.terminate()
        process.wait()


def _theirs(objects: int, rounds: int) -> tuple[list[float], list[float], float]:
    process, port, login = _started("peer_medallion", Path(), str(objects))
    try:
        url = f"http://127.0.0.1:{port}/haechi/collections/{login['collection']}/objects/?limit=100"
        headers = {"authorization": login["authorization"], "accept": "application/taxii+json;version=2.1"}
        pages = []
        for _ in range(rounds):
            begun = time.perf_counter()
            with urlopen(Request(url, headers=headers)) as answer:  # its server closes each connection
                assert len(json.load(answer)["objects"]) == 100
            pages.append(1 / (time.perf_counter() - begun))
        return pages, [], _rss(process.pid)
    finally:
        process.terminate()
        process.wait()


def _started(name: str, *words: str | Path) -> tuple["subprocess.Popen[str]", int, dict[str, str]]:
    """A server in a fresh process, once it answers: it says on its first line how to log in."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        script(name, str(port), *words, python=sys.executable), stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    assert process.stdout is not None
    login = json.loads(process.stdout.readline())
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port, login
        time.sleep(0.1)
    raise SystemExit(f"{name} does not answer")


def _rss(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
