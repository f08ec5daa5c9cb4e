"""Sync with peers: give out what policy allows, pull what they gave us, several at once; again and again with `watch`.

First our own slices are brought up to date, so that whoever calls us meanwhile gets what is new. Then each confirmed peer
is pulled in a thread of its own. A run that breaks off, by kill -9 too, is simply called again: a chunk is one commit.
"""

import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.exchange.message import Request, Response
from haechi.exchange.sync import Agreement, Pull, Pulled, Side, converse
from haechi.model.errors import Conflict, HaechiError, NodeCannot, NotFound, NotVerified, UsageError
from haechi.node import peering, release, sightback
from haechi.node.home import Home
from haechi.node.receiving import Catalog
from haechi.store.catalog import received, recipients
from haechi.store.catalog.recipients import PEER, RecipientRow
from haechi.store.files import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from haechi.node.http import Client

_AT_ONCE: Final = 4  # peers
_LONGEST_PAUSE: Final = 3600.0  # seconds between two tries of a peer that doesn't answer
_SHORTEST: Final = 0.05  # seconds between two rounds
_OLDEST: Final = 16  # failures that still lengthen the pause
_JITTER: Final = (0.5, 1.0)  # of the pause, so that two nodes don't call each other in step

Send = Callable[[Request], Response]
Told = Callable[[str, int], None]


class Synced(msgspec.Struct, kw_only=True):
    """What a sync with one peer did. Without `error` it went to its end; `agreed` says whether receipts do."""

    peer: str  # name
    uuid: str
    rows: int = 0
    objects: int = 0
    refused: int = 0  # objects that could not be taken: `haechi receipts` names them
    withdrawn: int = 0
    missing: list[str] = []  # ids that a mismatch had lost and that were fetched again
    unknown: list[int] = []  # rows that we have and the peer does not
    agreements: list[Agreement] = []
    error: HaechiError | None = None

    @property
    def agreed(self) -> bool:
        return self.error is None and all(one.agreed for one in self.agreements)

    @property
    def status(self) -> int:
        """The exit status that it stands for."""
        if self.error is not None:
            return self.error.exit_status
        if not self.agreed:
            return NotVerified.exit_status
        return 1 if self.refused else 0


def run(home: Home, who: str = "", *, told: Told = lambda _name, _rows: None) -> list[Synced]:
    """Sync with all peers that are confirmed and have an address, or with one by name or UUID.

    `told` hears how many rows of which peer were taken. What goes wrong with a peer stands in its result; the others go
    on. Raises `NotFound` for an unknown peer, `UsageError` for one that can't be called.
    """
    peers = _wanted(home, who)
    prepare(home)
    return _several(home, peers, told)


def prepare(home: Home) -> None:
    """Bring what we give out up to date: our own sightings, then each peer's slice."""
    sightback.refresh(home)
    release.run_all(home)


def _wanted(home: Home, who: str) -> list[RecipientRow]:
    with home.catalog().connect() as conn:
        if not who:
            return [peer for peer in recipients.every(conn, PEER) if peer.confirmed_at is not None and peer.url]
        peer = recipients.find(conn, who)
    if peer.kind != PEER:
        raise NotFound("sync.no_peer", name=who)
    if peer.confirmed_at is None:
        raise UsageError("sync.unconfirmed", name=peer.name)
    if not peer.url:
        raise UsageError("sync.no_address", name=peer.name)
    return [peer]


def _one(home: Home, peer: RecipientRow, told: Told) -> Synced:
    done = Synced(peer=peer.name, uuid=peer.uuid)
    try:
        with locked(home.cache_path / f"sync-{peer.uuid}.lock"), peering.client(peer) as client:
            try:
                _converse(home, peer, client, done, told)
            except Conflict as error:
                if error.id != "peer.key_changed":
                    raise
                with home.catalog().connect() as conn:
                    peer = recipients.get(conn, peer.id)
                _converse(home, peer, client, done, told)
    except HaechiError as error:
        done.error = error
    except OSError as error:
        done.error = NodeCannot("sync.disk", cause=error.strerror or type(error).__name__)
    _note(home, peer, done)
    return done


def _converse(home: Home, peer: RecipientRow, client: "Client", done: Synced, told: Told) -> None:
    wire = peering.Wire(home, peer, client)
    pull(home, peer, wire.send, done, root=wire.root, told=told)


def pull(
    home: Home, peer: RecipientRow, send: Send, done: Synced, *, root: str, told: Told = lambda _name, _rows: None
) -> None:
    """Pull from a peer over a transport and fill in what was done, also where it breaks off with an error."""
    side = Side(peer.uuid, Ed25519PublicKey.from_public_bytes(peer.key or b""))
    shelf = Catalog(home, peer, side, lambda rows: told(peer.name, rows))
    pull = Pull(peer=side, us=home.config.party_uuid, key=home.key(), shelf=shelf, now=home.clock.now, root=root)
    try:
        with shelf:
            converse(pull, send)
    finally:
        _fill(done, pull.done, shelf)


def _fill(done: Synced, pulled: Pulled, shelf: Catalog) -> None:
    """What was done, of chunks only those that are durable."""
    done.rows, done.objects, done.refused = shelf.taken, shelf.objects, shelf.refused
    done.withdrawn, done.missing, done.unknown = pulled.withdrawn, pulled.missing, pulled.unknown
    done.agreements = pulled.agreements


def _note(home: Home, peer: RecipientRow, done: Synced) -> None:
    """Keep how it went, for the next try and for `haechi receipts`; a failure goes into the audit log."""
    now = home.clock.now()
    log = home.audit()
    with home.catalog().begin() as conn:
        failures = received.state(conn, peer.id).failures + 1 if done.error else 0
        fields: dict[str, Any] = {"tried_at": now, "failures": failures} | ({} if done.error else {"done_at": now})
        received.keep_state(conn, peer.id, **fields)
        if done.error is not None:
            log.append("exchange.failed", subject=peer.uuid, details={"why": done.error.id, "rows": done.rows})
        elif not done.agreed:
            why = [message.id for one in done.agreements for message in one.reasons]
            log.append("exchange.disagreed", subject=peer.uuid, details={"why": why})


def watch(
    home: Home, who: str = "", *, every: float, stop: Event, told: Told = lambda _name, _rows: None
) -> "Iterator[list[Synced]]":
    """Sync every so many seconds until `stop` is set, with longer pauses for a peer that doesn't answer."""
    due: dict[str, float] = {}
    while not stop.is_set():
        begun = time.monotonic()
        peers = [peer for peer in _wanted(home, who) if due.get(peer.uuid, begun) <= begun]
        prepare(home)
        results = _several(home, peers, told)
        for peer in peers:
            due[peer.uuid] = time.monotonic() + pause(every, _failures(home, peer))
        if results:
            yield results
        now = time.monotonic()
        stop.wait(max(_SHORTEST, min([*due.values(), begun + every]) - now))


def _several(home: Home, peers: Sequence[RecipientRow], told: Told) -> list[Synced]:
    home.audit()  # opened here: threads share it
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda peer: _one(home, peer, told), peers))


def _failures(home: Home, peer: RecipientRow) -> int:
    with home.catalog().connect() as conn:
        return received.state(conn, peer.id).failures


def pause(every: float, failures: int) -> float:
    """Seconds until a peer is tried again: doubled with each failure, up to an hour, and never twice the same."""
    if not failures:
        return every
    longest = max(every, _LONGEST_PAUSE)
    whole = min(every * 2 ** min(failures, _OLDEST), longest)
    low, high = _JITTER
    return float(whole * (low + (high - low) * secrets.randbelow(1_000_001) / 1_000_000))
