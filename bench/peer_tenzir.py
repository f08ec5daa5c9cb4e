"""Peer: Tenzir (PyPI `tenzir`): parse EVE, six context_enrich against one lookup table of all indicators, no write.

    python -m bench.peer_tenzir --data DIR [--lines 200000] [--parse-only]

A node is started on 127.0.0.1 to hold the lookup table (its networks match addresses by prefix); loading it
is not counted. The better of one thread and of all is taken. Sub-domains are not matched: Tenzir looks whole names up.
"""

import argparse
import json
import shutil
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.measure import default_folder, peer_venv, slice_of

REQUIREMENT = "tenzir==6.20.0"
MODES: tuple[tuple[str, ...], ...] = ((), ("--parallelism=max",))
KEYS = {
    "src_ip": "address",
    "dest_ip": "address",
    "dns?.rrname?": "domain",
    "url?": "url",
    "fileinfo?.sha256?": "sha256",
    "tls?.ja3?.hash?": "ja3",
}


@contextmanager
def node(bin_folder: Path, state: Path) -> Iterator[str]:
    """A running node's endpoint."""
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{s.getsockname()[1]}"
    with (state / "log").open("wb") as log:
        running = subprocess.Popen(
            [
                bin_folder / "tenzir-node",
                "--bare-mode",
                "-d",
                state / "db",
                "--cache-directory",
                state / "cache",
                "-e",
                endpoint,
            ],
            stdout=log,
            stderr=log,
        )
        try:
            deadline = time.monotonic() + 30
            while b"listens" not in (state / "log").read_bytes():
                if time.monotonic() > deadline or running.poll() is not None:
                    raise SystemExit(f"tenzir-node did not start: see {state / 'log'}")
                time.sleep(0.1)
            yield endpoint
        finally:
            running.terminate()
            running.wait()
            shutil.rmtree(state, ignore_errors=True)


def pipeline(bin_folder: Path, endpoint: str, text: str, *options: str) -> tuple[float, list[dict[str, object]]]:
    """Seconds, and the records that the pipeline gave."""
    started = time.perf_counter()
    done = subprocess.run([bin_folder / "tenzir", "-e", endpoint, *options, text], capture_output=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(done.stderr.decode()[-2000:])
    return seconds, [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b"{")]


def enrichment(events: Path) -> str:
    """Parse and enrich; what comes out is only the count of each combination of hits."""
    steps = [f'from_file "{events}" {{ read_suricata }}', 'url = "http://" + http?.hostname? + http?.url?']
    steps += [f'context_enrich "indicator", key={key}, into=h{i}' for i, key in enumerate(KEYS)]
    hits = ", ".join(f"h{i}" for i in range(len(KEYS)))
    return "\n".join([*steps, f"summarize {hits}, n=count()", "write_ndjson"])


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--lines", type=int, default=200_000)
    a = p.parse_args()
    bin_folder = peer_venv(a.data, "tenzir", REQUIREMENT)
    events = slice_of(a.data / "eve.json", a.lines)
    with node(bin_folder, a.data / "tenzir-state") as endpoint:
        pipeline(bin_folder, endpoint, 'context_create_lookup_table "indicator"')
        load, _ = pipeline(
            bin_folder,
            endpoint,
            f'from_file "{a.data / "indicators.csv"}" {{ read_csv }}\ncontext_update "indicator", key=value, value=type',
        )
        parse, total = pipeline(
            bin_folder, endpoint, f'from_file "{events}" {{ read_suricata }}\nsummarize n=count()\nwrite_ndjson'
        )
        seconds, rows = min(
            (pipeline(bin_folder, endpoint, enrichment(events), *options) for options in MODES), key=lambda run: run[0]
        )
    found: Counter[str] = Counter()
    for row in rows:
        for i, field in enumerate(KEYS.values()):
            kind = row.get(f"h{i}")
            if kind is not None:
                found["network" if str(kind).endswith("-net") else field] += int(str(row["n"]))
    print(
        json.dumps(
            {
                "peer": REQUIREMENT.replace("==", " "),
                "events": total[0]["n"],
                "seconds": seconds,
                "parse_seconds": parse,
                "load_seconds": load,
                "sightings": dict(found),
            }
        )
    )


if __name__ == "__main__":
    main()
