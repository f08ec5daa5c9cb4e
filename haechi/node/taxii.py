"""The TAXII server on a node's own catalog: one transaction a request, committed before its answer leaves."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import server
from haechi.exchange.taxii.server import Service
from haechi.messages.catalogue import text
from haechi.node import indicators
from haechi.node.home import Home
from haechi.store.catalog.indicator_load import Loaded


class _Keeper:
    """What the node does with what it is sent, beside keeping it."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def warn(self, conn: Connection, loaded: Loaded) -> None:
        indicators.warn(conn, loaded)

    def log(self, action: str, *, subject: str, details: Mapping[str, Any]) -> None:
        self._home.audit().append(action, subject=subject, details=details, actor="taxii")


def answer(home: Home, request: Request, caller: Caller) -> Response:
    """Answer one request of a recognised caller. What was written is durable when this returns."""
    service = Service(
        title=text("taxii.title", party=home.config.party),
        contact=home.config.party,
        keeper=_Keeper(home),
        now=home.clock.now(),
    )
    if request.method in ("POST", "DELETE"):
        with home.catalog().begin() as conn:
            return server.answer(request, caller, conn, service)
    with home.catalog().connect() as conn:
        return server.answer(request, caller, conn, service)
