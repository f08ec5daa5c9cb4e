"""The TAXII server on a node's own catalog, with its warning lists and its audit log."""

from collections.abc import Mapping
from functools import cache
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


def answer(home: Home, request: Request, caller: Caller, conn: Connection) -> Response:
    """Answer one request of a recognised caller; POST and DELETE write, in the connection's transaction.

    Its audit entries are on disk when this returns; what was taken in is durable once the transaction is committed.
    """
    return server.answer(request, caller, conn, service(home))


def service(home: Home) -> Service:
    """What the node says of itself at this moment."""
    party = home.config.party
    return Service(title=_title(party), contact=party, keeper=_Keeper(home), clock=home.clock)


@cache
def _title(party: str) -> str:
    return text("taxii.title", party=party)
