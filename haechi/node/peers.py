"""Peers of a node: find out who is at an address, compare the code, trust, forget. Every change is audited.

A peer that isn't confirmed is served nothing and never pulled. Confirmed is one whose sixty digits a person compared with
the other side on another channel: they stand for both keys and both parties, so nobody can stand in between.
"""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import Connection

from haechi.exchange import fingerprint, identity
from haechi.exchange.identity import Identity
from haechi.exchange.message import Request
from haechi.model.errors import Conflict, NodeCannot, NotFound, NotVerified, UsageError
from haechi.model.release import Relation
from haechi.node import http, tls
from haechi.node.home import Home
from haechi.store.catalog import parties, received, recipients
from haechi.store.catalog.received import State
from haechi.store.catalog.recipients import PEER, RecipientRow

_SECONDS: Final = 20.0  # to fetch an identity


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Who says to be at an address, or in a file; nothing of it is kept yet. `url` of the API root, "" of a file's."""

    identity: Identity
    code: str
    url: str = ""
    tls_pin: bytes | None = None  # None: authorities vouch for the certificate, or there is no TLS
    allow_private: bool = False


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A peer and how far we are with it."""

    peer: RecipientRow
    state: State


def ours(home: Home) -> Identity:
    """Who this node is, as others are told."""
    with home.catalog().connect() as conn:
        party = parties.by_uuid(conn, home.config.party_uuid)
    return Identity(
        party=home.config.party_uuid,
        name=party.name,
        country=party.country,
        sector=party.sector,
        public_key=home.key().public_key().public_bytes_raw().hex(),
        at=home.clock.now(),
        tls_pin=(tls.pin(home) or b"").hex(),
    )


def document(home: Home) -> bytes:
    """The node's identity, signed: what stands at /haechi/identity and what is handed over as a file."""
    return identity.sign(ours(home), home.key())


def discover(home: Home, url: str, *, allow_private: bool = False) -> Offer:
    """Fetch the identity of the node at an address; nothing is kept.

    Over TLS the certificate must have the pin that the signed identity names, or be vouched for by an authority.
    Raises `UsageError` for what is no node's address, `NodeCannot` where it can't be reached or mayn't be,
    `BadInput` and `NotVerified` for what is no identity, another certificate, or our own address.
    """
    asked = _identity_of(url)
    private = (urlsplit(url).hostname or "") if allow_private else ""
    with http.Client(trust_any=True, private_host=private, total=_SECONDS) as client:
        found = _fetched(client, asked)
        presented = client.presented
    pin = bytes.fromhex(found.tls_pin) if asked.scheme == "https" and found.tls_pin else None
    if asked.scheme == "https":
        with http.Client(pin=pin, private_host=private, total=_SECONDS) as client:
            if _fetched(client, asked).public_key != found.public_key or (pin is not None and presented != pin):
                raise NotVerified("peer.other_key", url=url)
    root = f"{asked.scheme}://{asked.authority}{identity.ROOT}"
    return _offer(home, found, url=root, tls_pin=pin, allow_private=allow_private)


def from_file(home: Home, path: Path) -> Offer:
    """The offer in an identity document that came as a file, of a peer that only calls us."""
    try:
        with path.open("rb") as file:
            content = file.read(identity.MOST + 1)
    except OSError as error:
        raise NodeCannot("peer.file", path=str(path), cause=error.strerror or "") from error
    return _offer(home, identity.read(content.strip()))


def _identity_of(url: str) -> Request:
    request = http.get(url)
    if request.target.rstrip("/") not in ("", identity.ROOT.rstrip("/"), identity.PATH):
        raise UsageError("peer.url", url=url, root=identity.ROOT)
    return replace(request, target=identity.PATH, headers={"accept": identity.MEDIA_TYPE})


def _fetched(client: http.Client, asked: Request) -> Identity:
    answer = client.send(asked, most=identity.MOST)
    if answer.status != 200:
        raise NodeCannot("peer.no_node", url=asked.url, status=answer.status)
    return identity.read(answer.body)


def _offer(home: Home, found: Identity, **how: Any) -> Offer:
    us = ours(home)
    if found.party == us.party or found.public_key == us.public_key:
        raise UsageError("peer.ourselves")
    return Offer(identity=found, code=_code(us, found.key, found.party), **how)


def _code(us: Identity, key: bytes, party: str) -> str:
    return fingerprint.code(us.key, us.party, key, party)


def code_of(home: Home, peer: RecipientRow) -> str:
    """The code to compare with that peer: the same stands on its screen."""
    return _code(ours(home), peer.key or b"", peer.uuid)


def add(home: Home, offer: Offer, *, relation: Relation = Relation.COMMUNITY) -> RecipientRow:
    """Keep a peer, not yet confirmed. Of one that is known by the same key only the address is changed.

    Raises `Conflict` where its party is a recipient already, or its key another party's.
    """
    said, log = offer.identity, home.audit()
    details = {"name": said.name, "key": said.key_id, "url": offer.url, "relation": relation.value}
    with home.catalog().begin() as conn:
        had = [peer for peer in recipients.every(conn, PEER) if said.key in (peer.key, peer.next_key)]
        place = {"url": offer.url, "tls_pin": offer.tls_pin, "allow_private": int(offer.allow_private)}
        if had and had[0].uuid == said.party and offer.url:
            log.append("peer.address", subject=f"party:{said.party}", details=details)
            return recipients.change(conn, had[0].id, **place)
        if had and had[0].uuid != said.party:
            raise Conflict("peer.key_taken", name=had[0].name)
        added = recipients.add(
            conn,
            uuid=said.party,
            name=said.name,
            country=said.country,
            kind=PEER,
            relation=relation,
            now=home.clock.now(),
            url=offer.url,
            key=said.key,
            tls_pin=offer.tls_pin,
            allow_private=offer.allow_private,
        )
        log.append("peer.add", subject=f"party:{said.party}", details=details)
    return added


def check_code(home: Home, party: str, given: str, shown: str) -> None:
    """Compare, in constant time, the code that someone typed; a difference is audited and `NotVerified`."""
    if not fingerprint.same(given, shown):
        home.audit().append("peer.code_differs", subject=f"party:{party}")
        raise NotVerified("peer.code_differs")


def confirm(home: Home, who: str, code: str) -> RecipientRow:
    """Trust a peer whose code, as the other side's screen shows it, is ours. `NotVerified` where it isn't."""
    peer = find(home, who)
    check_code(home, peer.uuid, code, code_of(home, peer))
    log = home.audit()
    with home.catalog().begin() as conn:
        now = recipients.get(conn, peer.id)
        if now.key != peer.key:  # it went over to another key while we compared
            raise NotVerified("peer.code_differs")
        found = recipients.change(conn, peer.id, confirmed_at=home.clock.now())
        log.append("peer.confirm", subject=f"party:{peer.uuid}", details={"name": peer.name, "key": id_of(peer.key)})
    return found


def find(home: Home, who: str) -> RecipientRow:
    """The peer of that name or UUID; `NotFound` where there is none."""
    with home.catalog().connect() as conn:
        return _find(conn, who)


def _find(conn: Connection, who: str) -> RecipientRow:
    found = recipients.find(conn, who)
    if found.kind != PEER:
        raise NotFound("recipient.unknown", name=who)
    return found


def every(home: Home) -> list[Known]:
    """The peers by name."""
    with home.catalog().connect() as conn:
        return [Known(peer=peer, state=received.state(conn, peer.id)) for peer in recipients.every(conn, PEER)]


def remove(home: Home, who: str) -> RecipientRow:
    """End with a peer: nothing is released to it, served to it or pulled from it any more. What was shared stays."""
    log = home.audit()
    with home.catalog().begin() as conn:
        peer = _find(conn, who)
        gone = recipients.change(conn, peer.id, removed_at=home.clock.now(), confirmed_at=None)
        log.append("peer.remove", subject=f"party:{peer.uuid}", details={"name": peer.name, "key": id_of(peer.key)})
    return gone


def id_of(key: bytes | None) -> str:
    """SHA-256 of a raw public key, hexadecimal."""
    return hashlib.sha256(key or b"").hexdigest()
