"""A connection to another machine: which addresses may be reached, how long it may take, whose certificate it must be.

A name is resolved once and its addresses are looked at before one of them is connected to, so no second answer of the
DNS can lead elsewhere (rebinding). What is private, this machine itself or unspecified is out of reach unless a person
named that host and said so; link-local addresses (a cloud's metadata service) always are.
"""

import hashlib
import hmac
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any, Final

import httpcore
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from haechi.model.errors import NodeCannot, NotVerified

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits


def pin_of(certificate: bytes) -> bytes:
    """SHA-256 of the public key info of a certificate in DER (RFC 7469, 2.4): it stays when the certificate is renewed."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def within(address: _Address) -> _Address:
    """The IPv4 address that an IPv6 address carries (mapped, 6to4, NAT64), else the address itself.

    >>> within(ipaddress.ip_address("::ffff:127.0.0.1"))
    IPv4Address('127.0.0.1')
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        return address.ipv4_mapped or address.sixtofour or address
    return address


def may_reach(found: str, *, plain: bool, private: bool) -> str:
    """The id of the error that forbids to connect to an address; "" where it is allowed.

    `plain`: without TLS, which is only for this very machine. `private`: a person allowed private addresses for the host.
    """
    address = within(ipaddress.ip_address(found.partition("%")[0]))
    if address.is_link_local or address.is_unspecified or address.is_multicast:
        return "http.never"
    if plain and not address.is_loopback:
        return "http.plain"
    if not address.is_global and not private:
        return "http.private"
    return ""


class Guard(httpcore.NetworkBackend):
    """Opens connections for one client. `deadline` is in `time.monotonic` seconds; `presented` the last pin seen."""

    def __init__(self, *, plain: bool, private_host: str, pin: bytes | None) -> None:
        self._plain, self._private_host, self._pin = plain, private_host.lower(), pin
        self._backend = httpcore.SyncBackend()
        self.deadline = 0.0
        self.presented: bytes | None = None

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first of the host's addresses that answers; `NodeCannot` where one of them is forbidden."""
        addresses = self._resolve(host, port)
        for place, address in enumerate(addresses):
            try:
                stream = self._backend.connect_tcp(
                    address, port, self.left(timeout), local_address, list(socket_options or ())
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if place == len(addresses) - 1:
                    raise
            else:
                return _Stream(stream, self)
        raise NodeCannot("http.unresolved", host=host, cause="")

    def _resolve(self, host: str, port: int) -> list[str]:
        bare = host.strip("[]")
        try:
            found = socket.getaddrinfo(bare, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NodeCannot(
                "http.unresolved", host=host, cause=getattr(error, "strerror", None) or str(error)
            ) from error
        addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
        private = bool(self._private_host) and bare.lower() == self._private_host
        for address in addresses:
            match may_reach(address, plain=self._plain, private=private):
                case "http.never":
                    raise NodeCannot("http.never", host=host)
                case "http.plain":
                    raise NodeCannot("http.plain", host=host)
                case "http.private":
                    raise NodeCannot("http.private", host=host)
        return addresses

    def left(self, timeout: float | None) -> float:
        """What may still be waited, in seconds: the timeout given or what is left of the whole, the shorter."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("total")
        return left if timeout is None else min(timeout, left)

    def check(self, certificate: bytes | None) -> None:
        """Remember the certificate's pin, and compare it where one is expected."""
        self.presented = pin_of(certificate) if certificate else None
        if self._pin is not None and not hmac.compare_digest(self.presented or b"", self._pin):
            raise NotVerified("http.pin", expected=self._pin.hex(), found=(self.presented or b"").hex())


class _Stream(httpcore.NetworkStream):
    """A connection that keeps the deadline, and checks the certificate before anything is sent."""

    def __init__(self, stream: httpcore.NetworkStream, guard: Guard) -> None:
        self._stream, self._guard = stream, guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._guard.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._guard.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        secured = self._stream.start_tls(ssl_context, server_hostname, self._guard.left(timeout))
        try:
            self._guard.check(secured.get_extra_info("socket").getpeercert(binary_form=True))
        except BaseException:
            secured.close()
            raise
        return _Stream(secured, self._guard)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
