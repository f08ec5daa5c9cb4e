"""Who a request comes from: HTTP Basic, a bearer token, or a client certificate that a TLS proxy vouches for.

Source: RFC 7617, RFC 6750, RFC 9440. A recognised login's last use is written at most once a minute.
"""

import base64
import binascii
from typing import Final

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request
from haechi.node.consumers import certificate_name
from haechi.node.home import Home
from haechi.store.catalog import credentials
from haechi.store.catalog.credentials import BASIC, BEARER, CERTIFICATE, Login

CLIENT_CERT: Final = "client-cert"
_LONGEST: Final = 1024  # characters of an Authorization field
_LONGEST_CERT: Final = 16_384


def recognise(home: Home, request: Request) -> Caller | None:
    """The caller that the request's header fields show; None where they show none, or a wrong one.

    A Client-Cert field counts here: the edge takes it out unless it came from the TLS proxy in front.
    """
    found = _said(request)
    if found is None:
        return None
    kind, name, said = found
    now = home.clock.now()
    with home.catalog().connect() as conn:
        login = credentials.check(conn, kind, name, said)
    if login is None:
        return None
    if credentials.is_stale(login, now):
        _used(home, login, now)
    return Caller(login.recipient, kind, login.collections)


def _used(home: Home, login: Login, now: int) -> None:
    with home.catalog().begin() as conn:
        credentials.used(conn, login.credential_id, at=now)


def _said(request: Request) -> tuple[str, str, str] | None:
    """Kind, name and secret of the login; None where the fields hold none."""
    field = request.headers.get("authorization", "")
    scheme, _, rest = field.partition(" ")
    rest = rest.strip()
    if len(field) > _LONGEST:
        return None
    if scheme.lower() == "bearer":
        name, point, said = rest.partition(".")
        return (BEARER, name, said) if point else None
    if scheme.lower() == "basic":
        return _basic(rest)
    if field:
        return None
    certificate = _certificate(request.headers.get(CLIENT_CERT, ""))
    return None if certificate is None else (CERTIFICATE, certificate, certificate)


def _basic(rest: str) -> tuple[str, str, str] | None:
    try:
        name, colon, said = base64.b64decode(rest, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (BASIC, name, said) if colon else None


def _certificate(field: str) -> str | None:
    """What the certificate in a Client-Cert field is known by (RFC 9440, 2.1: DER as a byte sequence of RFC 8941)."""
    if not (2 < len(field) <= _LONGEST_CERT and field.startswith(":") and field.endswith(":")):
        return None
    try:
        return certificate_name(base64.b64decode(field[1:-1], validate=True))
    except (binascii.Error, ValueError):
        return None
