"""The TAXII 2.1 server: a request and who asks in, an answer out. It reads the caller's slice of the ledger alone.

Bodies leave as they are stored, joined by commas and never decoded. To a signed peer the envelope also says what it
needs to count each object in its Merkle tree: `x_haechi_leaves`, for each object its sequence, date and salt, and
`x_haechi_seq`, up to which sequence the reader now has every row of this collection that is still there.
"""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

import msgspec
from sqlalchemy import Connection

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import inbox, media, query, times
from haechi.exchange.taxii.inbox import Keeper
from haechi.exchange.taxii.refusal import Refused, not_there
from haechi.formats import stixout
from haechi.messages.catalogue import text
from haechi.model.clock import Clock
from haechi.store.catalog import recipients, slices, submissions
from haechi.store.catalog.recipients import INBOX, CollectionRow
from haechi.store.catalog.slices import Place

DISCOVERY: Final = "/taxii2/"
ROOT: Final = "/haechi/"
MOST_BYTES: Final = 10 << 20  # of a request's body: max_content_length of the API root
_COLLECTIONS: Final = f"{ROOT}collections/"
_MATCH: Final = ("id", "type", "version", "spec_version")
_PATH = re.compile(
    r"/haechi/collections/(?P<collection>[^/]{1,64})"
    r"(?:/(?P<what>manifest|objects)(?:/(?P<object>[^/]{1,300})(?P<versions>/versions)?)?)?/?"
)
_STATUS = re.compile(r"/haechi/status/(?P<status>[0-9a-f-]{36})/")


@dataclass(frozen=True, slots=True)
class Service:
    """What a node says of itself, and what it does with what it is sent."""

    title: str
    contact: str
    keeper: Keeper
    clock: Clock


def answer(request: Request, caller: Caller, conn: Connection, service: Service) -> Response:
    """Answer one request of a recognised caller. A connection that may write is needed for POST and DELETE alone.

    What was taken in is durable when the caller's transaction is, which must be before the answer is sent.
    """
    try:
        _check_media(request)
        return _dispatch(request, caller, conn, service)
    except Refused as refused:
        return refused.answer()


def is_quick(path: str, query: bytes) -> bool:
    """Whether the answer is one range of one index and nothing else: a page of a collection, not filtered."""
    return path.startswith(_COLLECTIONS) and path.rstrip("/").endswith("/objects") and b"match" not in query


def _check_media(request: Request) -> None:
    if not media.accepts(request.headers.get("accept", "")):
        raise Refused(406, "not_acceptable", media=media.TAXII)
    if request.method == "POST":
        if not media.is_written_so(request.headers.get("content-type", "")):
            raise Refused(415, "media_type", media=media.TAXII)
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refused(415, "packed")
        if len(request.body) > MOST_BYTES:
            raise too_large()


def too_large() -> Refused:
    """A body beyond what the API root says it takes."""
    return Refused(413, "too_large", most=MOST_BYTES)


def _dispatch(request: Request, caller: Caller, conn: Connection, service: Service) -> Response:
    path = request.path
    parts = _PATH.fullmatch(unquote(path) if "%" in path else path)
    if parts is None:
        return _root(path.rstrip("/") + "/", request, caller, conn, service)
    if "\0" in parts.string:  # which PostgreSQL takes for no text
        raise not_there()
    collection = _collection(conn, caller, parts["collection"])
    if parts["what"] is None:
        _only(request, "GET")
        return _json(_described(collection))
    return _contents(request, caller, conn, service, collection, parts)


def _root(path: str, request: Request, caller: Caller, conn: Connection, service: Service) -> Response:
    """What lies above the collections."""
    status = _STATUS.fullmatch(path)
    if path not in (DISCOVERY, ROOT, _COLLECTIONS) and status is None:
        raise not_there()
    _only(request, "GET")
    if status is not None:
        return _status(conn, caller, status["status"])
    if path == DISCOVERY:
        return _json({"title": service.title, "contact": service.contact, "default": ROOT, "api_roots": [ROOT]})
    if path == ROOT:
        return _json({"title": service.title, "versions": [media.TAXII], "max_content_length": MOST_BYTES})
    found = [_described(one) for one in _usable(conn, caller)]
    return _json({"collections": found} if found else {})


def _contents(
    request: Request,
    caller: Caller,
    conn: Connection,
    service: Service,
    collection: CollectionRow,
    parts: "re.Match[str]",
) -> Response:
    if parts["what"] == "manifest":
        if parts["object"] is not None:
            raise not_there()
        _only(request, "GET")
        return _manifest(request, caller, conn, collection)
    if parts["object"] is None:
        _only(request, "GET", "POST")
        if request.method == "POST":
            _may_write(collection)
            return _json(inbox.take(conn, caller.recipient, request.body, service.keeper, now=service.clock.now()), 202)
        return _objects(request, caller, conn, collection, None)
    if parts["versions"] is not None:
        _only(request, "GET")
        return _versions(request, caller, conn, collection, parts["object"])
    _only(request, "GET", "DELETE")
    if request.method == "DELETE":
        _may_write(collection)
        inbox.delete(conn, caller.recipient, parts["object"], service.keeper, now=service.clock.now())
        return Response(200, {"content-type": media.TAXII}, b"")
    return _objects(request, caller, conn, collection, parts["object"])


def _only(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Refused(405, "method", headers={"allow": ", ".join(methods)})


def _usable(conn: Connection, caller: Caller) -> list[CollectionRow]:
    known = caller.known or recipients.collections(conn, caller.recipient.id)
    return [one for one in known if caller.may_use(one.name)] if caller.collections else list(known)


def _collection(conn: Connection, caller: Caller, wanted: str) -> CollectionRow:
    """The caller's collection of that id or alias: each has its own, so an alias names one."""
    for one in _usable(conn, caller):
        if wanted in (one.uuid, one.name):
            return one
    raise not_there()


def _described(collection: CollectionRow) -> dict[str, Any]:
    """The collection resource (TAXII 2.1, 5.2.1)."""
    writes = collection.name == INBOX
    return {
        "id": collection.uuid,
        "title": text(f"taxii.collection.{collection.name}"),
        "alias": collection.name,
        "can_read": not writes,
        "can_write": writes,
        "media_types": [media.STIX],
    }


def _may_read(collection: CollectionRow) -> None:
    if collection.name == INBOX:
        raise Refused(403, "no_reading")


def _may_write(collection: CollectionRow) -> None:
    if collection.name != INBOX:
        raise Refused(403, "no_writing")


def _asked(request: Request, caller: Caller, resource: str, allowed: Iterable[str]) -> query.Asked:
    largest = query.LARGEST_PEER_PAGE if caller.is_peer else query.LARGEST_PAGE
    return query.parse(query.pairs(request.target), tuple(allowed), resource, largest)


def _place(caller: Caller, collection: CollectionRow, asked: query.Asked) -> Place:
    return Place(
        recipient_id=caller.recipient.id,
        collection_id=collection.id,
        after=asked.after,
        limit=asked.limit,
        seq=asked.seq,
    )


def _objects(
    request: Request, caller: Caller, conn: Connection, collection: CollectionRow, object_id: str | None
) -> Response:
    """The envelope (TAXII 2.1, 3.7): of a collection or, with its id, of one object."""
    _may_read(collection)
    allowed = _MATCH if object_id is None else ("version", "spec_version")
    asked = _asked(request, caller, f"objects/{collection.uuid}/{object_id or ''}", allowed)
    place, wanted = _place(caller, collection, asked), asked.wanted
    if object_id is not None:
        wanted = msgspec.structs.replace(wanted, ids=(object_id,))
    if caller.is_peer:
        return _for_peer(conn, caller, place, asked, wanted)
    page = slices.page(conn, place, wanted)
    if not page.objects:
        _must_hold(conn, place, object_id)
        return _page(b"{}", 0, 0)
    body = b"".join((b'{"objects":[', page.bodies, b"],", _rest(asked, page.last, page.seq, page.more), b"}"))
    return _page(body, page.first, page.last)


def _must_hold(conn: Connection, place: Place, object_id: str | None) -> None:
    """An object that is there in another version is an empty page; one that isn't there is none."""
    if object_id is not None and not slices.holds(conn, place, object_id):
        raise not_there()


def _rest(asked: query.Asked, last: int, seq: int, more: bool) -> bytes:
    return b'"more":true,"next":"%b"' % query.cursor(asked, last, seq).encode() if more else b'"more":false'


def _for_peer(conn: Connection, caller: Caller, place: Place, asked: query.Asked, wanted: slices.Wanted) -> Response:
    """The envelope with what a peer needs to count each object in its tree."""
    found, more = slices.released(conn, place, wanted)
    leaves = [(one.seq, one.date_added, base64.b64encode(one.salt).decode()) for one in found]
    has = max([caller.recipient.last_seq * (not more), *(one.seq for one in found[-1:])])
    ours = b'"x_haechi_leaves":%b,"x_haechi_seq":%d' % (msgspec.json.encode(leaves), has)
    if not found:
        _must_hold(conn, place, wanted.ids[0] if wanted.ids else None)
        return _page(b"{%b}" % ours, 0, 0)
    first, last = found[0].date_added, found[-1].date_added
    objects = b",".join([one.body for one in found])
    return _page(b'{"objects":[%b],%b,%b}' % (objects, _rest(asked, last, found[-1].seq, more), ours), first, last)


def _page(body: bytes, first: int, last: int) -> Response:
    """The answer, with the dates of its first and last object where there are any (TAXII 2.1, 3.3 and 3.5)."""
    headers = {"content-type": media.TAXII}
    if last:
        headers["x-taxii-date-added-first"] = times.added(first)
        headers["x-taxii-date-added-last"] = times.added(last)
    return Response(200, headers, body)


def _listed(document: dict[str, Any], found: list[slices.Entry]) -> Response:
    first, last = (found[0].date_added, found[-1].date_added) if found else (0, 0)
    return _page(msgspec.json.encode(document if found else {}), first, last)


def _more(asked: query.Asked, found: list[slices.Entry], more: bool) -> dict[str, Any]:
    return {"more": True, "next": query.cursor(asked, found[-1].date_added, found[-1].seq)} if more else {"more": False}


def _manifest(request: Request, caller: Caller, conn: Connection, collection: CollectionRow) -> Response:
    """The manifest (TAXII 2.1, 5.3.1)."""
    _may_read(collection)
    asked = _asked(request, caller, f"manifest/{collection.uuid}", _MATCH)
    found, more = slices.manifest(conn, _place(caller, collection, asked), asked.wanted)
    rows = [
        {
            "id": one.object_id,
            "date_added": times.added(one.date_added),
            "version": stixout.time(one.version),
            "media_type": f"application/stix+json;version={one.spec_version}",
        }
        for one in found
    ]
    return _listed({"objects": rows} | _more(asked, found, more), found)


def _versions(
    request: Request, caller: Caller, conn: Connection, collection: CollectionRow, object_id: str
) -> Response:
    """The versions of one object, the newest first (TAXII 2.1, 5.8)."""
    _may_read(collection)
    asked = _asked(request, caller, f"versions/{collection.uuid}/{object_id}", ("spec_version",))
    wanted = msgspec.structs.replace(asked.wanted, ids=(object_id,), every=True)
    place = _place(caller, collection, asked)
    found, more = slices.manifest(conn, place, wanted)
    if not found:
        _must_hold(conn, place, object_id)
    versions = [stixout.time(version) for version in sorted({one.version for one in found}, reverse=True)]
    return _listed({"versions": versions} | _more(asked, found, more), found)


def _status(conn: Connection, caller: Caller, id: str) -> Response:
    found = submissions.outcome(conn, id, caller.recipient.id)
    if found is None:
        raise not_there()
    return Response(200, {"content-type": media.TAXII}, found)


def _json(document: Any, status: int = 200) -> Response:
    return Response(status, {"content-type": media.TAXII}, msgspec.json.encode(document))
