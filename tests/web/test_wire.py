import asyncio
from typing import Any

from haechi.exchange.message import Response
from haechi.web import wire


def scope(**more: Any) -> dict[str, Any]:
    return {
        "method": "GET",
        "scheme": "http",
        "path": "/a b/",
        "raw_path": b"/a%20b/",
        "query_string": b"x=%00&y",
        "client": ("192.0.2.1", 5),
        "headers": [(b"host", b"h.example"), (b"accept", b"a"), (b"accept", b"b"), (b"x-odd", b"\xff")],
        **more,
    }


def test_a_request_is_as_it_was_sent() -> None:
    found = wire.received(scope(), b"body")
    assert (found.method, found.target, found.authority, found.body) == ("GET", "/a%20b/?x=%00&y", "h.example", b"body")
    assert found.headers == {"host": "h.example", "accept": "a, b", "x-odd": "\xff"}
    assert wire.received(scope(query_string=b"")).target == "/a%20b/"


def test_the_other_end() -> None:
    assert wire.client(scope()) == "192.0.2.1"
    assert wire.client(scope(client=None)) == ""
    assert wire.client(scope(client=("", 0))) == ""


def test_an_answer_is_sent_whole() -> None:
    sent: list[dict[str, Any]] = []

    async def take(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(wire.send(Response(200, {"x": "y"}, b"abc"), take))
    assert sent[0] == {
        "type": "http.response.start",
        "status": 200,
        "headers": [(b"x", b"y"), (b"content-length", b"3")],
    }
    assert sent[1]["body"] == b"abc"
