"""A node that is served by `haechi serve` in a process of its own, once for each module."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from haechi.model.clock import SystemClock
from haechi.model.release import Relation
from haechi.node import consumers
from haechi.node.consumers import Secrets
from haechi.node.home import Home
from haechi.store.catalog import ledger
from haechi.store.catalog.recipients import RecipientRow
from tests.exchange.taxii.shared import NOW, outgoing

ROOT = Path(__file__).parents[2]
TAXII = "application/taxii+json;version=2.1"


@dataclass
class Served:
    """A served node with one consumer, to whom ten indicators were released."""

    home: Home
    url: str
    recipient: RecipientRow
    secrets: Secrets
    log: Path

    def client(self, **headers: str) -> httpx.Client:
        """An HTTP client that is logged in, its own headers the last word."""
        login = (self.secrets.user, self.secrets.secret)
        return httpx.Client(base_url=self.url, auth=login, headers={"accept": TAXII, **headers}, trust_env=False)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def begun(home: Path, *words: str) -> subprocess.Popen[bytes]:
    """The process, once it says that it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "haechi", "--home", str(home), "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if b"Serving" not in line:
        process.kill()
        out, err = process.communicate()
        raise AssertionError((line + out + err).decode())
    return process


def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit status after SIGTERM."""
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode


def made(path: Path) -> tuple[Home, RecipientRow, Secrets]:
    home = Home.init(path, party="TWCERT/CC", country="TW", sector="government", clock=SystemClock())
    added, secrets = consumers.add(home, name="kisa", country="KR", relation=Relation.COMMUNITY)
    with home.catalog().begin() as conn:
        ledger.write(conn, added.id, [outgoing(n) for n in range(1, 11)], now=NOW)
    return home, added, secrets


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    home, added, secrets = made(folder / "home")
    port, log = free_port(), folder / "access.log"
    process = begun(home.path, "--port", str(port), "--access-log", str(log))
    yield Served(home, f"http://127.0.0.1:{port}", added, secrets, log)
    home.close()
    assert ended(process) == 0
