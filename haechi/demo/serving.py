"""Both nodes' servers, each a process of its own on loopback, ended when the block ends, whatever ended it."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from haechi.demo.processes import failure, private

_END_SECONDS = 20.0


@contextlib.contextmanager
def serving(homes: Mapping[str, Path], at: int, errors: Path) -> Iterator[dict[str, str]]:
    """Serves each home at the simulated time `at` (microseconds UTC); gives the URLs by the same names.

    `errors` is a folder for what the servers say on stderr. Raises NodeCannot with the last words of one that failed.
    """
    errors.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.ExitStack() as stack:
        begun: dict[str, subprocess.Popen[bytes]] = {}
        for name, home in homes.items():
            words = stack.enter_context(private(errors / f"server {name}.log"))
            command = [sys.executable, "-m", "haechi.web.standing", str(home), f"--port={_free_port()}", f"--at={at}"]
            process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words)
            stack.callback(_ended, process)
            begun[name] = process
        stack.callback(_terminate, begun.values())  # all at once, then each is waited for
        yield {name: _url(name, process, errors) for name, process in begun.items()}


def _url(name: str, process: subprocess.Popen[bytes], errors: Path) -> str:
    """What the server writes once it listens."""
    said = b"" if process.stdout is None else process.stdout.readline()
    if not said.endswith(b"\n"):
        raise failure(f"server {name}", process.wait(), errors / f"server {name}.log")
    return said.decode().strip()


def _terminate(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()


def _ended(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
