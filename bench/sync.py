"""A million indicators from one node to another on this machine: released, transferred, durable, receipted.

Two homes, `haechi serve` on the one and `haechi sync` on the other, as two processes over TLS-less loopback HTTP with
signed requests and answers. Then 100 changes and a second sync. Time is the sync command's, start of Python included;
memory is each process's peak (VmHWM).
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.measure import default_folder, machine

HERE = Path(__file__).resolve().parent.parent


def main() -> None:
    """Run it and write one JSON document."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--objects", type=int, default=1_000_000)
    options.add_argument("--changes", type=int, default=100)
    asked = options.parse_args()
    folder = default_folder() / "sync"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = _free_port()
    result: dict[str, Any] = {"machine": machine(), "objects": asked.objects}
    result["release"] = _child("prepare", folder, port, asked.objects)
    server = subprocess.Popen(
        [sys.executable, "-m", "haechi", "--home", folder / "tw", "serve", "--port", str(port)], cwd=HERE
    )
    try:
        _wait(port)
        result["sync"] = _sync(folder, server.pid, asked.objects)
        result["change"] = _child("change", folder, port, asked.changes)
        result["second"] = _sync(folder, server.pid, asked.changes)
    finally:
        server.terminate()
        server.wait(30)
    print(json.dumps(result, indent=2))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server doesn't answer")


def _child(part: str, folder: Path, port: int, count: int) -> dict[str, Any]:
    words = [sys.executable, "-m", "bench.sync_nodes", part, str(folder), str(port), str(count)]
    found: dict[str, Any] = json.loads(subprocess.run(words, cwd=HERE, check=True, capture_output=True).stdout)
    return found


def _sync(folder: Path, server: int, count: int) -> dict[str, Any]:
    begun, busy = time.perf_counter(), _cpu(server)
    child = subprocess.Popen(
        [sys.executable, "-m", "haechi", "--home", folder / "kr", "sync", "--json"],
        cwd=HERE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    told = json.loads(child.stdout.read())
    _, _, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    peer = told["peers"][0]
    assert peer["agreed"], peer
    assert peer["objects"] == count, peer
    return {
        "seconds": round(seconds, 2),
        "objects_per_second": round(count / seconds),
        "receiver_cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "sender_cpu_seconds": round(_cpu(server) - busy, 2),
        "receiver_rss_mb": usage.ru_maxrss >> 10,
        "sender_rss_mb": _peak(server),
    }


def _peak(pid: int) -> int:
    """The peak memory of the process and its children, MB."""
    return sum(_high(one) for one in (pid, *_children(pid)))


def _cpu(pid: int) -> float:
    """The seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from _children(int(child))


def _high(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) >> 10
    return 0


if __name__ == "__main__":
    main()
