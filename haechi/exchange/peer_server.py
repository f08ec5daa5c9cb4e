"""What a peer asks beside TAXII, answered from the ledger alone: receipts, withdrawals, leaves (see `wire`).

A peer sees its own slice and nothing else; whatever isn't there, or isn't for it, is the same 404.
"""

from typing import Any, Final, Protocol, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection

from haechi.exchange import confirmation, receipt, wire
from haechi.exchange.message import Request, Response
from haechi.exchange.receipt import Receipt
from haechi.exchange.sync import PULLED
from haechi.model.errors import BadInput, HaechiError
from haechi.store.audit import UNDECODABLE
from haechi.store.catalog import ledger_leaves, receipts, recipients
from haechi.store.catalog.receipts import ReceiptRow
from haechi.store.catalog.recipients import PEER, CollectionRow, RecipientRow

PATHS: Final = ("receipts", "withdrawals", "leaves")  # below the API root
MOST: Final = 8 << 20  # bytes of a request
_NUMBER: Final = 19  # digits
_S = TypeVar("_S", bound=msgspec.Struct)


class Caller(Protocol):
    """Who asks, as the server has found out."""

    @property
    def recipient(self) -> RecipientRow: ...
    @property
    def how(self) -> str: ...


class Log(Protocol):
    """Where it is written that something was received."""

    def append(self, action: str, *, subject: str = "", details: dict[str, Any] | None = None) -> object: ...


def answer(
    request: Request, caller: Caller, conn: Connection, *, us: str, key: Ed25519PrivateKey, now: int, log: Log
) -> Response:
    """The answer to a peer's request on one of `PATHS`, in the caller's transaction (a writing one for a POST).

    `us` is our party's UUID. Only a peer that signed its request is answered.
    """
    recipient = caller.recipient
    if recipient.kind != PEER or recipient.key is None or caller.how != "signature":
        return _error(404)
    resource = request.path.rstrip("/").rpartition("/")[2]
    if len(request.body) > MOST:
        return _error(413)
    try:
        match (request.method, resource):
            case ("GET", "receipts"):
                return _said(_heads(conn, recipient))
            case ("POST", "receipts"):
                return _said(_receipts(conn, request, recipient, us, key, now, log))
            case ("GET", "withdrawals"):
                return _said(_withdrawals(conn, request, recipient))
            case ("POST", "withdrawals"):
                return _confirmed(conn, request, recipient, us, now, log)
            case ("GET", "leaves"):
                return _leaves(conn, request, recipient)
            case (_, name) if name in PATHS:
                return _error(405)
    except HaechiError as error:
        return _error(422 if isinstance(error, BadInput) else 403, error)
    return _error(404)


def _said(found: msgspec.Struct) -> Response:
    return Response(200, {"content-type": wire.JSON}, msgspec.json.encode(found))


def _error(status: int, error: HaechiError | None = None) -> Response:
    """An error as TAXII says them (TAXII 2.1, 3.6.1)."""
    told = {"title": "no" if error is None else error.reason, "http_status": str(status)}
    return Response(status, {"content-type": wire.JSON}, msgspec.json.encode(told))


def _asked(request: Request, kind: type[_S]) -> _S:
    try:
        return msgspec.json.decode(request.body, type=kind)
    except UNDECODABLE as error:
        raise BadInput("sync.shape", cause=str(error)) from None


def _number(request: Request, name: str, default: int = 0) -> int:
    """A whole number of the query; BadInput for what is none."""
    found = dict(request.query).get(name)
    if found is None:
        return default
    if not (found.isascii() and found.isdigit() and len(found) < _NUMBER):
        raise BadInput("sync.number", name=name)
    return int(found)


def _collections(conn: Connection, recipient: RecipientRow) -> dict[str, CollectionRow]:
    return {row.name: row for row in recipients.collections(conn, recipient.id) if row.name in PULLED}


def _heads(conn: Connection, recipient: RecipientRow) -> wire.Heads:
    found = [wire.Head(row.name, row.uuid, row.size, row.last_seq) for row in _collections(conn, recipient).values()]
    return wire.Heads(recipient.epoch, recipient.last_seq, found)


def _receipts(
    conn: Connection, request: Request, recipient: RecipientRow, us: str, key: Ed25519PrivateKey, now: int, log: Log
) -> wire.Receipts:
    """Our word on just the rows that the peer's receipts speak of; both are kept, and whether they agree."""
    had = _collections(conn, recipient)
    words = []
    for word in _asked(request, wire.Receipts).receipts:
        theirs = receipt.verify(word, _key(recipient))
        collection = had.get(theirs.collection)
        if collection is None:
            raise BadInput("sync.collection", name=theirs.collection)
        tree = ledger_leaves.tree(conn, collection, after=0, upto=theirs.seq)
        ours = Receipt(
            role="sender",
            sender=us,
            recipient=recipient.uuid,
            collection=collection.name,
            epoch=recipient.epoch,
            seq=theirs.seq,
            size=tree.size,
            root=tree.root().hex(),
            at=now,
        )
        agreed = not receipt.differences(ours, theirs)
        words.append(receipt.sign(ours, key))
        kept = ReceiptRow(
            recipient_id=recipient.id,
            direction="sent",
            collection=collection.name,
            epoch=recipient.epoch,
            size=tree.size,
            root=tree.root(),
            at=now,
            agreed=agreed,
            ours=words[-1],
            theirs=word,
        )
        receipts.keep(conn, kept)
        details = {"collection": collection.name, "size": tree.size, "seq": theirs.seq, "agreed": agreed}
        log.append("receipt.received", subject=recipient.uuid, details=details)
    return wire.Receipts(words)


def _key(recipient: RecipientRow) -> Ed25519PublicKey:
    assert recipient.key is not None  # `answer` has looked
    return Ed25519PublicKey.from_public_bytes(recipient.key)


def _withdrawals(conn: Connection, request: Request, recipient: RecipientRow) -> wire.Withdrawals:
    found = ledger_leaves.withdrawals(
        conn,
        recipient.id,
        after=_number(request, "after"),
        limit=wire.WITHDRAWN_AT_ONCE + 1,
        versions=wire.VERSIONS,
    )
    shown = [wire.Withdrawn(one.seq, one.of) for one in found[: wire.WITHDRAWN_AT_ONCE]]
    return wire.Withdrawals(shown, len(found) > len(shown))


def _confirmed(conn: Connection, request: Request, recipient: RecipientRow, us: str, now: int, log: Log) -> Response:
    word = _asked(request, wire.Word).confirmation
    said = confirmation.verify(word, _key(recipient))
    if said.sender != us or said.recipient != recipient.uuid or not said.seqs:
        raise BadInput("sync.confirmation")
    count = receipts.confirm(conn, recipient.id, said.seqs, at=now, word=word)
    log.append("withdrawal.confirmed", subject=recipient.uuid, details={"count": count, "last": max(said.seqs)})
    return Response(200, {"content-type": wire.JSON}, b"{}")


def _leaves(conn: Connection, request: Request, recipient: RecipientRow) -> Response:
    collection = _collections(conn, recipient).get(dict(request.query).get("collection", ""))
    if collection is None:
        return _error(404)
    after, upto = _number(request, "after"), _number(request, "upto", recipient.last_seq)
    if _number(request, "digest"):
        tree = ledger_leaves.tree(conn, collection, after=after, upto=upto)
        return _said(wire.Digest(tree.size, tree.root()))
    hidden = bool(_number(request, "hidden"))
    found = ledger_leaves.between(conn, collection, after=after, upto=upto, hidden=hidden, limit=wire.AT_ONCE + 1)
    shown = [wire.Leaf(*one) for one in found[: wire.AT_ONCE]]
    return _said(wire.Leaves(shown, len(found) > len(shown)))
