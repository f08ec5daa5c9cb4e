"""Who a request comes from: HTTP Basic, a bearer token, or a client certificate that a TLS proxy vouches for.

Source: RFC 7617, RFC 6750, RFC 9440. What was checked is remembered until any login changes: the count of changes is
asked at every request, so one that is revoked ends with the next.
"""

import base64
import binascii
import hashlib
from collections import OrderedDict
from typing import Final

import msgspec
from sqlalchemy import Connection

from haechi.exchange.caller import Caller
from haechi.exchange.message import Request
from haechi.node.consumers import certificate_name
from haechi.node.home import Home
from haechi.store.catalog import credentials, recipients
from haechi.store.catalog.credentials import BASIC, BEARER, CERTIFICATE

CLIENT_CERT: Final = "client-cert"
_LONGEST: Final = 1024  # characters of an Authorization field
_LONGEST_CERT: Final = 16_384
_MOST: Final = 1_000  # logins remembered


class Known(msgspec.Struct, kw_only=True):
    """A caller and the login that it used; `used_at` is its last use as written, microseconds UTC."""

    caller: Caller
    credential_id: int
    used_at: int | None
    changes: int


class Logins:
    """The logins of a node's recipients."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._known: OrderedDict[bytes, Known] = OrderedDict()  # by the digest of what was shown

    def recognise(self, conn: Connection, request: Request) -> Known | None:
        """The caller that the request's header fields show; None where they show none, or a wrong one.

        A Client-Cert field counts here: the edge takes it out unless it came from the TLS proxy in front.
        """
        shown = request.headers.get("authorization") or request.headers.get(CLIENT_CERT)
        if not shown:
            return None
        key = hashlib.sha256(shown.encode(errors="surrogatepass")).digest()
        changes = credentials.changes(conn)
        known = self._known.get(key)
        if known is not None and known.changes == changes:
            return known
        said = _said(request)
        return None if said is None else self._checked(conn, key, said, changes)

    def _checked(self, conn: Connection, key: bytes, said: tuple[str, str, str], changes: int) -> Known | None:
        login = credentials.check(conn, *said)
        if login is None:
            return None
        mine = tuple(recipients.collections(conn, login.recipient.id))
        caller = Caller(login.recipient, said[0], login.collections, mine)
        found = Known(caller=caller, credential_id=login.credential_id, used_at=login.last_used_at, changes=changes)
        self._known[key] = found
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
        return found

    def stale(self, known: Known) -> bool:
        """Whether the login's last use is to be written."""
        return credentials.is_stale(known.used_at, self._home.clock.now())

    def used(self, known: Known) -> None:
        """Write that the login was used: at most once a minute, and never while a caller waits for a page."""
        known.used_at = self._home.clock.now()
        with self._home.catalog().begin() as conn:
            credentials.used(conn, known.credential_id, at=known.used_at)


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
