"""How a node's new key follows its old one: said by both, so that who trusts the one may trust the other.

The old key says it to peers, who knew only that one; the new key says it to whoever looks back, so that an old
signature (of an audit checkpoint) is taken for no other's. Messages carry the last ones in `haechi-succession` until
the peer has used the new key.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import signed
from haechi.model.errors import BadInput, NotVerified
from haechi.store.audit import fingerprint

FIELD: Final = "haechi-succession"
PURPOSE: Final = "haechi key succession 1"
MOST: Final = 3  # that a message carries: a peer that missed more is confirmed anew
_LONGEST: Final = 4096  # characters of one in a message


class Succession(msgspec.Struct, frozen=True, kw_only=True):
    """`new` follows `old` as the key of a party. Keys are hexadecimal, raw Ed25519; `at` microseconds UTC."""

    party: str
    old: str
    new: str
    at: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A succession with the words of both keys, checked."""

    what: Succession
    by_old: str
    by_new: str

    @property
    def old(self) -> Ed25519PublicKey:
        """The key that ends."""
        return _key(self.what.old)

    @property
    def new(self) -> Ed25519PublicKey:
        """The key that begins."""
        return _key(self.what.new)

    @property
    def text(self) -> str:
        """Both words as one line of text."""
        return msgspec.json.encode([self.by_old, self.by_new]).decode()


def say(party: str, old: Ed25519PrivateKey, new: Ed25519PrivateKey, *, now: int) -> Said:
    """That `new` follows `old`, signed by both."""
    keys = (key.public_key().public_bytes_raw().hex() for key in (old, new))
    what = Succession(party=party, old=next(keys), new=next(keys), at=now)
    return Said(what=what, by_old=signed.sign(what, PURPOSE, old), by_new=signed.sign(what, PURPOSE, new))


def read(line: str) -> Said:
    """A succession as `Said.text` wrote it; `BadInput` or `NotVerified` where it is none or doesn't hold."""
    try:
        by_old, by_new = msgspec.json.decode(line, type=tuple[str, str])
        what = msgspec.json.decode(by_old, type=Succession)
        old, new = _key(what.old), _key(what.new)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise BadInput("signed.shape", cause=str(error)) from None
    if signed.verify(by_old, Succession, PURPOSE, old) != signed.verify(by_new, Succession, PURPOSE, new):
        raise NotVerified("signed.other", purpose=PURPOSE)
    return Said(what=what, by_old=by_old, by_new=by_new)


def header(chain: Sequence[Said]) -> dict[str, str]:
    """The field that carries the last successions; nothing where there are none."""
    told = [base64.b64encode(one.text.encode()).decode() for one in chain[-MOST:]]
    return {FIELD: ", ".join(told)} if told else {}


def from_headers(headers: Mapping[str, str]) -> list[Said]:
    """The successions that a message carries, oldest first. Raises as `read`."""
    field = headers.get(FIELD, "")
    if len(field) > MOST * _LONGEST:
        raise BadInput("signed.long", bytes=len(field), most=MOST * _LONGEST)
    try:
        lines = [base64.b64decode(one.strip(), validate=True).decode() for one in field.split(",") if one.strip()]
    except (binascii.Error, ValueError) as error:
        raise BadInput("signed.shape", cause=str(error)) from None
    return [read(line) for line in lines]


def follow(chain: Sequence[Said], party: str, key: bytes) -> bytes:
    """The key that a party has in the end, who had `key`: along the chain as far as it fits. `key` where nothing does."""
    for one in chain:
        if one.what.party == party and bytes.fromhex(one.what.old) == key:
            key = bytes.fromhex(one.what.new)
    return key


def back_from(chain: Sequence[Said], key: Ed25519PublicKey) -> list[Ed25519PublicKey]:
    """The keys before `key`, oldest first; what doesn't lead to it is left aside (a change that broke off)."""
    found: list[Ed25519PublicKey] = []
    now = fingerprint(key)
    for one in reversed(chain):
        if fingerprint(one.new) == now:
            found.insert(0, one.old)
            now = fingerprint(one.old)
    return found


def _key(raw: str) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(raw))
