"""Pulling a collection from any vendor's TAXII 2.1 server, as a state machine without I/O: requests out, answers in.

A URL may name a server's discovery, an API root or a collection. Pages are taken until the server has no more; each comes
with the place to go on from after a break. Written for the servers there are, not for the ones there should be: no `next`
where there is more, a limit that is ignored, a last page that comes again and again, a cursor that has gone stale, a media
type spelt otherwise, times without or with too many digits. Nothing is asked of another host than the one that was named,
so a login goes nowhere else. Source: TAXII 2.1 (OASIS, June 2021), sections 3 to 5.
"""

import hashlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

import msgspec

from haechi.exchange.asking import Asker, TooBig, Wait, checked, place
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import times
from haechi.formats.jsonstream import Walk
from haechi.model.errors import BadInput, NodeCannot, NotFound

PAGE: Final = 1000  # objects asked for at once
MOST_PAGE: Final = 16_000  # where so many were added at one time that they don't fit in a page
MOST: Final = 16 << 20  # bytes of an answer
MOST_PAGES: Final = 10_000  # in one run; the next one goes on
_LONGEST: Final = 4096  # characters of a cursor
# What servers take for the one media type: as written in the standard, with a space, without a version, anything.
_ACCEPTS: Final = (
    "application/taxii+json;version=2.1",
    "application/taxii+json; version=2.1",
    "application/taxii+json",
    "application/json, */*",
)
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a collection is to be read on. `added_after` as the server writes times; "" is from the start.

    `cursor` is the server's `next`, kept only where the server doesn't say when its objects were added. `etag` is what an
    empty answer from just there carried.
    """

    added_after: str = ""
    cursor: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Objects as received, to be kept together with the place to go on from; then send None."""

    objects: tuple[bytes, ...]
    position: Position
    left_out: int = 0  # objects that were too long


Step = Request | Wait | Page
Talk = Generator[Step, Response | TooBig | None, None]
_Ask = Generator[Step, Response | TooBig | None, Response]


class _Envelope(msgspec.Struct):
    """A page (TAXII 2.1, 3.7), its objects as they stand: one that can't be read is no reason to lose the others."""

    more: Any = False
    next: Any = None
    objects: list[bytes] = []
    left_out: int = 0  # objects longer than jsonstream.MAX_PART


class _Tolerant(msgspec.Struct):
    """An answer of discovery, API root and collections (4.1, 4.2, 5.1), as far as it is looked at."""

    default: Any = None
    api_roots: Any = None
    versions: Any = None
    collections: Any = None


class _Course:
    """Where a run is: what is asked next, how far the objects seen reach, what the last page said."""

    def __init__(self, position: Position) -> None:
        self._from = position
        self.filter, self.cursor, self.reached = position.added_after, position.cursor, position.added_after
        self.next = ""  # the server's cursor to what is behind the page
        self.more = self.dated = False
        self._before: frozenset[bytes] = frozenset()

    def without_cursor(self) -> None:
        self.cursor = ""
        self.filter = _just_before(self.reached) if self.dated else self._from.added_after

    def sees(self, found: _Envelope, last: str) -> bool:
        """Take note of a page; whether it has anything that the page before hadn't."""
        self.next = _cursor(found)
        self.more = _true(found.more) and bool(found.objects or self.next)
        if last:
            self.dated, self.reached = True, _later(self.reached, last)
        digests = frozenset(hashlib.sha256(one).digest() for one in found.objects)
        fresh = bool(digests - self._before) or not digests
        self._before = digests
        return fresh

    def position(self) -> Position:
        """From where the next run, or this one after a break, goes on."""
        if self.dated:
            return Position(_just_before(self.reached))
        return Position(self._from.added_after, self.next if self.more else "")


class Pull:
    """One run over one collection. `headers` carry the login; `now` in microseconds UTC is for Retry-After.

    `collection` is an id, an alias or a title, "" where the server has but one that can be read.
    """

    def __init__(
        self, url: str, position: Position, *, collection: str = "", headers: Mapping[str, str], now: int
    ) -> None:
        self._url, self._position, self._collection = url, position, collection
        self._asker = Asker(headers, _ACCEPTS, now=now)
        self._limit = PAGE

    def run(self) -> Talk:
        """The conversation.

        Raises `NodeCannot` where the server refuses or can't, `NotFound` where it has no such collection, `BadInput` for
        an answer that is none of TAXII's.
        """
        yield from self._pages((yield from self._objects_url()))

    # -- finding the collection

    def _objects_url(self) -> Generator[Step, Response | TooBig | None, str]:
        """The URL of the collection's objects."""
        before, found, after = self._url.partition("/collections/")
        id = after.partition("/")[0]
        if found and id:
            return f"{before}/collections/{id}/objects/"
        url = self._url if self._url.endswith("/") else f"{self._url}/"
        answer = yield from self._ask(url, tries_more=True)
        if answer.status == 404 and urlsplit(url).path == "/":
            answer = yield from self._ask(urljoin(url, "/taxii2/"))
        elif answer.status == 404:
            raise NotFound("feed.no_server", url=self._url)
        said = _decoded(answer, _Tolerant)
        roots = [url] if said.api_roots is None else self._roots(url, said)
        seen: list[str] = []
        for root in roots:
            there = f"{root}collections/"
            listed = yield from self._ask(there, tries_more=True)
            if listed.status == 404:
                continue
            chosen = self._chosen(_decoded(listed, _Tolerant).collections, seen)
            if chosen:
                return f"{there}{quote(chosen, safe='')}/objects/"
        raise NotFound(
            "feed.no_collection", url=self._url, name=self._collection or "-", names=", ".join(seen[:20]) or "-"
        )

    def _roots(self, url: str, said: _Tolerant) -> list[str]:
        """The API roots on this very host, the default one first."""
        named = [said.default, *(said.api_roots if isinstance(said.api_roots, list) else [])]
        found: dict[str, None] = {}
        for root in named:
            if isinstance(root, str) and root and len(root) <= _LONGEST:
                whole = urljoin(url, root)
                if place(whole) == place(url):
                    found[whole if whole.endswith("/") else f"{whole}/"] = None
        if not found:
            raise NotFound("feed.other_host", url=self._url)
        return list(found)

    def _chosen(self, collections: Any, seen: list[str]) -> str:
        """The id of the collection that is meant; "" where this root hasn't it. `seen` gathers what could have been."""
        readable = [
            one for one in (collections if isinstance(collections, list) else [])
            if isinstance(one, dict) and isinstance(one.get("id"), str) and one.get("can_read") is not False
        ]  # fmt: skip
        seen += [f"{one['id']} ({one.get('title', '')})" for one in readable]
        if not self._collection:
            return readable[0]["id"] if len(readable) == 1 else ""
        for key in ("id", "alias", "title"):
            for one in readable:
                if one.get(key) == self._collection:
                    return str(one["id"])
        return ""

    # -- pages

    def _pages(self, url: str) -> Talk:
        course = _Course(self._position)
        for number in range(MOST_PAGES):
            answer = yield from self._page(url, course.filter, course.cursor, "" if number else self._position.etag)
            if answer is None:  # the cursor has gone stale
                course.without_cursor()
                answer = yield from self._page(url, course.filter, "", "")
            if answer is None or answer.status == 304:
                return
            found = _envelope(answer)
            fresh = course.sees(found, _last(answer))
            settled = course.position()
            if number == 0 and not course.more and settled.added_after == self._position.added_after:
                settled = replace(settled, etag=answer.headers.get("etag", "")[:_LONGEST])
            yield Page(tuple(found.objects) if fresh else (), settled, found.left_out if fresh else 0)
            if not course.more or not self._go_on(course, url, fresh=fresh):
                return

    def _go_on(self, course: "_Course", url: str, *, fresh: bool) -> bool:
        """Set the course for the next page; False where there is nothing behind this one, whatever the server says."""
        if course.next:
            course.cursor = course.next
            return fresh
        if not course.dated:
            if fresh:
                raise NodeCannot("feed.stuck", url=url)
            return False
        onward = _just_before(course.reached)
        if fresh:
            course.filter, course.cursor = onward, ""
            return True
        if self._limit < MOST_PAGE:  # more objects may share one date than a page holds
            self._limit *= 2
            return True
        if course.filter == course.reached:
            return False
        course.filter = course.reached
        return True

    def _page(
        self, url: str, filter: str, cursor: str, etag: str
    ) -> Generator[Step, Response | TooBig | None, Response | None]:
        """One page; None where the server doesn't take the cursor."""
        while True:
            asked = {"limit": str(self._limit)}
            if filter:
                asked["added_after"] = filter
            if cursor:
                asked["next"] = cursor
            extra = {"if-none-match": etag} if etag and not cursor else {}
            answer = yield from self._asker.send(f"{url}?{urlencode(asked)}", extra)
            if isinstance(answer, TooBig):
                if self._limit == 1:
                    raise BadInput("feed.too_big", url=url, most=MOST >> 20)
                self._limit = max(self._limit // 4, 1)
                continue
            if cursor and answer.status in (400, 404, 410, 422):
                if filter:  # some take a cursor alone
                    filter = ""
                    continue
                return None
            return checked(answer, url)

    # -- asking

    def _ask(self, url: str, *, tries_more: bool = False) -> _Ask:
        answer = yield from self._asker.send(url)
        if isinstance(answer, TooBig):
            raise BadInput("feed.too_big", url=url, most=MOST >> 20)
        if answer.status == 404 and tries_more:
            return answer
        return checked(answer, url)


def _decoded(answer: Response, kind: type[_T]) -> _T:
    """The answer's JSON, whatever media type it came under; an empty one is an empty document."""
    body = answer.body.removeprefix(b"\xef\xbb\xbf")
    try:
        return msgspec.json.decode(body if body.strip() else b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("feed.no_taxii", cause=str(error)) from None


def _envelope(answer: Response) -> _Envelope:
    found = _Envelope()
    if not answer.body.strip():
        return found
    walk = Walk([answer.body])
    try:
        for key in walk.members():
            if key == "objects" and walk.kind() == "[":
                for _ in walk.items():
                    one = walk.value()
                    found.left_out += one is None
                    found.objects += [] if one is None else [one]
            elif key in ("more", "next"):
                setattr(found, key, msgspec.json.decode(walk.value() or b"null"))
            else:
                walk.skip()
        walk.end()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("feed.no_taxii", cause=str(error)) from None
    except BadInput as error:
        raise BadInput("feed.no_taxii", cause=error.message) from None
    return found


def _true(value: Any) -> bool:
    return value in (True, 1, "true", "True")


def _cursor(found: _Envelope) -> str:
    """The server's cursor: a text, and from some a number."""
    said = found.next
    if isinstance(said, bool) or not isinstance(said, str | int):
        return ""
    return str(said) if len(str(said)) <= _LONGEST else ""


def _last(answer: Response) -> str:
    """When the last object of a page was added, as the server says; "" where it says nothing that can be compared."""
    said = answer.headers.get("x-taxii-date-added-last", "").strip().strip('"')
    said = f"{said[:-6]}Z" if said.endswith("+00:00") else said
    return said if times.parsed(said) is not None else ""


def _later(one: str, other: str) -> str:
    """The later of two times; the first where the other is none."""
    return other if (times.parsed(other) or -1) > (times.parsed(one) or -1) else one


def _just_before(at: str) -> str:
    """A microsecond before, at most: what was added at that very time and isn't in the page yet isn't passed over."""
    micros = times.parsed(at)
    if micros is None or micros < 1:
        return at
    digits = at.partition(".")[2].rstrip("Z")
    return times.added(micros if len(digits) > 6 and digits[6:].strip("0") else micros - 1)
