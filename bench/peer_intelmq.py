"""Peer: IntelMQ (PyPI `intelmq`) as a library: its JSON parser bot and its database lookup expert, in one process.

    python -m bench.peer_intelmq --data DIR [--lines 20000]

IntelMQ reads JSON in its own field names only, so the slice is first renamed (not counted). The nearest expert
to a match is `generic_db_lookup`: one field against one column of a table (here destination.ip, then the
domain, SQLite with an index). No queue server, nothing written: less work than in a deployment.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

from bench.measure import default_folder, peer_venv, slice_of

REQUIREMENT = "intelmq==3.5.0"
NAMES = {
    "timestamp": "time.source", "src_ip": "source.ip", "src_port": "source.port", "dest_ip": "destination.ip", "dest_port": "destination.port",
    "proto": "protocol.transport",
}  # fmt: skip


def renamed(line: bytes) -> bytes | None:
    """An EVE record in IntelMQ's names; None for one that can't be read."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    event = {new: record[old] for old, new in NAMES.items() if old in record}
    event["protocol.transport"] = event["protocol.transport"].lower()
    name = (
        record.get("dns", {}).get("rrname")
        or record.get("http", {}).get("hostname")
        or record.get("tls", {}).get("sni")
    )
    event |= {"destination.fqdn": name} if name else {}
    event |= {"malware.hash.sha256": record["fileinfo"]["sha256"]} if "fileinfo" in record else {}
    event["extra.flow_id"], event["extra.event_type"] = record["flow_id"], record["event_type"]
    return json.dumps({**event, "__type": "Event"}).encode()


def database(indicators: Path, target: Path) -> None:
    """The indicators as an indexed SQLite table, which the expert asks."""
    import sqlite3

    target.unlink(missing_ok=True)
    with indicators.open() as f, sqlite3.connect(target) as con:
        next(f)
        con.execute("create table indicator (value text primary key, type text) without rowid")
        con.executemany(
            "insert or ignore into indicator values (?, ?)", (line.rstrip("\n").rsplit(",", 1) for line in f)
        )


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--lines", type=int, default=20_000)
    a = p.parse_args()
    bin_folder = peer_venv(a.data, "intelmq", REQUIREMENT, "setuptools<81")  # it still needs pkg_resources
    events, table = a.data / "intelmq.json", a.data / "intelmq.sqlite"
    with slice_of(a.data / "eve.json", a.lines).open("rb") as f, events.open("wb") as g:
        g.writelines(line + b"\n" for line in map(renamed, f) if line is not None)
    database(a.data / "indicators.csv", table)
    done = subprocess.run(
        [bin_folder / "python", Path(__file__).with_name("intelmq_inside.py"), events, table],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr.decode()[-3000:] + done.stdout.decode()[-2000:])
    told = next(line for line in done.stdout.splitlines() if line.startswith(b'{"events"'))  # its bots log around it
    print(json.dumps({"peer": REQUIREMENT.replace("==", " "), **json.loads(told)}))


if __name__ == "__main__":
    main()
