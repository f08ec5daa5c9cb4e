"""A receiver's signed word that it has deleted what was withdrawn, and what of it can't be taken back.

It names sequences of the sender's ledger, never an object. It is a word, not a proof: screens say so.
"""

from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import signed

PURPOSE: Final = "haechi withdrawal confirmation 1"

# What can't be taken back, each with its count; the texts are `receipts.cannot.CODE`.
BACKUPS: Final = "backups"  # copies made before: not yet clean
OWN: Final = "own"  # values seen in the receiver's own logs: its own observation, without the sender's context
PASSED_ON: Final = (
    "passed_on"  # given on where the label allowed it: withdrawn there, too, and each confirms for itself
)
NAMED: Final = "named"  # other parties' reports that name the object's id
DATABASE: Final = "database"  # a database server's own log and backups


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """What the recipient says of these withdrawals. `at` in microseconds UTC, parties are UUIDs."""

    sender: str
    recipient: str
    seqs: list[int]  # of the withdrawals, in the sender's ledger
    at: int
    cannot: dict[str, int] = {}


def sign(said: Confirmation, key: Ed25519PrivateKey) -> str:
    """The confirmation as signed text."""
    return signed.sign(said, PURPOSE, key)


def verify(word: str, key: Ed25519PublicKey) -> Confirmation:
    """The confirmation that this key signed; `BadInput` or `NotVerified` where it is none or another's."""
    return signed.verify(word, Confirmation, PURPOSE, key)
