"""The client against real servers that behave, lie, stall, flood and lead elsewhere."""

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from haechi.exchange.message import Request, Response
from haechi.model.clock import FixedClock, SystemClock
from haechi.model.errors import BadInput, HaechiError, NodeCannot, NotVerified, UsageError
from haechi.node import http, tls
from haechi.node.home import Home
from haechi.node.http import Client, get

SEEN: list[dict[str, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None: ...

    def do_GET(self) -> None:
        SEEN.append({name.lower(): value for name, value in self.headers.items()})
        getattr(self, self.path.partition("?")[0].strip("/").replace("-", "_") or "plain")()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.say(body[::-1])

    def say(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def plain(self) -> None:
        self.send_response(200)
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Vary", "a")
        self.send_header("Vary", "b")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def zipped(self) -> None:
        self.say(gzip.compress(b"x" * 5000), content_encoding="gzip")

    def bomb(self) -> None:
        self.say(gzip.compress(bytes(20_000_000)), content_encoding="gzip")

    def cut(self) -> None:
        self.say(gzip.compress(b"x" * 5000)[:-9], content_encoding="gzip")

    def odd(self) -> None:
        self.say(b"x", content_encoding="br")

    def huge(self) -> None:
        self.send_response(200)
        self.send_header("content-length", str(10_000_000_000))
        self.end_headers()

    def endless(self) -> None:
        self.send_response(200)
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        except OSError:
            self.close_connection = True

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        try:
            for _ in range(100):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            self.close_connection = True

    def near(self) -> None:
        self.say(b"", 301, location="/plain/")

    def far(self) -> None:
        self.say(b"far", 302, location="http://169.254.169.254/latest/meta-data")

    def round(self) -> None:
        self.say(b"", 307, location="/round/")

    def no_http(self) -> None:
        self.wfile.write(b"SMTP ready\r\n\r\n")
        self.close_connection = True


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}"
    running.shutdown()
    running.server_close()
    thread.join()


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(private_host="127.0.0.1", connect=2, read=2, total=5) as made:
        yield made


def refused(kind: type[HaechiError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value)
    return error.value.id


def test_it_asks_as_itself_without_cookies_and_proxies(
    server: str, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    SEEN.clear()
    client.send(get(server + "/plain"))
    answer = client.send(get(server + "/plain?a=%2F+b"))
    assert (answer.status, answer.body, answer.headers["vary"]) == (200, b"ok", "a, b")
    assert "set-cookie" not in answer.headers
    assert [set(one) for one in SEEN] == [{"host", "user-agent", "accept-encoding"}] * 2
    assert SEEN[0]["user-agent"] == http.USER_AGENT
    assert SEEN[0]["host"] == server.removeprefix("http://")


def test_a_body_goes_and_comes(server: str, client: Client) -> None:
    place = get(server + "/")
    sent = Request("POST", "/", {"content-type": "text/plain"}, b"abc" * 100_000, "http", place.authority)
    assert client.send(sent).body == sent.body[::-1]


def test_what_is_packed_is_checked_packed_and_read_unpacked(server: str, client: Client) -> None:
    came: list[Response] = []
    answer = client.send(get(server + "/zipped"), check=came.append)
    assert answer.body == b"x" * 5000
    assert "content-encoding" not in answer.headers
    assert came[0].headers["content-encoding"] == "gzip"
    assert len(came[0].body) < 100


@pytest.mark.parametrize(
    ("path", "kind", "id"),
    [
        ("bomb", BadInput, "http.too_big"),
        ("huge", BadInput, "http.too_big"),
        ("endless", BadInput, "http.too_big"),
        ("cut", BadInput, "http.protocol"),
        ("odd", BadInput, "http.packing"),
        ("round", BadInput, "http.redirects"),
        ("no-http", BadInput, "http.protocol"),
    ],
)
def test_what_is_too_big_or_no_http_is_refused(
    server: str, client: Client, path: str, kind: type[HaechiError], id: str
) -> None:
    begun = time.monotonic()
    assert refused(kind, lambda: client.send(get(f"{server}/{path}"), most=1_000_000)) == id
    assert time.monotonic() - begun < 3


def test_a_drop_at_a_time_ends_with_the_whole_time(server: str) -> None:
    with Client(private_host="127.0.0.1", read=2, total=0.4) as client:
        begun = time.monotonic()
        assert refused(NodeCannot, lambda: client.send(get(server + "/drip"))) == "http.slow"
        assert time.monotonic() - begun < 2


def test_a_redirect_leads_to_the_same_host_alone(server: str, client: Client) -> None:
    assert client.send(get(server + "/near/")).body == b"ok"
    assert client.send(get(server + "/far/")).body == b"far"
    signed = get(server + "/near/", signature="x=:AAAA:")
    assert client.send(signed).status == 301


def test_this_machine_is_asked_only_if_a_person_said_so(server: str) -> None:
    with Client() as client:
        assert refused(NodeCannot, lambda: client.send(get(server))) == "http.private"
        assert refused(NodeCannot, lambda: client.send(get("http://8.8.8.8/"))) == "http.plain"
    with Client(private_host="localhost") as client:  # that very host, and no other that leads there
        assert refused(NodeCannot, lambda: client.send(get(server))) == "http.private"


def test_who_is_not_there_is_said(client: Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert refused(NodeCannot, lambda: client.send(get(f"http://127.0.0.1:{port}/"))) == "http.unreachable"


@pytest.mark.parametrize(
    "url",
    ["ftp://a", "http://", "https://u:p@a/", "https://a/#x", "https://a:0/", "https://a:70000/", "//a", "https://a/ b",
     "https://a\\b", "https://한국.example/", "https://a/\n"],
)  # fmt: skip
def test_what_is_no_url_is_refused(url: str) -> None:
    assert refused(UsageError, lambda: get(url)) == "http.url"


def test_a_url_in_its_parts() -> None:
    assert (get("https://A.example:443").authority, get("https://A.example").target) == ("a.example", "/")
    assert get("http://[::1]:80/x?").authority == "[::1]"


class TestTls:
    @pytest.fixture(scope="class")
    @staticmethod
    def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
        folder = tmp_path_factory.mktemp("tls") / "node"
        return Home.init(folder, party="KrCERT/CC", country="KR", sector="government", clock=SystemClock())

    @pytest.fixture(scope="class")
    @staticmethod
    def secure(home: Home) -> Iterator[str]:
        certificate, key = tls.ensure(home)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.socket = context.wrap_socket(running.socket, server_side=True)
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{running.server_address[1]}"
        running.shutdown()
        running.server_close()
        thread.join()

    def test_the_pinned_certificate_is_taken_whoever_issued_it(self, home: Home, secure: str) -> None:
        with Client(private_host="127.0.0.1", pin=tls.pin(home)) as client:
            assert client.send(get(secure + "/")).body == b"ok"
            assert client.presented == tls.pin(home)

    def test_another_one_is_refused_before_anything_is_sent(self, secure: str) -> None:
        SEEN.clear()
        with Client(private_host="127.0.0.1", pin=bytes(32)) as client:
            assert refused(NotVerified, lambda: client.send(get(secure + "/"))) == "http.pin"
        assert not SEEN

    def test_without_a_pin_the_authorities_decide(self, secure: str) -> None:
        with Client(private_host="127.0.0.1") as client:
            assert refused(NotVerified, lambda: client.send(get(secure + "/"))) == "http.certificate"

    def test_at_first_sight_the_pin_is_told(self, home: Home, secure: str) -> None:
        with Client(private_host="127.0.0.1", trust_any=True) as client:
            client.send(get(secure + "/"))
            assert client.presented == tls.pin(home)

    def test_a_plain_server_is_no_tls(self, server: str) -> None:
        with Client(private_host="127.0.0.1") as client:
            assert refused(NodeCannot, lambda: client.send(get(server.replace("http", "https")))) == "http.unreachable"


def test_clock_and_folder(tmp_path: Path) -> None:
    """The certificate's times are the node's clock's."""
    home = Home.init(
        tmp_path / "n", party="A", country="TW", sector="government", clock=FixedClock(1_790_000_000_000_000)
    )
    assert tls.pin(home) is None
    tls.ensure(home)
    assert tls.pin(home) is not None
