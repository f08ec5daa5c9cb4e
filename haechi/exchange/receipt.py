"""A receipt: one side's signed word on what of a collection has passed, so that two can be laid side by side.

It says how many rows of the sender's ledger for that recipient there are up to a sequence and the Merkle root over
their salted leaves (RFC 9162, section 2.1): equal roots, equal rows in equal order. It names no object.
"""

from typing import Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import signed
from haechi.messages.catalogue import Message

PURPOSE: Final = "haechi receipt 1"
Role = Literal["sender", "recipient"]
_COMPARED: Final = {
    "sender": "receipt.differs.sender",
    "recipient": "receipt.differs.recipient",
    "collection": "receipt.differs.collection",
    "epoch": "receipt.differs.epoch",
    "seq": "receipt.differs.seq",
    "size": "receipt.differs.size",
    "root": "receipt.differs.root",
}


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What one side has of a collection. `root` is hexadecimal, `at` microseconds UTC, parties are UUIDs."""

    role: Role  # of the one who says so
    sender: str
    recipient: str
    collection: str  # by name
    epoch: int  # of the sender's ledger
    seq: int  # up to this row of the sender's ledger
    size: int  # rows of the collection up to there
    root: str
    at: int


def sign(receipt: Receipt, key: Ed25519PrivateKey) -> str:
    """The receipt as signed text."""
    return signed.sign(receipt, PURPOSE, key)


def verify(word: str, key: Ed25519PublicKey) -> Receipt:
    """The receipt that this key signed; `BadInput` or `NotVerified` where it is none or another's."""
    return signed.verify(word, Receipt, PURPOSE, key)


def differences(ours: Receipt, theirs: Receipt) -> tuple[Message, ...]:
    """Why two receipts don't agree; none where they do. The two must come from the two roles."""
    found = [
        Message(id, {"ours": getattr(ours, name), "theirs": getattr(theirs, name)})
        for name, id in _COMPARED.items()
        if getattr(ours, name) != getattr(theirs, name)
    ]
    if ours.role == theirs.role:
        found.append(Message("receipt.differs.role"))
    return tuple(found)
