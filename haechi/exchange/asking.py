"""Asking another's server without I/O: a request is yielded, its answer sent in; put off as long as the server says.

Step out: a `Request`, or a `Wait`. Sent in: the `Response`, `TooBig` where it was longer than allowed, None after a wait.
Source: RFC 9110 (406, Retry-After), RFC 6585 (429).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from haechi.exchange.message import Request, Response
from haechi.model.errors import NodeCannot, NotFound

MOST_WAITS: Final = 8  # of one request that a server puts off
LONGEST_WAIT: Final = 300.0  # seconds
_LATER: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Wait:
    """The server asks to be left alone for so many seconds; then send None."""

    seconds: float


@dataclass(frozen=True, slots=True)
class TooBig:
    """Sent instead of an answer that was longer than allowed."""


Answered = Generator[Request | Wait, Response | TooBig | None, Response | TooBig]


class Asker:
    """Asks one server. `headers` carry the login, `accepts` the media types to try in turn; `now` in microseconds UTC."""

    def __init__(self, headers: Mapping[str, str], accepts: Sequence[str], *, now: int) -> None:
        self._headers, self._accepts, self._now = dict(headers), accepts, now
        self._accept = 0

    def send(self, url: str, extra: Mapping[str, str] | None = None) -> Answered:
        """One request's answer, under the media type that the server takes. Raises `NodeCannot` for one that only waits."""
        waits = 0
        while True:
            headers = {**self._headers, "accept": self._accepts[self._accept], **(extra or {})}
            answer = yield _request(url, headers)
            if answer is None:
                raise TypeError("a request is answered by a Response or TooBig")
            if isinstance(answer, TooBig):
                return answer
            if answer.status == 406 and self._accept + 1 < len(self._accepts):
                self._accept += 1
                continue
            if answer.status not in _LATER:
                return answer
            waits += 1
            if waits > MOST_WAITS:
                raise NodeCannot("feed.busy", url=url, status=answer.status)
            yield Wait(self._pause(answer, waits))

    def _pause(self, answer: Response, waits: int) -> float:
        """Seconds to wait: what the server says, else twice as long each time."""
        said = answer.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdigit() and len(said) < 10:
            return min(float(said), LONGEST_WAIT)
        try:
            wanted = parsedate_to_datetime(said).timestamp() - self._now / 1e6
        except (ValueError, TypeError, OverflowError):
            return min(2.0**waits, LONGEST_WAIT)
        return min(max(wanted, 0.0), LONGEST_WAIT)


def checked(answer: Response, url: str) -> Response:
    """The answer, if it is one: content, a part of it, or "not modified". Raises what its status means."""
    if answer.status in (401, 403):
        raise NodeCannot("feed.denied", url=url, status=answer.status)
    if answer.status == 404:
        raise NotFound("feed.not_there", url=url)
    if answer.status not in (200, 206, 304):
        raise NodeCannot("feed.status", url=url, status=answer.status)
    return answer


def _request(url: str, headers: Mapping[str, str]) -> Request:
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request("GET", target, dict(headers), scheme=parts.scheme, authority=parts.netloc)


def place(url: str) -> tuple[str, str]:
    """Scheme and authority, to be compared: a login goes to the place that it was given for, and to no other."""
    parts = urlsplit(url)
    return parts.scheme.lower(), parts.netloc.lower()
