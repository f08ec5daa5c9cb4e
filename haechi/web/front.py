"""In front of the routes: an unfiltered page of a collection, asked for by all who poll, is answered at once.

It is one range of one index, so it takes less time than to route it and to hand it to a thread. All else goes the
ordinary way, with the same answer.
"""

import logging
import time
from typing import Any, Final

from haechi.exchange.taxii.refusal import Refused
from haechi.node import peering
from haechi.web import wire
from haechi.web.edge import Edge, secured

_LOG: Final = logging.getLogger("haechi.web")
_ROUTE: Final = "/haechi/collections/{collection}/objects"


class Front:
    """An ASGI application before another one."""

    def __init__(self, edge: Edge, behind: Any) -> None:
        self._edge, self._behind = edge, behind

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer, or hand on."""
        if scope["type"] != "http" or scope["method"] != "GET" or not self._edge.is_quick(scope):
            await self._behind(scope, receive, send)
            return
        begun = time.monotonic()
        received = wire.received(scope)
        if peering.is_signed(received):  # checking that takes its time
            await self._behind(scope, receive, send)
            return
        request, address = self._edge.vouched(received, wire.client(scope))
        try:
            answer = self._edge.at_once(request, address)
        except Refused as refused:
            answer = refused.answer()
        if _LOG.isEnabledFor(logging.INFO):
            log(request.method, _ROUTE, answer.status, len(answer.body), time.monotonic() - begun)
        await wire.send(secured(answer, request.scheme), send)


def log(method: str, route: str, status: int, size: int, seconds: float) -> None:
    """A line of the access log: the route and not the path, so that neither an id nor a filter stands in it."""
    _LOG.info("%s %s %d %d %.1f ms", method, route, status, size, seconds * 1000)
