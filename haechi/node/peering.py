"""Between peers: our side of each signed request and answer, asking and answered (RFC 9421; `exchange.signature`).

An answer counts only if the peer signed it for that very request; a request only once, from a confirmed key, for us.
A peer's new key counts once its old one has announced it (`exchange.succession`); at its first use the old one ends.
"""

import base64
import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.exchange import peer_server, signature, succession
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.message import Request, Response
from haechi.model.errors import BadInput, Conflict, NotVerified
from haechi.node import keys, taxii
from haechi.node.home import Home
from haechi.store.audit import fingerprint
from haechi.store.catalog import nonces, recipients
from haechi.store.catalog.recipients import PEER, RecipientRow

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from haechi.node.http import Client

MOST: Final = 64 << 20  # bytes of an answer: a page of the largest objects that we take
_NONCE: Final = 16  # bytes
_SAID: Final = 10_000  # bytes of an error message


class _Error(msgspec.Struct):
    title: str = ""


class Wire:
    """Asks one peer. `url` of its API root; one for each thread."""

    def __init__(self, home: Home, peer: RecipientRow, client: "Client") -> None:
        from haechi.node.http import get

        self._home, self._client, self._peer = home, client, peer
        self._key = signing_key(home)
        self._there = get(peer.url)
        self._to = fingerprint(Ed25519PublicKey.from_public_bytes(peer.key or b""))

    @property
    def root(self) -> str:
        """The path of the peer's API root."""
        return self._there.path.rstrip("/") + "/"

    def send(self, request: Request) -> Response:
        """The peer's answer, its signature checked. Raises `NotVerified`, `NodeCannot`, `BadInput`.

        Raises `Conflict` (peer.key_changed) where the peer goes over to a new key with this answer: read the peer anew
        and ask again.
        """
        clock = self._home.clock
        headers = {**request.headers, **_announcement(self._home)}
        asked = replace(request, headers=headers, scheme=self._there.scheme, authority=self._there.authority)
        nonce = base64.b64encode(secrets.token_bytes(_NONCE)).decode()
        signed = signature.sign_request(asked, key=self._key, now=clock.now(), nonce=nonce, to=self._to)

        def check(answer: Response) -> None:
            if not is_signed(answer):
                raise NotVerified("peer.unsigned", name=self._peer.name, status=answer.status, said=_title(answer))
            [peer] = announced(self._home, [self._peer], answer.headers)
            evidence = signature.verify_response(answer, signed, key_of=known_keys([peer]).get, now=clock.now())
            if taken_over(self._home, peer, evidence.key_id) is not peer:
                raise Conflict("peer.key_changed", name=peer.name)

        return self._client.send(signed, most=MOST, check=check)


def client(peer: RecipientRow) -> "Client":
    """An HTTP client for a peer: its certificate's pin decides, and a person whether its host may be a private one."""
    from urllib.parse import urlsplit

    from haechi.node.http import Client

    private = (urlsplit(peer.url).hostname or "") if peer.allow_private else ""
    return Client(pin=peer.tls_pin, private_host=private)


def signing_key(home: Home) -> "Ed25519PrivateKey":
    """The node's own key."""
    return home.key()


def own_ids(home: Home) -> list[str]:
    """The ids of the node's key and of those before it: a peer that missed a change still asks us by an old one."""
    key = home.key().public_key()
    return [fingerprint(one) for one in (*keys.earlier(home.path / "keys", key), key)]


def _announcement(home: Home) -> dict[str, str]:
    """The field that tells of the node's last changes of key; nothing where there was none."""
    return succession.header(keys.successions(home.path / "keys"))


def announced(home: Home, peers: list[RecipientRow], headers: Mapping[str, str]) -> list[RecipientRow]:
    """The peers, with the new key of one whose old key announces it in the message. What is no announcement counts nothing."""
    if succession.FIELD not in headers:
        return peers
    try:
        chain = succession.from_headers(headers)
    except (BadInput, NotVerified):
        return peers
    return [_announced(home, peer, succession.follow(chain, peer.uuid, peer.key or b"")) for peer in peers]


def _announced(home: Home, peer: RecipientRow, key: bytes) -> RecipientRow:
    if key in (peer.key, peer.next_key):
        return peer
    log = home.audit()
    with home.catalog().begin() as conn:
        found = recipients.change(conn, peer.id, next_key=key)
        log.append(
            "peer.key_announced", subject=f"party:{peer.uuid}", details={"now": _hex(peer.key), "next": _hex(key)}
        )
    return found


def taken_over(home: Home, peer: RecipientRow, key_id: str) -> RecipientRow:
    """The peer, its announced key made its key where that one signed: the old one counts no more from now on."""
    if peer.next_key is None or known_keys([peer])[key_id].public_bytes_raw() != peer.next_key:
        return peer
    log = home.audit()
    with home.catalog().begin() as conn:
        found = recipients.change(conn, peer.id, key=peer.next_key, next_key=None)
        details = {
            "before": _hex(peer.key),
            "now": _hex(peer.next_key),
        }  # public keys: old receipts are checked by them
        log.append("peer.key_changed", subject=f"party:{peer.uuid}", details=details)
    return found


def _hex(key: bytes | None) -> str:
    return (key or b"").hex()


def known_keys(peers: list[RecipientRow]) -> dict[str, Ed25519PublicKey]:
    """The keys by which these peers may sign, by their ids."""
    raw = (key for peer in peers for key in (peer.key, peer.next_key) if key is not None)
    found = (Ed25519PublicKey.from_public_bytes(key) for key in raw)
    return {fingerprint(key): key for key in found}


def is_signed(message: Request | Response) -> bool:
    """Whether a message carries a signature, be it good or bad."""
    return "signature-input" in message.headers


def _title(answer: Response) -> str:
    """What an error message says (TAXII 2.1, 3.6.1), cut short; "" for none."""
    try:
        return msgspec.json.decode(answer.body[:_SAID], type=_Error).title[:200]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""


def recognise(home: Home, request: Request) -> Caller:
    """Which peer signed the request, its body included.

    Raises `NotVerified` for a signature that doesn't hold, was seen before, or is by nobody whom we have confirmed.
    """
    now = home.clock.now()
    with home.catalog().connect() as conn:
        confirmed = [peer for peer in recipients.every(conn, PEER) if peer.confirmed_at is not None]
    peers = announced(home, confirmed, request.headers)
    evidence = signature.verify_request(
        request,
        key_of=known_keys(peers).get,
        now=now,
        seen=lambda key, nonce, until: nonces.seen(home.catalog(), key, nonce, until, now=now),
        me=own_ids(home),
    )
    for peer in peers:
        if evidence.key_id in known_keys([peer]):
            return Caller(taken_over(home, peer, evidence.key_id), SIGNATURE)
    raise NotVerified("signature.unknown_key", key=evidence.key_id)


def answer(home: Home, request: Request, caller: Caller) -> Response:
    """Answer a peer and sign it; what was written is durable when this returns."""
    engine, key = home.catalog(), signing_key(home)
    with engine.connect() if request.method == "GET" else engine.begin() as conn:
        if request.path.rstrip("/").rpartition("/")[2] in peer_server.PATHS:
            us, now = home.config.party_uuid, home.clock.now()
            found = peer_server.answer(request, caller, conn, us=us, key=key, now=now, log=home.audit())
        else:
            found = taxii.answer(home, request, caller, conn)
    told = replace(found, headers={**found.headers, **_announcement(home)})
    return signature.sign_response(told, request, key=key, now=home.clock.now())
