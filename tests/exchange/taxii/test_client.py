"""Servers as they are, scripted: each is asked until it has no more, nothing is missed, nothing is asked twice for ever."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from haechi.exchange.asking import TooBig, Wait
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import client
from haechi.exchange.taxii.client import Page, Position, Pull
from haechi.model.errors import BadInput, NodeCannot, NotFound

NOW = 1_800_000_000_000_000
COLLECTION = "https://a.example/api/collections/c1"
ADDED = "x-taxii-date-added-last"
Handler = Callable[[dict[str, str], Request], "Response | TooBig"]


def said(document: Any = None, status: int = 200, **headers: str) -> Response:
    body = b"" if document is None else json.dumps(document).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def date(number: int) -> str:
    return f"2026-01-01T00:00:00.{number:06}Z"


@dataclass
class Talked:
    """What a run gave: pages, waits, requests."""

    pages: list[Page] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    @property
    def objects(self) -> list[Any]:
        return [json.loads(one) for page in self.pages for one in page.objects]

    @property
    def position(self) -> Position:
        return self.pages[-1].position


def pull(
    handler: Handler,
    url: str = COLLECTION,
    position: Position = Position(),
    *,
    collection: str = "",
    headers: Mapping[str, str] | None = None,
    most: int = 200,
) -> Talked:
    """One run against a server that a function plays; stops after `most` requests, which is a failure."""
    talk = Pull(url, position, collection=collection, headers=headers or {}, now=NOW).run()
    told, answer = Talked(), None
    while True:
        try:
            step = talk.send(answer)
        except StopIteration:
            return told
        answer = None
        if isinstance(step, Page):
            told.pages.append(step)
        elif isinstance(step, Wait):
            told.waits.append(step.seconds)
        else:
            told.asked.append(step)
            assert len(told.asked) < most, "asked for ever"
            answer = handler(dict(step.query), step)


class Server:
    """A collection of numbered objects with the dates they were added, that answers as the standard says."""

    def __init__(self, dates: list[int], *, size: int = 3, cursors: bool = True, dated: bool = True) -> None:
        self.rows = [(date(at), number) for number, at in enumerate(dates)]
        self.size, self.cursors, self.dated = size, cursors, dated

    def __call__(self, query: dict[str, str], _request: Request) -> Response:
        rows = [row for row in self.rows if row[0] > query.get("added_after", "")]
        start = int(query.get("next", 0))
        size = min(self.size, int(query["limit"]))
        page, more = rows[start : start + size], start + size < len(rows)
        document: dict[str, Any] = {"more": more, "objects": [{"id": number} for _, number in page]} if page else {}
        if more and self.cursors:
            document["next"] = str(start + size)
        dated: dict[str, Any] = {"x_taxii_date_added_last": page[-1][0]} if page and self.dated else {}
        return said(document, **dated)


def numbers(told: Talked) -> list[int]:
    return [one["id"] for one in told.objects]


@pytest.mark.parametrize("cursors", [True, False])
def test_all_pages_then_what_is_new(cursors: bool) -> None:
    server = Server(list(range(1, 9)), cursors=cursors)
    told = pull(server)
    assert sorted(set(numbers(told))) == list(range(8))
    server.rows += [(date(8), 8), (date(20), 9)]  # one of the very date that was the last
    again = pull(server, position=told.position)
    assert set(numbers(again)) == {7, 8, 9}
    assert len(again.asked) == 1


@pytest.mark.parametrize("size", [2, 3, 4])
def test_equal_dates_are_not_passed_over_where_there_is_no_cursor(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "PAGE", size)
    server = Server([1, 2, 2, 2, 2, 2, 2, 3, 4, 4, 5], size=50, cursors=False)
    assert set(numbers(pull(server))) == set(range(11))


def test_a_server_that_holds_to_its_own_limit_at_equal_dates_comes_to_an_end() -> None:
    server = Server([1, 2, 2, 2, 2, 3], size=2, cursors=False)
    assert {0, 1, 2, 5} <= set(numbers(pull(server)))


def test_a_break_is_mended_from_the_last_page() -> None:
    server = Server(list(range(1, 9)))
    first = pull(server).pages[0]
    assert first.position == Position(date(2))
    assert set(numbers(pull(server, position=first.position))) == set(range(2, 8))


def test_without_dates_the_cursor_is_kept_over_a_break_and_no_longer() -> None:
    server = Server(list(range(1, 9)), dated=False)
    told = pull(server)
    assert numbers(told) == list(range(8))
    assert [page.position for page in told.pages] == [Position("", "3"), Position("", "6"), Position()]
    assert numbers(pull(server, position=told.pages[0].position)) == list(range(3, 8))


def test_a_stale_cursor_falls_back_to_the_date() -> None:
    server = Server(list(range(1, 9)))
    seen: list[int] = []

    def forgetful(query: dict[str, str], request: Request) -> Response:
        seen.append(1)
        return said({}, 404) if "next" in query and len(seen) in (3, 4) else server(query, request)

    assert set(numbers(pull(forgetful))) == set(range(8))


def test_a_cursor_that_goes_alone() -> None:
    server = Server(list(range(1, 9)))

    def strict(query: dict[str, str], request: Request) -> Response:
        if "next" not in query:
            return server(query, request)
        if "added_after" in query:
            return said({"title": "next or added_after"}, 400)
        return server(query | {"added_after": date(0)}, request)

    assert numbers(pull(strict, position=Position(date(0)))) == list(range(8))


@pytest.mark.parametrize("next", [None, "n", 7])
def test_a_last_page_that_comes_again_and_again(next: Any) -> None:
    page = {"more": True, "objects": [{"id": 1}]} | ({} if next is None else {"next": next})
    told = pull(lambda _query, _request: said(page, x_taxii_date_added_last=date(5)))
    assert told.objects == [{"id": 1}]
    assert told.position == Position(date(4))


def test_more_without_cursor_or_date_is_said() -> None:
    with pytest.raises(NodeCannot, match="neither how to ask"):
        pull(lambda _query, _request: said({"more": True, "objects": [{"id": 1}]}))


def test_more_of_nothing_is_the_end() -> None:
    assert pull(lambda _query, _request: said({"more": True, "objects": []})).objects == []


def test_an_unchanged_collection_costs_one_small_answer() -> None:
    server = Server([1, 2])

    def tagged(query: dict[str, str], request: Request) -> Response:
        if request.headers.get("if-none-match") == '"e"' and query.get("added_after") == date(1):
            return said(None, 304)
        found = server(query, request)
        return Response(found.status, {**found.headers, "etag": '"e"'}, found.body)

    first = pull(tagged)
    assert first.position == Position(date(1))
    second = pull(tagged, position=first.position)
    assert second.position == Position(date(1), etag='"e"')
    third = pull(tagged, position=second.position)
    assert (third.pages, len(third.asked)) == ([], 1)


def test_the_media_type_as_the_server_takes_it() -> None:
    def picky(query: dict[str, str], request: Request) -> Response:
        return Server([1])(query, request) if request.headers["accept"] == "application/taxii+json" else said({}, 406)

    told = pull(picky)
    assert numbers(told) == [0]
    assert len(told.asked) == 3
    with pytest.raises(NodeCannot, match="status 406"):
        pull(lambda _query, _request: said({}, 406))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("", 2.0), ("99999", 300.0), ("Fri, 15 Jan 2027 08:00:09 GMT", 9.0), ("soon", 2.0), ("-1", 2.0)],
)
def test_a_server_that_puts_off_is_left_alone(header: str, seconds: float) -> None:
    answers = [said({}, 503, retry_after=header)]
    told = pull(lambda query, request: answers.pop() if answers else Server([1])(query, request))
    assert (told.waits, numbers(told)) == ([seconds], [0])


def test_a_server_that_only_puts_off() -> None:
    with pytest.raises(NodeCannot, match="puts every request off"):
        pull(lambda _query, _request: said({}, 429, retry_after="1"))


def test_pages_that_are_too_big_are_asked_for_smaller() -> None:
    def large(query: dict[str, str], request: Request) -> Response | TooBig:
        return TooBig() if int(query["limit"]) > 3 else Server(list(range(1, 6)))(query, request)

    assert numbers(pull(large)) == list(range(5))
    with pytest.raises(BadInput, match="for one object"):
        pull(lambda _query, _request: TooBig())


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"objects": [1', b"\xff\xfe", b'{"more": tru}', b"3"])
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises(BadInput, match="none of a TAXII server"):
        pull(lambda _query, _request: Response(200, {"content-type": "text/html"}, body))


def test_objects_come_as_they_stand() -> None:
    odd = [b'{"id": 1, "x" :1.50}', b'{"a":' * 5000 + b"1" + b"}" * 5000, b"{tru}", b'"text"']
    body = b'{"objects": [' + b",".join(odd) + b"]}"
    told = pull(lambda _query, _request: Response(200, {}, body))
    assert list(told.pages[0].objects) == odd


@pytest.mark.parametrize(
    ("status", "error"), [(401, NodeCannot), (403, NodeCannot), (404, NotFound), (500, NodeCannot)]
)
def test_refusals(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        pull(lambda _query, _request: said({}, status))


class Site:
    """A whole server: discovery, roots, collections."""

    def __init__(
        self, roots: list[str], collections: dict[str, list[dict[str, Any]]], default: str | None = None
    ) -> None:
        self.discovery = {"title": "x", "api_roots": roots} | ({} if default is None else {"default": default})
        self.collections, self.asked = collections, list[str]()

    def __call__(self, query: dict[str, str], request: Request) -> Response:
        path = request.path
        self.asked.append(f"{request.scheme}://{request.authority}{path}")
        if path == "/taxii2/":
            return said(self.discovery)
        root = next((root for root in self.collections if path.startswith(root)), "")
        if not root:
            return said({}, 404)
        if path == root:
            return said({"title": "r", "versions": ["application/taxii+json;version=2.1"]})
        if path == f"{root}collections/":
            return said({"collections": self.collections[root]})
        return Server([1])(query, request)


def one(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "title": f"T {id}", "can_read": True, "can_write": False, **more}


def site() -> Site:
    return Site(
        ["https://a.example/r1/", "/r2/", "https://elsewhere.example/r3/"],
        {"/r1/": [one("c1"), one("no", can_read=False)], "/r2/": [one("c2", alias="daily"), one("c3")]},
        default="/r2/",
    )


@pytest.mark.parametrize(
    ("url", "collection", "objects"),
    [
        ("https://a.example/taxii2/", "c3", "/r2/collections/c3/objects/"),
        ("https://a.example/taxii2", "daily", "/r2/collections/c2/objects/"),
        ("https://a.example", "T c1", "/r1/collections/c1/objects/"),
        ("https://a.example/r1", "", "/r1/collections/c1/objects/"),
        ("https://a.example/taxii2/", "", "/r1/collections/c1/objects/"),
        ("https://a.example/r2/collections/c3/objects/", "", "/r2/collections/c3/objects/"),
        ("https://a.example/r2/collections/c3", "", "/r2/collections/c3/objects/"),
    ],
)
def test_the_collection_is_found(url: str, collection: str, objects: str) -> None:
    server = site()
    told = pull(server, url, collection=collection, headers={"authorization": "Bearer t"})
    assert numbers(told) == [0]
    assert told.asked[-1].path == objects
    assert {request.authority for request in told.asked} == {"a.example"}
    assert {request.headers["authorization"] for request in told.asked} == {"Bearer t"}


@pytest.mark.parametrize(
    ("server", "collection", "told"),
    [
        (site(), "c9", "it has: c2 .T c2., c3 .T c3., c1 .T c1."),
        (Site(["/r2/"], {"/r2/": [one("c2"), one("c3")]}), "", "no collection - to read"),
        (Site(["https://elsewhere.example/r3/", 7, ""], {}), "", "other hosts"),  # type: ignore[list-item]
        (Site(["/r4/"], {}), "", "no collection"),
    ],
)
def test_a_collection_that_is_not_there(server: Site, collection: str, told: str) -> None:
    with pytest.raises(NotFound, match=told):
        pull(server, "https://a.example/taxii2/", collection=collection)
    with pytest.raises(NotFound, match="no TAXII server"):
        pull(server, "https://a.example/other/")


def test_a_run_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MOST_PAGES", 2)
    server = Server(list(range(1, 20)))
    told = pull(server)
    assert numbers(told) == list(range(6))
    assert numbers(pull(server, position=told.position))[:2] == [5, 6]
