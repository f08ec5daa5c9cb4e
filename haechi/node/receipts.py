"""How we stand with each peer: what went out and came in, whether both say the same, what of it was confirmed."""

from typing import Any

import msgspec

from haechi.exchange import confirmation
from haechi.messages.catalogue import Message, decode
from haechi.node.home import Home
from haechi.store.catalog import receipts, received, recipients
from haechi.store.catalog.received import State
from haechi.store.catalog.recipients import INBOX, PEER, RecipientRow


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """One collection of one direction. Times in microseconds UTC; None where no receipts were exchanged yet."""

    peer: str
    direction: str  # sent | received, as seen from here
    collection: str
    rows: int  # as of now
    objects: int | None  # that we hold of what we received
    apart: int  # of them, such as the peer's present ledger lacks
    root: str
    agreed: bool | None
    at: int | None
    ours: str  # the signed receipts
    theirs: str


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """A withdrawal of ours and the peer's signed word on it; None while there is none."""

    peer: str
    seq: int
    withdrawn_at: int
    confirmed_at: int | None
    cannot: dict[str, int] = {}  # what the peer says it can't take back: a code of `exchange.confirmation` and a count
    word: str | None = None


class NotTaken(msgspec.Struct, frozen=True, kw_only=True):
    """An object that a peer sent and that could not be taken."""

    peer: str
    seq: int
    collection: str
    object_id: str | None
    reasons: tuple[Message, ...]


class Report(msgspec.Struct, kw_only=True):
    """All of it, peer by peer."""

    standings: list[Standing] = []
    words: list[Word] = []
    unconfirmed: int = 0  # withdrawals on which there is no word yet
    refused: list[NotTaken] = []
    states: dict[str, State] = {}


def report(home: Home, who: str = "", *, limit: int = 100) -> Report:
    """How we stand with all peers or one (name or UUID); at most `limit` withdrawals and refused objects, 0 for all."""
    found = Report()
    most = limit or 1 << 31
    with home.catalog().connect() as conn:
        peers = [recipients.find(conn, who)] if who else recipients.every(conn, PEER)
        for peer in peers:
            found.states[peer.name] = received.state(conn, peer.id)
            found.standings += _sent(conn, peer) + _received(conn, peer)
            count, confirmed = receipts.counts(conn, peer.id)
            found.unconfirmed += count - confirmed
            found.words += _words(conn, peer, most - len(found.words))
            for one in received.refusals(conn, peer.id, limit=most - len(found.refused)):
                found.refused.append(
                    NotTaken(
                        peer=peer.name,
                        seq=one.seq,
                        collection=one.collection,
                        object_id=one.object_id,
                        reasons=decode(one.reason),
                    )
                )
    return found


def _sent(conn: Any, peer: RecipientRow) -> list[Standing]:
    last = {row.collection: row for row in receipts.last(conn, peer.id) if row.direction == "sent"}
    found = []
    for one in recipients.collections(conn, peer.id):
        if one.name == INBOX:
            continue
        row = last.get(one.name)
        found.append(
            Standing(
                peer=peer.name,
                direction="sent",
                collection=one.name,
                rows=one.size,
                objects=None,
                apart=0,
                root="" if row is None else row.root.hex(),
                agreed=None if row is None else row.agreed,
                at=None if row is None else row.at,
                ours="" if row is None else row.ours,
                theirs="" if row is None else row.theirs,
            )
        )
    return found


def _received(conn: Any, peer: RecipientRow) -> list[Standing]:
    last = {row.collection: row for row in receipts.last(conn, peer.id) if row.direction == "received"}
    held = received.held(conn, peer.id)
    found = []
    for name in sorted({*last, *received.collections(conn, peer.id)}):
        row, cursor = last.get(name), received.cursor(conn, peer.id, name)
        objects, apart = held.get(name, (0, 0))
        found.append(
            Standing(
                peer=peer.name,
                direction="received",
                collection=name,
                rows=cursor.tree.size,
                objects=objects,
                apart=apart,
                root=cursor.tree.root().hex(),
                agreed=None if row is None else row.agreed,
                at=None if row is None else row.at,
                ours="" if row is None else row.ours,
                theirs="" if row is None else row.theirs,
            )
        )
    return found


def _words(conn: Any, peer: RecipientRow, limit: int) -> list[Word]:
    found = []
    for row in receipts.confirmations(conn, peer.id, limit=limit):
        # Checked against the peer's key when it came; kept as signed, so that anyone can check it again.
        said = None if row.word is None else msgspec.json.decode(row.word, type=confirmation.Confirmation)
        found.append(
            Word(
                peer=peer.name,
                seq=row.seq,
                withdrawn_at=row.date_added,
                confirmed_at=row.at,
                cannot={} if said is None else said.cannot,
                word=row.word,
            )
        )
    return found
