"""A server at a moment of the past, that ends with who began it."""

import subprocess
import sys
from pathlib import Path

from haechi.exchange import identity
from haechi.model.clock import FixedClock
from haechi.node import http
from haechi.node.home import Home
from tests.web.conftest import free_port

AT = 1_773_122_400_000_000  # 2026-03-10 06:00


def test_it_serves_at_its_moment_and_ends_with_its_input(tmp_path: Path) -> None:
    home = Home.init(tmp_path / "h", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(AT))
    command = [sys.executable, "-m", "haechi.web.standing", str(home.path), f"--port={free_port()}", f"--at={AT}"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    url = process.stdout.readline().decode().strip()
    with http.Client(trust_any=True, private_host="127.0.0.1") as client:
        answer = client.send(http.get(url + identity.PATH), most=identity.MOST)
    assert identity.read(answer.body).at == AT
    process.stdin.close()
    assert process.wait(timeout=20) == 0
    process.stdout.close()
    home.close()
