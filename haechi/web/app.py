"""The HTTP application: Litestar's routes onto the edge.

A request's body is read only after its caller was recognised, up to the API root's `max_content_length` and for at most
thirty seconds.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import litestar
from litestar import Litestar, Request, delete, get, post
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response.base import ASGIResponse

from haechi import __version__
from haechi.exchange import message
from haechi.exchange.message import Response
from haechi.exchange.taxii import server
from haechi.exchange.taxii.refusal import Refused
from haechi.node.home import Home
from haechi.web import openapi
from haechi.web.edge import Edge, failed, secured
from haechi.web.openapi import described

BODY_SECONDS: Final = 30.0
_THREADS: Final = 4  # that answer; a long question keeps one busy, not the loop
_COLLECTION: Final = "/haechi/collections/{collection:str}"
_LOG = logging.getLogger("haechi.web")
_T = TypeVar("_T")
_Asked = Request[Any, Any, Any]


def create(home: Home, *, behind_proxy: bool = False) -> Litestar:
    """The application that serves a node; `behind_proxy` says that a TLS proxy on this machine stands in front."""
    edge = Edge(home, behind_proxy)
    pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="haechi-web")

    async def handle(request: _Asked) -> ASGIResponse:
        begun = time.monotonic()
        answer = await _answered(edge, pool, request)
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
        on_shutdown=[lambda: pool.shutdown(wait=True)],
        logging_config=None,
    )


def _routes(handle: Any) -> list[HTTPRouteHandler]:
    """The resources (TAXII 2.1, sections 4 and 5), each with what it takes."""
    plain = described(refused=("401", "404", "406", "429"))
    found: list[HTTPRouteHandler] = [
        get(["/taxii2", "/haechi", "/haechi/collections"], operation_class=plain)(handle),
        get(["/haechi/status/{status:str}", _COLLECTION], operation_class=plain)(handle),
        get([f"{_COLLECTION}/manifest", f"{_COLLECTION}/objects"], operation_class=described(filters=openapi.EVERY))(
            handle
        ),
        post(f"{_COLLECTION}/objects", operation_class=described(status="202", writes=True), status_code=202)(handle),
        get(f"{_COLLECTION}/objects/{{object:str}}", operation_class=described(filters=openapi.OF_OBJECT))(handle),
        delete(f"{_COLLECTION}/objects/{{object:str}}", operation_class=described(), status_code=200)(handle),
        get(f"{_COLLECTION}/objects/{{object:str}}/versions", operation_class=described(filters=openapi.OF_VERSIONS))(
            handle
        ),
    ]
    return found


async def _answered(edge: Edge, pool: ThreadPoolExecutor, asked: _Asked) -> Response:
    given, address = edge.vouched(_received(asked, b""), _client(asked))
    try:
        caller = await _threaded(pool, lambda: edge.recognised(given, address))
        if given.method in ("POST", "PUT", "PATCH"):
            given = _with_body(given, await _body(asked))
        answer = await _threaded(pool, lambda: edge.answer(given, caller))
    except Refused as refused:
        answer = refused.answer()
    return secured(answer, given.scheme)


async def _threaded(pool: ThreadPoolExecutor, work: Callable[[], _T]) -> _T:
    return await asyncio.get_running_loop().run_in_executor(pool, work)


def _with_body(given: message.Request, body: bytes) -> message.Request:
    return message.Request(given.method, given.target, given.headers, body, given.scheme, given.authority)


def _received(asked: _Asked, body: bytes) -> message.Request:
    """The request as a message: path and query as sent, fields of one name joined (RFC 9110, 5.3)."""
    scope = asked.scope
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    query = scope["query_string"]
    target = scope["raw_path"] + (b"?" + query if query else b"")
    return message.Request(
        scope["method"], target.decode("latin-1"), headers, body, scope["scheme"], headers.get("host", "")
    )


def _client(asked: _Asked) -> str:
    """The address at the other end; "" over a unix socket."""
    client = asked.scope["client"]
    return client[0] if client else ""


async def _body(asked: _Asked) -> bytes:
    """The whole body, which Litestar counts while it comes. Raises Refused: 413 for a large one, 408 for a slow one."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await asked.body()
    except TimeoutError:
        raise Refused(408, "slow", headers={"connection": "close"}) from None


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
    """One line: the route and not the path, so that neither an id nor a filter stands in the log."""
    route = asked.scope.get("path_template", "-")
    milliseconds = round(seconds * 1000, 1)
    _LOG.info("%s %s %d %d %s", asked.scope["method"], route, answer.status, len(answer.body), milliseconds)


def _sent(answer: Response) -> ASGIResponse:
    return ASGIResponse(body=answer.body, status_code=answer.status, headers=dict(answer.headers))
