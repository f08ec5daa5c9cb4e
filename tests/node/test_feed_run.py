"""Runs against medallion, another vendor's server, and against odd ones: all of it, once, durable page by page."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from flask import Flask
from medallion import register_blueprints, set_config

from haechi.formats import stixout
from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot, NotFound
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.node import feed, mispfeed
from haechi.node.feed import Kind, Login
from haechi.node.feed_run import run
from haechi.node.home import Home
from haechi.store.catalog import feeds, indicators, ledger
from haechi.store.catalog.ledger import Outgoing
from tests.exchange.taxii.shared import recipient

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000
COLLECTION = "365fed99-08fa-fdcd-a1b3-fb247eb41d01"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.init(tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW))


def indicator(number: int, **said: Any) -> dict[str, Any]:
    made = stixout.indicator(
        id=f"indicator--00000000-0000-4000-8000-{number:012}", kind=ValueType.DOMAIN, value=f"c{number}.example",
        created=NOW - DAY, modified=NOW - DAY, creator="identity--00000000-0000-4000-8000-000000000001",
        marking=said.pop("marking", Tlp.GREEN),
    )  # fmt: skip
    return {**json.loads(made), **said}


def values(home: Home) -> set[str]:
    with home.catalog().connect() as conn:
        return {value.text for value in indicators.of_type(conn, ValueType.DOMAIN)}


# -- another vendor's server


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None: ...


class Medallion:
    """medallion with its memory backend, on a port of its own."""

    def __init__(self, count: int) -> None:
        logging.getLogger("medallion").setLevel(logging.CRITICAL)
        self.collection: dict[str, Any] = {
            "id": COLLECTION, "title": "Indicators", "can_read": True, "can_write": False,
            "media_types": ["application/stix+json;version=2.1"], "objects": [], "manifest": [],
        }  # fmt: skip
        for number in range(count):
            self.add(number)
        media = ["application/taxii+json;version=2.1"]
        app = Flask("medallion-test")
        config = {
            "users": {"reader": "hunter2-hunter2"},
            "taxii": {"max_page_size": 3},
            "backend": {"module": "medallion.backends.memory_backend", "module_class": "MemoryBackend"},
        }
        for name in ("users", "taxii", "backend"):
            set_config(app, name, config)
        self.server = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet)
        self.url = f"http://127.0.0.1:{self.server.server_port}/taxii2/"
        root = f"http://127.0.0.1:{self.server.server_port}/trustgroup1/"
        app.medallion_backend.data = {  # type: ignore[attr-defined]
            "/discovery": {"title": "Other vendor", "default": root, "api_roots": [root]},
            "trustgroup1": {
                "information": {"title": "TG", "versions": media, "max_content_length": 9_765_625},
                "collections": [self.collection],
            },
        }
        register_blueprints(app)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, number: int) -> None:
        item = indicator(number)
        added = f"2026-01-01T00:00:{number // 2:02}.000000Z"  # two share each date
        entry = {"id": item["id"], "date_added": added, "version": item["modified"]}
        self.collection["objects"].append(item)
        self.collection["manifest"].append(entry | {"media_type": self.collection["media_types"][0]})


@pytest.fixture
def medallion() -> Iterator[Medallion]:
    made = Medallion(10)
    yield made
    made.server.shutdown()
    made.server.server_close()


def password(folder: Path, text: str) -> Login:
    path = folder / "password"
    path.write_text(text)
    return Login(username="reader", password_file=path)


def test_medallion_from_its_discovery_to_what_is_new(home: Home, medallion: Medallion, tmp_path: Path) -> None:
    login = password(tmp_path, "hunter2-hunter2")
    feed.add(home, medallion.url, name="vendor", collection="Indicators", login=login, allow_private=True)
    (told,) = run(home)
    assert told.error is None
    assert (told.added, told.refused_count) == (10, 0)
    assert values(home) == {f"c{number}.example" for number in range(10)}
    row = feed.every(home)[0]
    assert (row.done_at, row.failures, row.next) == (NOW, 0, "")
    for number in (10, 11):
        medallion.add(number)
    (again,) = run(home, "vendor")
    assert (again.added, again.objects) == (2, 4)  # with the two of the last date
    assert len(values(home)) == 12
    actions = [entry for entry in home.audit().entries() if entry.action == "feed.run"]
    assert [entry.details["added"] for entry in actions] == [10, 2]
    assert not any("example" in json.dumps(entry.details) for entry in actions)


def test_a_wrong_password_is_told_and_nothing_taken(home: Home, medallion: Medallion, tmp_path: Path) -> None:
    feed.add(home, medallion.url, name="vendor", login=password(tmp_path, "wrong"), allow_private=True)
    (told,) = run(home)
    assert isinstance(told.error, NodeCannot)
    assert "refuses the login (status 401)" in str(told.error)
    run(home)
    assert (feed.every(home)[0].failures, feed.every(home)[0].done_at) == (2, None)


def test_private_addresses_are_out_of_reach_unless_allowed(home: Home, medallion: Medallion) -> None:
    feed.add(home, medallion.url, name="vendor")
    assert isinstance(run(home)[0].error, NodeCannot)
    assert values(home) == set()


# -- servers that are odd

Answer = Callable[[str, dict[str, str]], tuple[int, bytes, dict[str, str]]]


class Odd:
    """A web server whose answers a function gives."""

    def __init__(self, answer: Answer) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: Any) -> None: ...

            def do_GET(self) -> None:
                asked.append(self.path)
                status, body, headers = answer(self.path, dict(self.headers.items()))
                self.send_response(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def odd() -> Iterator[Callable[[Answer], Odd]]:
    made: list[Odd] = []

    def make(answer: Answer) -> Odd:
        made.append(Odd(answer))
        return made[-1]

    yield make
    for one in made:
        one.server.shutdown()
        one.server.server_close()


def page(*objects: Any, more: bool = False, next: str = "") -> bytes:
    return json.dumps({"more": more, "next": next, "objects": objects}).encode()


def test_a_break_between_pages_loses_nothing_and_repeats_nothing(home: Home, odd: Callable[[Answer], Odd]) -> None:
    broken = [True]

    def answer(path: str, _headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if "next=2" in path and broken:
            broken.clear()
            return 500, b"", {}
        return 200, page(indicator(2)) if "next=2" in path else page(indicator(1), more=True, next="2"), {}

    server = odd(answer)
    feed.add(home, f"{server.url}api/collections/c/", name="vendor", allow_private=True)
    (told,) = run(home)
    assert (told.added, str(told.error)[-10:]) == (1, "status 500")
    assert feed.every(home)[0].next == "2"
    (told,) = run(home)
    assert (told.added, told.unchanged, told.error) == (1, 0, None)
    assert [path.partition("?")[2] for path in server.asked] == [
        "limit=1000", "limit=1000&next=2", "limit=1000&next=2",
    ]  # fmt: skip
    assert values(home) == {"c1.example", "c2.example"}


def test_what_can_t_be_read_is_refused_alone(home: Home, odd: Callable[[Answer], Odd]) -> None:
    deep = b'{"type":"indicator","x":' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    good = [json.dumps(indicator(number)).encode() for number in (1, 2)]
    bad = [
        json.dumps(indicator(3, pattern="[nonsense")).encode(),
        b"{tru}",
        deep,
        b"7",
        json.dumps(indicator(4, id="x")).encode(),
    ]
    body = b'{"objects":[' + b",".join([good[0], *bad, good[1]]) + b"]}"
    server = odd(lambda _path, _headers: (200, body, {"Content-Type": "text/plain", "ETag": '"e"'}))
    feed.add(home, f"{server.url}api/collections/c/", name="vendor", marking=Tlp.AMBER, allow_private=True)
    (told,) = run(home)
    assert (told.added, told.refused_count, told.error) == (2, 5, None)
    assert values(home) == {"c1.example", "c2.example"}
    assert all(refused.location.path.startswith("http://127.0.0.1") for refused in told.refused)
    (again,) = run(home)
    assert (again.added, again.unchanged) == (0, 2)


def test_a_server_that_puts_off_is_waited_for(home: Home, odd: Callable[[Answer], Odd]) -> None:
    answers = [(503, b"", {"Retry-After": "7"}), (200, page(indicator(1)), dict[str, str]())]
    server = odd(lambda _path, _headers: answers.pop(0))
    feed.add(home, f"{server.url}api/collections/c/", name="vendor", allow_private=True)
    slept: list[float] = []
    assert run(home, sleep=slept.append)[0].added == 1
    assert slept == [7.0]


def test_a_page_that_is_too_big_is_asked_for_smaller(
    home: Home, odd: Callable[[Answer], Odd], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("haechi.exchange.taxii.client.MOST", 2000)
    server = odd(lambda path, _headers: (200, page(indicator(1)) if "limit=62" in path else b" " * 3000, {}))
    feed.add(home, f"{server.url}api/collections/c/", name="vendor", allow_private=True)
    assert run(home)[0].added == 1
    assert [path.rpartition("=")[2] for path in server.asked] == ["1000", "250", "62"]


def test_one_feed_that_fails_keeps_none_from_running(home: Home, odd: Callable[[Answer], Odd]) -> None:
    server = odd(lambda path, _headers: (200, page(indicator(1)), {}) if "good" in path else (404, b"", {}))
    feed.add(home, f"{server.url}a/collections/gone/", name="a", allow_private=True)
    feed.add(home, f"{server.url}b/collections/good/", name="b", allow_private=True)
    first, second = run(home)
    assert isinstance(first.error, NotFound)
    assert (second.added, second.error) == (1, None)
    with pytest.raises(NotFound, match="no feed 'c'"):
        run(home, "c")


def test_a_marking_that_came_on_an_earlier_page_counts(home: Home, odd: Callable[[Answer], Odd]) -> None:
    definition = {
        "type": "marking-definition", "spec_version": "2.1", "id": "marking-definition--00000000-0000-4000-8000-000000000009",
        "created": "2026-01-01T00:00:00.000Z", "definition_type": "tlp", "definition": {"tlp": "amber"}, "name": "TLP:AMBER",
    }  # fmt: skip
    marked = indicator(1, object_marking_refs=[definition["id"]])
    server = odd(
        lambda path, _h: (200, page(marked) if "next=2" in path else page(definition, more=True, next="2"), {})
    )
    feed.add(home, f"{server.url}api/collections/c/", name="vendor", allow_private=True)
    assert run(home)[0].added == 1
    with home.catalog().connect() as conn:
        value = indicators.find(conn, "c1.example", ValueType.DOMAIN)[0]
        assert [one.marking for one in indicators.assertions_of(conn, [value.id])] == [Tlp.AMBER]


# -- MISP feeds

A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"


def event(uuid: str, value: str, timestamp: int) -> bytes:
    made = {"uuid": uuid[:-1] + "1", "type": "domain", "value": value, "to_ids": True, "timestamp": str(timestamp)}
    return json.dumps(
        {"Event": {"uuid": uuid, "info": "x", "Attribute": [made], "Tag": [{"name": "tlp:green"}]}}
    ).encode()


def test_a_misp_feed_only_what_changed(home: Home, odd: Callable[[Answer], Odd]) -> None:
    files = {f"/{A}.json": event(A, "a.example", 10), f"/{B}.json": b"{"}
    manifest = {A: {"timestamp": 10}, B: {"timestamp": 20}}

    def answer(path: str, _headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        if path == "/manifest.json":
            return 200, json.dumps(manifest).encode(), {"ETag": '"m"'}
        return (200, files[path], {}) if path in files else (404, b"", {})

    server = odd(answer)
    feed.add(home, server.url, name="misp", kind=Kind.MISP, allow_private=True)
    (told,) = run(home)
    assert (told.pages, told.added, told.missed, told.error) == (1, 1, 1, None)
    assert told.refused[0].location.path == f"{B}.json"
    assert feed.every(home)[0].etag == ""  # an event was missed: look again
    files[f"/{B}.json"] = event(B, "b.example", 20)
    (told,) = run(home)
    assert (told.pages, told.added, told.missed) == (1, 1, 0)
    assert server.asked.count(f"/{A}.json") == 1
    assert feed.every(home)[0].etag == '"m"'
    manifest[A]["timestamp"] = 30
    files[f"/{A}.json"] = event(A, "a2.example", 30)
    assert (run(home)[0].added, values(home)) == (1, {"a.example", "a2.example", "b.example"})
    with home.catalog().connect() as conn:
        assert feeds.versions(conn, feed.every(home)[0].id) == {A: 30, B: 20}
    del files[f"/{A}.json"]
    manifest[A]["timestamp"] = 40
    (told,) = run(home)
    assert (told.missed, told.bad) == (1, True)
    assert "couldn't be had" in str(told.refused[0])


def test_what_one_node_exports_another_pulls_under_the_same_labels(home: Home, tmp_path: Path) -> None:
    other = Home.init(tmp_path / "kr", party="KrCERT", country="KR", sector="government", clock=FixedClock(NOW))
    found = [indicator(1), indicator(2, marking=Tlp.CLEAR), indicator(3, marking=Tlp.AMBER_STRICT)]
    with home.catalog().begin() as conn:
        who = recipient(conn, "KrCERT")
        rows = [Outgoing("indicators", one["id"], "indicator", 1, json.dumps(one).encode(), 1, 0, "") for one in found]
        ledger.write(conn, who.id, rows, now=NOW)
    folder = tmp_path / "feed"
    mispfeed.export(home, "KrCERT", folder)

    class Files(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    feed.add(
        other,
        f"http://127.0.0.1:{server.server_port}/",
        name="tw",
        kind=Kind.MISP,
        marking=Tlp.CLEAR,
        allow_private=True,
    )
    (told,) = run(other)
    server.shutdown()
    server.server_close()
    assert (told.added, told.missed, told.error) == (3, 0, None)
    with other.catalog().connect() as conn:
        known = {value.id: value.text for value in indicators.of_type(conn, ValueType.DOMAIN)}
        labels = {one.value.text: one.marking for one in indicators.assertions_of(conn, known)}
    assert labels == {"c1.example": Tlp.GREEN, "c2.example": Tlp.CLEAR, "c3.example": Tlp.AMBER_STRICT}
