"""Where HTTP meets the node: one request in, recognised, handed to its protocol, one answer out.

Nothing is served to nobody: without a login there is 401 and no more, whatever the path. What a TLS proxy in front may
say (the client's certificate and address) is believed only of one that we were told of, over a unix socket or from a
loopback address, and taken out of every other request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from typing import Final

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import media
from haechi.exchange.taxii.refusal import Refused
from haechi.messages.catalogue import text
from haechi.node import logins, taxii
from haechi.node.home import Home
from haechi.web.limiter import Failures

_VOUCHED: Final = ("client-cert", "client-cert-chain", "x-forwarded-for", "x-forwarded-proto")
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
_OVER_TLS: Final = {"strict-transport-security": "max-age=31536000"}


@dataclass(slots=True)
class Edge:
    """A node that is served. `behind_proxy`: a TLS proxy stands in front of it on this machine."""

    home: Home
    behind_proxy: bool = False
    failures: Failures = field(default_factory=Failures)

    def vouched(self, request: Request, client: str) -> tuple[Request, str]:
        """The request without what nobody vouches for, and the address that it comes from."""
        headers = {name: value for name, value in request.headers.items() if name not in _VOUCHED}
        if not (self.behind_proxy and _is_local(client)):
            return replace(request, headers=headers), client
        if logins.CLIENT_CERT in request.headers:
            headers[logins.CLIENT_CERT] = request.headers[logins.CLIENT_CERT]
        forwarded = request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
        scheme = "https" if request.headers.get("x-forwarded-proto") == "https" else request.scheme
        return replace(request, headers=headers, scheme=scheme), forwarded[:64] or client

    def recognised(self, request: Request, address: str) -> Caller:
        """Who asks. Raises Refused: 401 for nobody, 429 for an address with too many failed logins."""
        now = self.home.clock.now()
        if self.failures.blocked(address, now):
            raise Refused(429, "too_many_logins", headers={"retry-after": "60"})
        caller = logins.recognise(self.home, request)
        if caller is not None:
            return caller
        tried = "authorization" in request.headers or logins.CLIENT_CERT in request.headers
        if tried and self.failures.failed(address, now):
            self.home.audit().append("login.blocked", details={"failures": "10 in a minute"}, actor="web")
        raise Refused(401, "login", headers={"www-authenticate": _CHALLENGE})

    def answer(self, request: Request, caller: Caller) -> Response:
        """The answer of the protocol that the path belongs to."""
        return taxii.answer(self.home, request, caller)


def secured(response: Response, scheme: str) -> Response:
    """The answer with the header fields that every one carries."""
    headers = {**SECURITY, **(_OVER_TLS if scheme == "https" else {}), **response.headers}
    return replace(response, headers=headers)


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
