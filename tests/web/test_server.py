import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest

from haechi.model.errors import NodeCannot, UsageError
from haechi.web.server import Place, check
from tests.web.conftest import TAXII, begun, ended, free_port, made


def test_where_to_listen() -> None:
    assert Place().url == "http://127.0.0.1:8585"
    assert Place(host="::1", tls=True, port=1).url == "https://[::1]:1"
    assert Place(unix=Path("/x/y")).url == "unix:/x/y"
    for host in ("0.0.0.0", "192.0.2.1", "example.com"):
        with pytest.raises(UsageError, match="--tls"):
            check(Place(host=host, port=free_port()))
    check(Place(host="localhost", port=free_port()))
    check(Place(host="0.0.0.0", port=free_port(), behind_proxy=True))
    check(Place(host="0.0.0.0", port=free_port(), tls=True))


def test_a_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(NodeCannot, match="already in use"):
            check(Place(port=taken.getsockname()[1]))


def test_over_tls_with_the_nodes_own_certificate(tmp_path: Path) -> None:
    home, _, secrets = made(tmp_path / "h")
    port = free_port()
    process = begun(home.path, "--port", str(port), "--tls")
    try:
        trusted = ssl.create_default_context(cafile=str(home.path / "keys" / "tls.pem"))
        found = httpx.get(
            f"https://127.0.0.1:{port}/haechi/collections/indicators/objects/",
            auth=(secrets.user, secrets.secret),
            headers={"accept": TAXII},
            verify=trusted,
            trust_env=False,
        )
        assert (found.status_code, len(found.json()["objects"])) == (200, 10)
        assert found.headers["strict-transport-security"]
    finally:
        assert ended(process) == 0
    home.close()


def test_over_a_unix_socket_that_only_its_owner_can_reach(tmp_path: Path) -> None:
    home, _, secrets = made(tmp_path / "h")
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left:  # of a server that was killed
        left.bind(str(path))
    process = begun(home.path, "--unix", str(path))
    try:
        assert path.stat().st_mode & 0o077 == 0
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), base_url="http://node") as client:
            found = client.get("/haechi/", auth=(secrets.user, secrets.secret), headers={"accept": TAXII})
        assert found.status_code == 200
    finally:
        assert ended(process) == 0
    home.close()


def test_a_signal_ends_it_at_once_also_with_a_connection_open(tmp_path: Path) -> None:
    home, _, _ = made(tmp_path / "h")
    port = free_port()
    process = begun(home.path, "--port", str(port))
    with socket.create_connection(("127.0.0.1", port)) as idle:
        idle.send(b"GET /haechi/ HTTP/1.1\r\nHost: x\r\n")  # and never goes on
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=15) == 0
    process.communicate()
    home.close()
