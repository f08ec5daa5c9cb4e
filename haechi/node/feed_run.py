"""Feeds pulled: each page or event goes into the catalog in one transaction with the place to go on from.

So a run that breaks off anywhere is simply run again. What can't be read is refused by object and named; the rest goes on,
and so do the other feeds where one fails. The audit log names feeds and counts, never a value.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection

from haechi.exchange import misp_pull
from haechi.exchange.asking import TooBig, Wait
from haechi.exchange.message import Request, Response
from haechi.exchange.misp_pull import Event, MispPull, Missed, Seen
from haechi.exchange.taxii import client
from haechi.exchange.taxii.client import Page, Position, Pull
from haechi.formats import misp, stix
from haechi.formats.jsondoc import NoIndicator
from haechi.formats.jsonstream import MAX_PART
from haechi.model.errors import BadInput, HaechiError
from haechi.model.location import Location
from haechi.model.source_object import INDICATOR, SourceObject
from haechi.node import feed as node_feed
from haechi.node import indicators as node_indicators
from haechi.node.feed import Kind
from haechi.node.home import Home
from haechi.node.http import Client
from haechi.store.catalog import feeds, indicator_load
from haechi.store.catalog.feeds import FeedRow

KEPT_REFUSALS: Final = 1_000  # named one by one; the rest are counted
Parsed = SourceObject | BadInput | NoIndicator
Sleep = Callable[[float], None]


class Ran(msgspec.Struct, kw_only=True):
    """What came of one feed. Counts are of assertions, unless named otherwise."""

    feed: str
    pages: int = 0  # of a MISP feed: events
    objects: int = 0  # as they came, with those that are context
    added: int = 0
    unchanged: int = 0
    closed: int = 0
    context: int = 0  # objects and attributes that tell of indicators and are none
    refused_count: int = 0
    refused: list[BadInput] = []
    missed: int = 0  # events of a MISP feed that couldn't be had
    error: HaechiError | None = None  # why the run broke off; what was taken before stays

    @property
    def bad(self) -> bool:
        return self.refused_count > 0 or self.missed > 0

    def refuse(self, refused: BadInput) -> None:
        """Count a refusal, and keep it while there are few."""
        self.refused_count += 1
        if len(self.refused) < KEPT_REFUSALS:
            self.refused.append(refused)


def run(
    home: Home,
    name: str = "",
    *,
    sleep: Sleep = time.sleep,
    progress: Callable[[str, int], None] = lambda _feed, _objects: None,
) -> list[Ran]:
    """Pull the feed of that name, or all, one after the other. What fails is told in the feed's own result.

    `sleep` waits for a server that puts us off; `progress` is told the feed and how many objects came. Raises `NotFound`
    for a name that there is none of.
    """
    with home.catalog().connect() as conn:
        wanted = [feeds.find(conn, name)] if name else feeds.every(conn)
    return [_Run(home, feed, sleep, progress).go() for feed in wanted]


class _Run:
    """One run of one feed."""

    def __init__(self, home: Home, feed: FeedRow, sleep: Sleep, progress: Callable[[str, int], None]) -> None:
        self._home, self._feed, self._sleep, self._progress = home, feed, sleep, progress
        self._told = Ran(feed=feed.name)

    def go(self) -> Ran:
        """Pull it to its end, or until it fails, and note how it went."""
        private = urlsplit(self._feed.url).hostname if self._feed.private else None
        with self._home.catalog().begin() as conn:
            feeds.save(conn, self._feed.id, tried_at=self._home.clock.now())
        try:
            with Client(private_host=private or "") as http:
                self._misp(http) if self._feed.kind == Kind.MISP else self._taxii(http)
        except HaechiError as error:
            self._told.error = error
        self._end()
        return self._told

    def _end(self) -> None:
        told, log = self._told, self._home.audit()
        done = {"done_at": self._home.clock.now(), "failures": 0}
        failed = {"failures": self._feed.failures + 1}
        with self._home.catalog().begin() as conn:
            feeds.save(conn, self._feed.id, **(done if told.error is None else failed))
            details = {
                "pages": told.pages,
                "objects": told.objects,
                "added": told.added,
                "closed": told.closed,
                "refused": told.refused_count,
                "error": "" if told.error is None else told.error.id,
            }
            log.append("feed.run", subject=f"feed:{told.feed}", details=details)

    def _taxii(self, http: Client) -> None:
        feed = self._feed
        position = Position(feed.added_after, feed.next, feed.etag)
        pull = Pull(feed.url, position, collection=feed.collection, headers=self._headers(), now=self._home.clock.now())
        talk = pull.run()
        answer: Response | TooBig | None = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, Page):
                self._keep_page(step)
            else:
                answer = self._answered(http, step, client.MOST)

    def _misp(self, http: Client) -> None:
        with self._home.catalog().connect() as conn:
            known = feeds.versions(conn, self._feed.id)
        now = self._home.clock.now()
        talk = MispPull(self._feed.url, known, etag=self._feed.etag, headers=self._headers(), now=now).run()
        answer: Response | TooBig | None = None
        while True:
            try:
                step = talk.send(answer)
            except StopIteration:
                return
            answer = None
            if isinstance(step, Event):
                self._keep_event(step)
            elif isinstance(step, Missed):
                self._told.missed += 1
                self._told.refuse(BadInput("feed.missed", uuid=step.uuid, cause=step.why.message))
            elif isinstance(step, Seen):
                with self._home.catalog().begin() as conn:
                    feeds.save(conn, self._feed.id, etag="" if self._told.missed else step.etag)
            else:
                answer = self._answered(http, step, misp_pull.MOST)

    def _headers(self) -> dict[str, str]:
        return dict(node_feed.headers(self._home, self._feed))

    def _answered(self, http: Client, step: Request | Wait, most: int) -> Response | TooBig | None:
        if isinstance(step, Wait):
            self._sleep(step.seconds)
            return None
        try:
            return http.send(step, most=most)
        except BadInput as error:
            if error.id == "http.too_big":
                return TooBig()
            raise

    def _keep_page(self, page: Page) -> None:
        """A page's objects and the place behind it, in one transaction."""
        at = page.position
        with self._home.catalog().begin() as conn:
            objects = [one for one in page.objects if self._readable(one)]
            if objects:
                marking = indicator_load.marking_definitions(conn, self._feed.source_id)
                envelope = b'{"objects":[' + b",".join(objects) + b"]}"
                default = indicator_load.default_marking(conn, self._feed.source_id)
                found = stix.parse(envelope, path=self._feed.url, marking=default, definitions=marking)
                self._load(conn, found)
            feeds.save(conn, self._feed.id, added_after=at.added_after, next=at.cursor, etag=at.etag)
        for _ in range(page.left_out):
            self._told.refuse(BadInput("json.large_part", location=Location(path=self._feed.url), most=MAX_PART >> 20))
        self._told.pages += 1
        self._told.objects += len(page.objects) + page.left_out
        self._progress(self._feed.name, self._told.objects)

    def _readable(self, one: bytes) -> bool:
        """Whether an object is JSON at all; what isn't is refused alone."""
        try:
            msgspec.json.decode(one)
        except RecursionError:
            self._told.refuse(BadInput("json.deep", location=Location(path=self._feed.url)))
            return False
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._told.refuse(BadInput("json.invalid", location=Location(path=self._feed.url), cause=str(error)))
            return False
        return True

    def _keep_event(self, event: Event) -> None:
        """An event's attributes and its version, in one transaction; one that can't be read is refused as a whole."""
        path = f"{event.uuid}.json"
        try:
            with self._home.catalog().begin() as conn:
                default = indicator_load.default_marking(conn, self._feed.source_id)
                self._load(conn, misp.parse(event.body, path=path, marking=default))
                feeds.took(conn, self._feed.id, event.uuid, event.version)
        except BadInput as error:
            self._told.missed += 1
            self._told.refuse(error.at(msgspec.structs.replace(error.location, path=path)))
            return
        self._told.pages += 1
        self._progress(self._feed.name, self._told.objects)

    def _load(self, conn: Connection, found: Iterable[Parsed]) -> None:
        told = self._told
        loaded = indicator_load.load(
            conn, self._feed.source_id, self._objects(found), at=self._home.clock.now(), list_name=self._feed.name
        )
        node_indicators.warn(conn, loaded)
        told.added += loaded.added
        told.unchanged += loaded.unchanged
        told.closed += loaded.closed
        for conflict in loaded.conflicts:
            told.refuse(conflict.at(Location(path=self._feed.url, field="id", value=conflict.location.value)))

    def _objects(self, found: Iterable[Parsed]) -> Iterator[SourceObject]:
        for one in found:
            if isinstance(one, SourceObject):
                self._told.context += one.type != INDICATOR
                self._told.objects += self._feed.kind == Kind.MISP
                yield one
            elif isinstance(one, BadInput):
                self._told.refuse(one)
            else:
                self._told.context += 1
