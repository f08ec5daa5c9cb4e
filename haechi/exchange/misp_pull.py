"""Pulling a MISP feed from a web server, as a state machine without I/O: the manifest, then the events that are newer.

`hashes.csv` is passed by: unsalted digests of values that the events hold anyway. What an event says of its version is the
manifest's affair; an event that can't be had or read is named, and the others go on. Source: MISP feed format
(github.com/MISP/misp-rfc).
"""

import re
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from haechi.exchange.asking import Asker, TooBig, Wait, checked
from haechi.exchange.message import Request, Response
from haechi.model.errors import BadInput, HaechiError, NotFound

MANIFEST: Final = "manifest.json"
MOST: Final = 256 << 20  # bytes of an event, or of the manifest
MOST_EVENTS: Final = 10_000  # in one run; the next one goes on
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ACCEPTS: Final = ("application/json", "*/*")
_LONGEST: Final = 4096  # characters of an ETag


@dataclass(frozen=True, slots=True)
class Event:
    """An event that is newer than what was taken of it; then send None."""

    uuid: str
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """An event that couldn't be had, and why; then send None."""

    uuid: str
    why: HaechiError


@dataclass(frozen=True, slots=True)
class Seen:
    """The manifest was gone through to its end; its ETag ("" where there was none, or events were missed or are left)."""

    etag: str


Step = Request | Wait | Event | Missed | Seen
Talk = Generator[Step, Response | TooBig | None, None]


class MispPull:
    """One run. `known` is what was taken before: UUID to version; `headers` carry the login; `now` in microseconds UTC."""

    def __init__(self, url: str, known: Mapping[str, int], *, etag: str, headers: Mapping[str, str], now: int) -> None:
        self._folder = url.removesuffix(MANIFEST).rstrip("/") + "/"
        self._known, self._etag = known, etag
        self._asker = Asker(headers, _ACCEPTS, now=now)

    def run(self) -> Talk:
        """The conversation. Raises `NodeCannot`, `NotFound`, `BadInput` where there is no manifest to be had."""
        url = self._folder + MANIFEST
        answer = yield from self._asker.send(url, {"if-none-match": self._etag} if self._etag else {})
        if isinstance(answer, TooBig):
            raise BadInput("feed.too_big", url=url, most=MOST >> 20)
        if checked(answer, url).status == 304:
            return
        newer = self._newer(answer.body, url)
        whole = len(newer) <= MOST_EVENTS
        for uuid, version in newer[:MOST_EVENTS]:
            found = yield from self._event(uuid, version)
            whole = whole and isinstance(found, Event)
            yield found
        yield Seen(answer.headers.get("etag", "")[:_LONGEST] if whole else "")

    def _newer(self, body: bytes, url: str) -> list[tuple[str, int]]:
        """What the manifest has that is newer than what is known, the oldest first, so that a break loses least."""
        try:
            found: dict[str, Any] = msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput("feed.no_misp", url=url, cause=str(error)) from None
        versions = {uuid.lower(): _version(entry) for uuid, entry in found.items()}
        newer = [
            (uuid, at) for uuid, at in versions.items() if _UUID.fullmatch(uuid) and at > self._known.get(uuid, -1)
        ]
        return sorted(newer, key=lambda one: (one[1], one[0]))

    def _event(self, uuid: str, version: int) -> Generator[Step, Response | TooBig | None, Event | Missed]:
        url = f"{self._folder}{uuid}.json"
        answer = yield from self._asker.send(url)
        if isinstance(answer, TooBig):
            return Missed(uuid, BadInput("feed.too_big", url=url, most=MOST >> 20))
        try:
            return Event(uuid, version, checked(answer, url).body)
        except NotFound as error:
            return Missed(uuid, error)


def _version(entry: Any) -> int:
    """An event's timestamp; 0 where it has none that can be read."""
    said = entry.get("timestamp") if isinstance(entry, dict) else None
    if isinstance(said, str) and said.isascii() and said.isdigit() and len(said) < 16:
        return int(said)
    return said if isinstance(said, int) and not isinstance(said, bool) and 0 <= said < 10**16 else 0
