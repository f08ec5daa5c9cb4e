"""Between peers: our side of each signed request and answer, asking and answered (RFC 9421; `exchange.signature`).

An answer counts only if the peer signed it for that very request; a request only once, from a confirmed key, for us.
"""

import base64
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.exchange import peer_server, signature
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.message import Request, Response
from haechi.model.errors import NotVerified
from haechi.node import taxii
from haechi.node.home import Home
from haechi.store.audit import fingerprint
from haechi.store.catalog import nonces, recipients
from haechi.store.catalog.recipients import PEER, RecipientRow

if TYPE_CHECKING:
    from haechi.node.http import Client

MOST: Final = 64 << 20  # bytes of an answer: a page of the largest objects that we take
_NONCE: Final = 16  # bytes


class Wire:
    """Asks one peer. `url` of its API root; one for each thread."""

    def __init__(self, home: Home, peer: RecipientRow, client: "Client") -> None:
        from haechi.node.http import get

        self._home, self._client = home, client
        self._key = home.key()
        self._there = get(peer.url)
        self._keys = known_keys([peer])
        self._to = fingerprint(Ed25519PublicKey.from_public_bytes(peer.key or b""))

    @property
    def root(self) -> str:
        """The path of the peer's API root."""
        return self._there.path.rstrip("/") + "/"

    def send(self, request: Request) -> Response:
        """The peer's answer, its signature checked. Raises `NotVerified`, `NodeCannot`, `BadInput`."""
        clock = self._home.clock
        asked = replace(request, scheme=self._there.scheme, authority=self._there.authority)
        nonce = base64.b64encode(secrets.token_bytes(_NONCE)).decode()
        signed = signature.sign_request(asked, key=self._key, now=clock.now(), nonce=nonce, to=self._to)

        def check(answer: Response) -> None:
            signature.verify_response(answer, signed, key_of=self._keys.get, now=clock.now())

        return self._client.send(signed, most=MOST, check=check)


def client(peer: RecipientRow) -> "Client":
    """An HTTP client for a peer: its certificate's pin decides, and a private address only where a person allowed it."""
    from urllib.parse import urlsplit

    from haechi.node.http import Client

    host = urlsplit(peer.url).hostname or ""
    return Client(pin=peer.tls_pin, private_host=host if peer.allow_private else "")


def known_keys(peers: list[RecipientRow]) -> dict[str, Ed25519PublicKey]:
    """The keys by which these peers may sign, by their ids."""
    raw = (key for peer in peers for key in (peer.key, peer.next_key) if key is not None)
    found = (Ed25519PublicKey.from_public_bytes(key) for key in raw)
    return {fingerprint(key): key for key in found}


def is_signed(request: Request) -> bool:
    """Whether the request carries a signature, be it good or bad."""
    return "signature-input" in request.headers


def recognise(home: Home, request: Request) -> Caller:
    """Which peer signed the request, its body included.

    Raises `NotVerified` for a signature that doesn't hold, was seen before, or is by nobody whom we have confirmed.
    """
    now = home.clock.now()
    with home.catalog().connect() as conn:
        peers = [peer for peer in recipients.every(conn, PEER) if peer.confirmed_at is not None]
    evidence = signature.verify_request(
        request,
        key_of=known_keys(peers).get,
        now=now,
        seen=lambda key, nonce, until: nonces.seen(home.catalog(), key, nonce, until, now=now),
        me=[fingerprint(home.key().public_key())],
    )
    for peer in peers:
        if evidence.key_id in known_keys([peer]):
            return Caller(peer, SIGNATURE)
    raise NotVerified("signature.unknown_key", key=evidence.key_id)


def answer(home: Home, request: Request, caller: Caller) -> Response:
    """Answer a peer and sign it; what was written is durable when this returns."""
    engine, key = home.catalog(), home.key()
    with engine.connect() if request.method == "GET" else engine.begin() as conn:
        if request.path.rstrip("/").rpartition("/")[2] in peer_server.PATHS:
            us, now = home.config.party_uuid, home.clock.now()
            found = peer_server.answer(request, caller, conn, us=us, key=key, now=now, log=home.audit())
        else:
            found = taxii.answer(home, request, caller, conn)
    return signature.sign_response(found, request, key=key, now=home.clock.now())
