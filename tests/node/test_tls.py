"""The node's own certificate: made once, private, and taken by Granian, by our client and by another's."""

import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from haechi.model.clock import FixedClock, SystemClock
from haechi.model.errors import NodeCannot
from haechi.node import tls
from haechi.node.home import Home
from haechi.node.http import Client, get

APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"haechi"})
"""


def make(path: Path, clock: FixedClock | SystemClock) -> Home:
    return Home.init(path, party="TWCERT/CC", country="TW", sector="government", clock=clock)


def test_made_once_private_and_audited(tmp_path: Path) -> None:
    home = make(tmp_path / "node", FixedClock(1_790_000_000_000_000))
    assert tls.pin(home) is None
    first = tls.ensure(home, ("tw.example", "192.0.2.1"))
    content = [path.read_bytes() for path in first]
    assert tls.ensure(home) == first
    assert [path.read_bytes() for path in first] == content
    assert {stat.S_IMODE(path.stat().st_mode) for path in first} == {0o600}
    found = x509.load_pem_x509_certificate(content[0])
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["tw.example", "localhost"]
    assert found.not_valid_before_utc.isoformat() == "2026-09-20T14:13:20+00:00"
    assert [entry.action for entry in home.audit().entries()] == ["node.init", "tls.create"]


def test_half_of_it_is_an_error(tmp_path: Path) -> None:
    home = make(tmp_path / "node", FixedClock(1_790_000_000_000_000))
    certificate, key = tls.ensure(home)
    key.unlink()
    with pytest.raises(NodeCannot, match="one is missing"):
        tls.ensure(home)
    certificate.write_bytes(b"spoilt")
    with pytest.raises(NodeCannot, match="is no certificate"):
        tls.pin(home)


@pytest.fixture
def granian(tmp_path: Path) -> Iterator[tuple[Home, int]]:
    home = make(tmp_path / "node", SystemClock())
    certificate, key = tls.ensure(home)
    (tmp_path / "application.py").write_text(APPLICATION)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    call = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1", "--port", str(port)),
        *("--ssl-certificate", str(certificate), "--ssl-keyfile", str(key), "--log-level", "error", "application:app"),
    ]
    process = subprocess.Popen(call, cwd=tmp_path)
    yield home, port
    process.terminate()
    process.wait(timeout=20)


def test_granian_serves_it_and_clients_take_it(granian: tuple[Home, int]) -> None:
    home, port = granian
    url = f"https://127.0.0.1:{port}/"
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    with Client(private_host="127.0.0.1", pin=tls.pin(home)) as client:
        assert client.send(get(url)).body == b"haechi"
    import ssl

    trusting = ssl.create_default_context(cafile=home.path / "keys" / tls.CERTIFICATE)
    with httpx.Client(verify=trusting) as other:  # who trusts the file needs no pin
        assert other.get(url).content == b"haechi"
