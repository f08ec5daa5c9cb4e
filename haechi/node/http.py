"""The one HTTP client: what a node asks of peers, feeds and other vendors' servers goes through here.

It stands on httpcore, the engine of httpx, for all that httpx adds would have to be switched off: proxies from the
environment, cookies, redirects to other hosts, unpacking without a bound, and a URL written anew under a signature.
"""

import ssl
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Final, Self
from urllib.parse import urljoin, urlsplit

import httpcore

from haechi import __version__
from haechi.exchange.message import Request, Response
from haechi.model.errors import BadInput, NodeCannot, NotVerified, UsageError
from haechi.node.connection import Guard

USER_AGENT: Final = f"haechi/{__version__}"
MOST: Final = 16 << 20  # bytes of an answer where the caller names no other
_REDIRECTS: Final = 3
_MOVED: Final = frozenset({301, 302, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}

Check = Callable[[Response], None]


def get(url: str, **headers: str) -> Request:
    """A GET request for an absolute URL; `UsageError` where it is none that this client asks.

    >>> get("https://kr.example:8443/taxii2/?limit=1").target
    '/taxii2/?limit=1'
    """
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UsageError("http.url", url=url)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError("http.url", url=url) from error
    if parts.scheme not in _PORTS or not parts.hostname or parts.username is not None or parts.fragment or port == 0:
        raise UsageError("http.url", url=url)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Request("GET", target, dict(headers), scheme=parts.scheme, authority=authority)


class Client:
    """Asks one host after the other, one request at a time: take one client for each thread.

    `pin`: SHA-256 of the public key info that the server's certificate must have, whoever issued it; without one the
    system's authorities decide. `trust_any`: take any certificate and leave its pin in `presented`, to be checked by
    what is then read. `private_host`: the host whose private addresses a person allowed. Times in seconds; `total` is
    for a whole request with its answer.
    """

    def __init__(
        self,
        *,
        pin: bytes | None = None,
        trust_any: bool = False,
        private_host: str = "",
        connect: float = 10.0,
        read: float = 30.0,
        total: float = 300.0,
    ) -> None:
        self._timeouts = {"connect": connect, "read": read, "write": read, "pool": connect}
        self._total = total
        self._guards = {scheme: Guard(plain=scheme == "http", private_host=private_host, pin=pin) for scheme in _PORTS}
        context = _context(any_certificate=pin is not None or trust_any)
        self._pools = {
            scheme: httpcore.ConnectionPool(
                ssl_context=context, network_backend=guard, max_connections=2, keepalive_expiry=20.0
            )
            for scheme, guard in self._guards.items()
        }

    @property
    def presented(self) -> bytes | None:
        """The pin of the certificate that the last new TLS connection showed."""
        return self._guards["https"].presented

    def send(self, request: Request, *, most: int = MOST, check: Check | None = None) -> Response:
        """The answer, its body at most `most` bytes both as sent and unpacked.

        `check` sees the answer as it came, before it is unpacked: a signature's Content-Digest covers the packed bytes.
        A redirect is followed on the same host alone, and not for what is signed. Raises `NodeCannot` where the host
        can't be reached, may not be or takes too long, `NotVerified` for another certificate, `BadInput` for an answer
        that is too big or no HTTP.
        """
        headers = {"user-agent": USER_AGENT, "accept-encoding": "identity", **request.headers}
        asked = replace(request, headers={**headers, "host": request.authority})
        for _ in range(_REDIRECTS + 1):
            answer = self._once(asked, most)
            target = _moved_to(asked, answer)
            if target is None:
                if check is not None:
                    check(answer)
                return unpacked(answer, most, host=request.authority)
            asked = replace(asked, target=target)
        raise BadInput("http.redirects", host=request.authority, most=_REDIRECTS)

    def close(self) -> None:
        """Close what is still open."""
        for pool in self._pools.values():
            pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _once(self, request: Request, most: int) -> Response:
        host, port = _place(request)
        self._guards[request.scheme].deadline = time.monotonic() + self._total
        url = httpcore.URL(scheme=request.scheme, host=host, port=port, target=request.target)
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        try:
            with self._pools[request.scheme].stream(
                request.method,
                url,
                headers=[*headers, (b"content-length", str(len(request.body)).encode())] if request.body else headers,
                content=request.body or None,
                extensions={"timeout": self._timeouts},
            ) as answer:
                told = _headers(answer.headers)
                return Response(answer.status, told, _read(answer, told, most, host))
        except httpcore.TimeoutException as error:
            raise NodeCannot("http.slow", host=request.authority) from error
        except (httpcore.NetworkError, OSError) as error:
            raise _failed(request, error) from error
        except (httpcore.ProtocolError, UnicodeError) as error:
            raise BadInput("http.protocol", host=request.authority, cause=str(error)) from error


def _context(*, any_certificate: bool) -> ssl.SSLContext:
    """TLS 1.2 or newer. A pin stands in for the authorities and the name: who holds that key is meant, where it may be."""
    context = ssl.create_default_context()
    if any_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _place(request: Request) -> tuple[str, int]:
    parts = urlsplit(f"//{request.authority}")
    return parts.hostname or "", parts.port or _PORTS[request.scheme]


def _headers(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Names in lower case; several lines of one field joined by commas (RFC 9110, 5.3). Cookies are left aside."""
    found: dict[str, str] = {}
    for name, value in pairs:
        key, said = name.decode("latin-1").lower(), value.decode("latin-1").strip()
        if key != "set-cookie":
            found[key] = f"{found[key]}, {said}" if key in found else said
    return found


def _read(answer: httpcore.Response, headers: dict[str, str], most: int, host: str) -> bytes:
    with suppress(ValueError):
        if int(headers.get("content-length", "0")) > most:
            raise BadInput("http.too_big", host=host, most=most)
    parts, size = [], 0
    for part in answer.iter_stream():
        size += len(part)
        if size > most:
            raise BadInput("http.too_big", host=host, most=most)
        parts.append(part)
    return b"".join(parts)


def _moved_to(request: Request, answer: Response) -> str | None:
    """The target of a redirect that may be followed; None where there is none."""
    place = answer.headers.get("location")
    if answer.status not in _MOVED or request.method != "GET" or not place or "signature" in request.headers:
        return None
    try:
        there = get(urljoin(request.url, place))
    except UsageError:
        return None
    return there.target if (there.scheme, there.authority) == (request.scheme, request.authority) else None


def unpacked(answer: Response, most: int, *, host: str) -> Response:
    """The answer with its body unpacked; `BadInput` for a packing that wasn't asked for, spoilt, or bigger than `most`."""
    packing = answer.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity"):
        return answer
    if packing not in ("gzip", "x-gzip"):
        raise BadInput("http.packing", host=host, packing=packing)
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(answer.body, most + 1)
    except zlib.error as error:
        raise BadInput("http.protocol", host=host, cause=str(error)) from error
    if len(body) > most:
        raise BadInput("http.too_big", host=host, most=most)
    if not unpacker.eof or unpacker.unused_data:
        raise BadInput("http.protocol", host=host, cause="gzip")
    headers = {name: value for name, value in answer.headers.items() if name != "content-encoding"}
    return replace(answer, headers=headers, body=body)


def _failed(request: Request, error: BaseException) -> NodeCannot | NotVerified:
    inner = error.args[0] if error.args else error  # httpcore hands on what it caught as the argument of its own
    if isinstance(inner, ssl.SSLCertVerificationError):
        return NotVerified("http.certificate", host=request.authority, cause=inner.verify_message)
    return NodeCannot("http.unreachable", host=request.authority, cause=str(error) or type(error).__name__)
