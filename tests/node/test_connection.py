"""Which addresses may be reached, and that no second answer of the DNS leads elsewhere."""

import socket
import time
from ipaddress import ip_address

import httpcore
import pytest

from haechi.model.errors import NodeCannot
from haechi.node.connection import Guard, may_reach, within

PUBLIC = ["203.69.1.1", "8.8.8.8", "2001:4860:4860::8888"]
PRIVATE = ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "127.0.0.1", "127.8.8.8", "::1", "::ffff:10.0.0.1",
           "64:ff9b::7f00:1", "2002:0a00:0001::", "192.0.2.1"]  # fmt: skip
NEVER = ["169.254.169.254", "fe80::1%eth0", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:169.254.169.254"]


@pytest.mark.parametrize("address", PUBLIC)
def test_the_internet_is_reached_by_tls_alone(address: str) -> None:
    assert may_reach(address, plain=False, private=False) == ""
    assert may_reach(address, plain=True, private=False) == "http.plain"
    assert may_reach(address, plain=True, private=True) == "http.plain"


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_need_a_persons_word(address: str) -> None:
    assert may_reach(address, plain=False, private=False) == "http.private"
    assert may_reach(address, plain=False, private=True) == ""
    plain = "" if within(ip_address(address)).is_loopback else "http.plain"
    assert may_reach(address, plain=True, private=True) == plain


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_reached(address: str) -> None:
    for plain in (True, False):
        assert may_reach(address, plain=plain, private=True) == "http.never"


def test_one_forbidden_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    guard = Guard(plain=False, private_host="", pin=None)
    guard.deadline = time.monotonic() + 5
    with pytest.raises(NodeCannot, match="leads to a private address"):
        guard.connect_tcp("kr.example", 443)


def test_the_address_looked_at_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that answers otherwise at the second question leads nowhere: there is no second question."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    listener = socket.create_server(("127.0.0.1", 0))
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, port, *a, **k: (resolve if host == "kr.example" else real)(host, port, *a, **k))  # fmt: skip
    guard = Guard(plain=True, private_host="kr.example", pin=None)
    guard.deadline = time.monotonic() + 5
    stream = guard.connect_tcp("kr.example", listener.getsockname()[1])
    assert stream.get_extra_info("server_addr")[0] == "127.0.0.1"
    assert asked == ["kr.example"]
    stream.close()
    listener.close()


def test_after_the_deadline_nothing_is_waited_for() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        Guard(plain=True, private_host="", pin=None).left(5)


def test_a_name_that_does_not_exist_is_said() -> None:
    with pytest.raises(NodeCannot, match="can't be resolved"):
        Guard(plain=True, private_host="", pin=None).connect_tcp("a" * 70 + ".invalid", 80)
