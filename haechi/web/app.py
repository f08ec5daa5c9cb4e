"""The HTTP application: Litestar's routes onto the edge.

A request's body is read only after its caller was recognised, up to the API root's `max_content_length` and for at most
thirty seconds.
"""

import asyncio
import logging
import time
from typing import Any, Final

import litestar
from litestar import Litestar, Request, delete, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response.base import ASGIResponse

from haechi import __version__
from haechi.exchange import identity, message
from haechi.exchange.message import Response
from haechi.exchange.taxii import server
from haechi.exchange.taxii.refusal import Refused
from haechi.node import peering
from haechi.node.home import Home
from haechi.web import openapi, wire
from haechi.web.edge import Edge, failed, secured
from haechi.web.front import Front, log
from haechi.web.openapi import described

BODY_SECONDS: Final = 30.0
MOST_SIGNED: Final = 1 << 20  # bytes of a signed body: receipts and confirmations; who sent it is known only after it
_AT_ONCE: Final = 8  # bodies read at a time, of each kind: so many are in memory, whoever sends them
_COLLECTION: Final = "/haechi/collections/{collection:str}"
_LOG = logging.getLogger("haechi.web")
_Asked = Request[Any, Any, Any]


def create(home: Home, *, behind_proxy: bool = False) -> Front:
    """The ASGI application that serves a node; `behind_proxy`: a TLS proxy on this machine stands in front of it."""
    edge = Edge(home, behind_proxy=behind_proxy)
    return Front(edge, routed(edge))


def routed(edge: Edge) -> Litestar:
    """The routes alone."""
    room = _Room()

    async def handle(request: _Asked) -> ASGIResponse:
        begun = time.monotonic()
        answer = await _answered(edge, room, request)
        if _LOG.isEnabledFor(logging.INFO):
            _log(request, answer, time.monotonic() - begun)
        return _sent(answer)

    def refuse(request: _Asked, error: Exception) -> litestar.Response[bytes]:
        answer = _refusal(request, error)
        if _LOG.isEnabledFor(logging.INFO):
            _log(request, answer, 0.0)
        return litestar.Response(answer.body, status_code=answer.status, headers=answer.headers)

    return Litestar(
        route_handlers=_routes(handle),
        exception_handlers={HTTPException: refuse, Exception: refuse},
        openapi_config=OpenAPIConfig(
            title="Haechi", version=__version__, path="/haechi/openapi", render_plugins=[JsonRenderPlugin()]
        ),
        request_max_body_size=server.MOST_BYTES,
        on_shutdown=[edge.close],
        logging_config=None,
    )


# The resources (TAXII 2.1, sections 4 and 5): name, method, path, what the document says of it.
_OBJECTS: Final = f"{_COLLECTION}/objects"
_ONE: Final = f"{_OBJECTS}/{{object:str}}"
_PLAIN: Final = ("401", "404", "406", "429")
_RESOURCES: Final = (
    ("discovery", get, "/taxii2", described(refused=_PLAIN)),
    ("root", get, "/haechi", described(refused=_PLAIN)),
    ("status", get, "/haechi/status/{status:str}", described(refused=_PLAIN, of_path=("status",))),
    ("collections", get, "/haechi/collections", described(refused=_PLAIN)),
    ("collection", get, _COLLECTION, described(refused=_PLAIN, of_path=("collection",))),
    ("manifest", get, f"{_COLLECTION}/manifest", described(filters=openapi.EVERY, of_path=("collection",))),
    ("objects", get, _OBJECTS, described(filters=openapi.EVERY, of_path=("collection",))),
    ("add_objects", post, _OBJECTS, described(status="202", writes=True, of_path=("collection",))),
    ("object", get, _ONE, described(filters=openapi.OF_OBJECT, of_path=("collection", "object"))),
    ("delete_object", delete, _ONE, described(of_path=("collection", "object"))),
    ("identity", get, identity.PATH, described(kind=identity.MEDIA_TYPE)),
    ("receipts", get, "/haechi/receipts", described(refused=_PLAIN)),
    ("add_receipts", post, "/haechi/receipts", described(refused=_PLAIN)),
    ("withdrawals", get, "/haechi/withdrawals", described(refused=_PLAIN)),
    ("confirm_withdrawals", post, "/haechi/withdrawals", described(refused=_PLAIN)),
    ("leaves", get, "/haechi/leaves", described(refused=_PLAIN)),
    ("misp_feed", get, "/misp/{name:str}", described(kind="application/json", refused=_PLAIN, of_path=("name",))),
    ("versions", get, f"{_ONE}/versions", described(filters=openapi.OF_VERSIONS, of_path=("collection", "object"))),
)
_STATUS: Final = {"add_objects": 202}  # the answer carries its own; Litestar allows no route of 204 to return one


def _routes(handle: Any) -> list[HTTPRouteHandler]:
    return [
        method(path, operation_id=name, operation_class=operation, status_code=_STATUS.get(name, 200))(handle)
        for name, method, path, operation in _RESOURCES
    ]


class _Room:
    """How many bodies are read at a time."""

    def __init__(self) -> None:
        self.signed, self.plain = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)


async def _answered(edge: Edge, room: _Room, asked: _Asked) -> Response:
    given, address = edge.vouched(wire.received(asked.scope), wire.client(asked.scope))
    run = asyncio.get_running_loop().run_in_executor
    try:
        if given.method == "GET" and given.path == identity.PATH:
            answer = await run(edge.pool, edge.identity)
        elif peering.is_signed(given):
            async with room.signed:
                whole = given if given.method == "GET" else _with_body(given, await _body(asked, MOST_SIGNED))
                answer = await run(edge.pool, edge.peer, whole, address)
        elif given.method == "GET":
            answer = await run(edge.pool, edge.read, given, address)
        else:
            caller = await run(edge.pool, edge.recognised, given, address)
            async with room.plain:
                whole = _with_body(given, await _body(asked, server.MOST_BYTES))
                answer = await run(edge.pool, edge.write, whole, caller)
    except Refused as refused:
        answer = refused.answer()
    return secured(answer, given.scheme)


def _with_body(given: message.Request, body: bytes) -> message.Request:
    return message.Request(given.method, given.target, given.headers, body, given.scheme, given.authority)


async def _body(asked: _Asked, most: int) -> bytes:
    """The whole body. Raises Refused: 413 for one that says it is larger or turns out to be, 408 for a slow one."""
    found, size = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in asked.stream():
                size += len(part)
                if size > most:
                    raise server.too_large()
                found.append(part)
    except TimeoutError:
        raise Refused(408, "slow", headers={"connection": "close"}) from None
    return b"".join(found)


def _refusal(asked: _Asked, error: Exception) -> Response:
    """What Litestar refuses, as a TAXII error message; what we failed at, with its cause in the log alone."""
    scheme = asked.scope["scheme"]
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 413:
        return secured(server.too_large().answer(), scheme)
    if status == 405:
        allowed = dict(error.headers or {}) if isinstance(error, HTTPException) else {}
        return secured(Refused(405, "method", headers=allowed).answer(), scheme)
    if status < 500:
        return secured(Refused(404 if status != 400 else 400, "not_there").answer(), scheme)
    _LOG.error("failed", exc_info=error)
    return secured(failed(), scheme)


def _log(asked: _Asked, answer: Response, seconds: float) -> None:
    route = asked.scope.get("path_template", "-")
    log(asked.scope["method"], route, answer.status, len(answer.body), seconds)


def _sent(answer: Response) -> ASGIResponse:
    return ASGIResponse(body=answer.body, status_code=answer.status, headers=dict(answer.headers))
