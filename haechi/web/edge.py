"""Where HTTP meets the node: one request in, recognised, handed to its protocol, one answer out.

Nothing but the node's identity and the API's description is served to nobody: below our roots there is 401 without a
login, and no more. What a TLS proxy in front may say (the client's certificate and address) is believed only of one that
we were told of, over a unix socket or from a loopback address, and taken out of every other request.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from ipaddress import ip_address
from typing import Any, Final

from sqlalchemy import Connection

from haechi.exchange import identity, misp_feed
from haechi.exchange.caller import Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import media, server
from haechi.exchange.taxii.refusal import Refused
from haechi.messages.catalogue import text
from haechi.model.errors import NotVerified
from haechi.node import keys, logins, mispfeed, peering, peers, taxii
from haechi.node.home import Home
from haechi.node.logins import Logins
from haechi.store.catalog import driver
from haechi.web.limiter import MOST_FAILURES, Failures, Refusals

_IDENTITY_LASTS: Final = 10_000_000  # microseconds
_THREADS: Final = 4  # that answer what may take its time, so that the loop goes on
_VOUCHED: Final = frozenset({"client-cert", "client-cert-chain", "x-forwarded-for", "x-forwarded-proto"})
_CHALLENGE: Final = 'Basic realm="haechi", charset="UTF-8", Bearer realm="haechi"'
# Answers are data for programs: no browser is to run, guess, frame, keep or hand on anything of them.
SECURITY: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_FIELDS: Final = (SECURITY, {**SECURITY, "strict-transport-security": "max-age=31536000"})  # plain, over TLS


class Edge:
    """A node that is served. `behind_proxy`: a TLS proxy stands in front of it on this machine."""

    def __init__(self, home: Home, *, behind_proxy: bool = False) -> None:
        self.home, self.behind_proxy = home, behind_proxy
        self.failures, self.refusals, self.logins = Failures(), Refusals(), Logins(home)
        self.pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="haechi-web")
        self._quick = home.catalog().dialect.name == "sqlite"  # another process's database may keep us waiting
        self._conn: Connection | None = None
        self._identity = (-_IDENTITY_LASTS, b"")
        self._misp = misp_feed.Feeds(keys.secret(home, mispfeed.PURPOSE))

    def vouched(self, request: Request, client: str) -> tuple[Request, str]:
        """The request without what nobody vouches for, and the address that it comes from."""
        if not self.behind_proxy and _VOUCHED.isdisjoint(request.headers):
            return request, client
        headers = {name: value for name, value in request.headers.items() if name not in _VOUCHED}
        if not (self.behind_proxy and _is_local(client)):
            return replace(request, headers=headers), client
        if logins.CLIENT_CERT in request.headers:
            headers[logins.CLIENT_CERT] = request.headers[logins.CLIENT_CERT]
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else request.scheme
        return replace(request, headers=headers, scheme=scheme), forwarded[:64] or client

    def is_quick(self, scope: Mapping[str, Any]) -> bool:
        """Whether to answer at once, by path and query of an ASGI scope: it waits for nobody and is soon done."""
        return self._quick and server.is_quick(scope["path"], scope["query_string"])

    def at_once(self, request: Request, address: str) -> Response:
        """The answer, on a connection that the loop's thread alone uses and that holds no transaction open."""
        if self._conn is None:
            self._conn = self.home.catalog().connect()
            driver.for_reading(self._conn)
        caller = self._recognised(self._conn, request, address)
        answer = self._answer(request, caller, self._conn)
        if self._conn.in_transaction():  # something beside the page was looked up
            self._conn.rollback()
        return answer

    def close(self) -> None:
        """End what is under way; the home stays open."""
        self.pool.shutdown(wait=True)
        if self._conn is not None:
            self._conn.close()

    def recognised(self, request: Request, address: str) -> Caller:
        """Who asks. Raises Refused: 401 for nobody, 429 for an address with too many failed logins."""
        with self.home.catalog().connect() as conn:
            return self._recognised(conn, request, address)

    def _recognised(self, conn: Connection, request: Request, address: str) -> Caller:
        now = self.home.clock.now()
        if self.failures.blocked(address, now):
            raise Refused(429, "too_many_logins", headers={"retry-after": "60"})
        known = self.logins.recognise(conn, request)
        if known is not None:
            if self.logins.stale(known):
                self.pool.submit(self.logins.used, known)
            return known.caller
        tried = "authorization" in request.headers or logins.CLIENT_CERT in request.headers
        if tried and self.failures.failed(address, now):
            self.pool.submit(self._blocked)
        raise Refused(401, "login", headers={"www-authenticate": _CHALLENGE})

    def _blocked(self) -> None:
        self.home.audit().append("login.blocked", details={"failures": MOST_FAILURES}, actor="web")

    def read(self, request: Request, address: str) -> Response:
        """The answer to a request without a body."""
        with self.home.catalog().connect() as conn:
            caller = self._recognised(conn, request, address)
            if request.path.startswith(misp_feed.ROOT):
                found = self._misp.answer(request, caller, conn)
                if found.status == 404:
                    raise Refused(404, "not_there")
                return found
            return self._answer(request, caller, conn)

    def peer(self, request: Request, address: str) -> Response:
        """The signed answer to a signed request, its body included. Raises Refused where the signature doesn't hold."""
        now = self.home.clock.now()
        if self.failures.blocked(address, now):
            raise Refused(429, "too_many_logins", headers={"retry-after": "60"})
        try:
            caller = peering.recognise(self.home, request)
        except NotVerified as error:
            if self.failures.failed(address, now):
                self._blocked()
            if count := self.refusals.due(error.id, now):
                self.home.audit().append("peer.refused", details={"why": error.id, "count": count}, actor="web")
            raise Refused(401, "signature", {"www-authenticate": _CHALLENGE}, reason=error.reason) from None
        return peering.answer(self.home, request, caller)

    def identity(self) -> Response:
        """Who this node is, signed: for anyone who asks, so it is signed anew every ten seconds at most."""
        now = self.home.clock.now()
        if not 0 <= now - self._identity[0] < _IDENTITY_LASTS:
            self._identity = (now, peers.document(self.home))
        return Response(200, {"content-type": identity.MEDIA_TYPE}, self._identity[1])

    def write(self, request: Request, caller: Caller) -> Response:
        """The answer to a request that may change something; durable when this returns."""
        with self.home.catalog().begin() as conn:
            return self._answer(request, caller, conn)

    def _answer(self, request: Request, caller: Caller, conn: Connection) -> Response:
        return taxii.answer(self.home, request, caller, conn)


def secured(response: Response, scheme: str) -> Response:
    """The answer with the header fields that every one carries."""
    return Response(response.status, {**_FIELDS[scheme == "https"], **response.headers}, response.body)


def failed() -> Response:
    """What a caller is told when we can't: nothing of why."""
    return Response(500, {"content-type": media.TAXII}, b'{"title":"%b","http_status":"500"}' % _cannot())


def _cannot() -> bytes:
    return text("taxii.refused.cannot").encode()


def _is_local(client: str) -> bool:
    """Whether a connection comes over a unix socket ("") or from a loopback address."""
    if not client:
        return True
    try:
        return ip_address(client).is_loopback
    except ValueError:
        return False
