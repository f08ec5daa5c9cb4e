"""Runs the demo's processes side by side: no shell, their JSON lines read as they come, ended by id if need be."""

import contextlib
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from haechi.demo import report
from haechi.model.errors import NodeCannot


@dataclass(frozen=True, slots=True)
class Job:
    """A module to run and its arguments; `name` goes before its errors."""

    name: str
    module: str
    arguments: tuple[str, ...]


def run(jobs: Sequence[Job], errors: Path, hear: Callable[[report.Line], None]) -> None:
    """Runs all jobs at once to their end, telling `hear` each line. `errors` is a folder for what they say on stderr.

    Raises NodeCannot with the last words of a job that failed, after the others are ended too.
    """
    errors.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.ExitStack() as stack:
        running: dict[subprocess.Popen[bytes], Job] = {}
        for job in jobs:
            words = stack.enter_context(private(errors / f"{job.name}.log"))
            command = [sys.executable, "-m", job.module, *job.arguments]
            running[subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words)] = job
        try:
            failed = _listen(running, hear)
            if failed is not None:
                raise failure(running[failed].name, failed.returncode, errors / f"{running[failed].name}.log")
        finally:
            for process in running:
                if process.poll() is None:
                    process.terminate()
                process.wait()
                if process.stdout is not None:
                    process.stdout.close()


def private(path: Path) -> IO[bytes]:
    """A new file that only its owner reads, open for writing."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _listen(
    running: dict[subprocess.Popen[bytes], Job], hear: Callable[[report.Line], None]
) -> "subprocess.Popen[bytes] | None":
    """Hears all to their end and gives None, or gives the first that ends badly."""
    with selectors.DefaultSelector() as ready:
        held: dict[int, bytes] = {}
        for process in running:
            if process.stdout is not None:
                ready.register(process.stdout, selectors.EVENT_READ, process)
        while ready.get_map():
            for key, _ in ready.select():
                content = os.read(key.fd, 65_536)
                if not content:
                    ready.unregister(key.fileobj)
                    if key.data.wait() != 0:
                        failed: subprocess.Popen[bytes] = key.data
                        return failed
                    continue
                *lines, held[key.fd] = (held.get(key.fd, b"") + content).split(b"\n")
                for line in lines:
                    hear(report.decode(line))
    return None


def failure(process: str, status: int, log: Path) -> NodeCannot:
    """The error that tells how a process ended, with its last words from `log`."""
    words = _last(log)
    if not words:
        return NodeCannot("demo.process_silent", process=process, status=status, log=str(log))
    return NodeCannot("demo.process", process=process, status=status, words=words, log=str(log))


def _last(path: Path) -> str:
    """The last line that says something, at most 300 characters; "" where none does."""
    with path.open("rb") as log:
        log.seek(max(path.stat().st_size - 4096, 0))
        words = [line.strip() for line in log.read().decode("utf-8", "replace").splitlines() if line.strip()]
    return words[-1][:300] if words else ""
