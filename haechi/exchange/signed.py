"""A node's signed word: a small JSON document that its key vouches for, made for one purpose and good for no other.

The document is RFC 8785 JSON; its signature (Ed25519, RFC 8032) covers all members but `signature` itself, the purpose
and the key's fingerprint among them. It is kept as text, so that a third person can check it years later.
"""

from typing import Any, Final, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.model.canonical import encoded
from haechi.model.errors import BadInput, NotVerified
from haechi.store.audit import UNDECODABLE, fingerprint

MOST: Final = 4 << 20  # bytes of one signed word
_S = TypeVar("_S", bound=msgspec.Struct)


def sign(said: msgspec.Struct, purpose: str, key: Ed25519PrivateKey) -> str:
    """The document as text, with `purpose`, `key` (SHA-256 of the raw public key) and `signature`, both hexadecimal."""
    document = {**msgspec.to_builtins(said), "purpose": purpose, "key": fingerprint(key.public_key())}
    return encoded({**document, "signature": key.sign(encoded(document)).hex()}).decode()


def verify(word: str, kind: type[_S], purpose: str, key: Ed25519PublicKey) -> _S:
    """What was said. `BadInput` for what is no such document, `NotVerified` where this key didn't sign it for this.

    Members that `kind` lacks are covered by the signature all the same and are left aside.
    """
    if len(word) > MOST:
        raise BadInput("signed.long", bytes=len(word), most=MOST)
    try:
        document = msgspec.json.decode(word, type=dict[str, Any])
        said = msgspec.convert(document, kind)
        signature = bytes.fromhex(document.pop("signature", ""))
        covered = encoded(document)
    except (*UNDECODABLE, TypeError, ValueError) as error:
        raise BadInput("signed.shape", cause=str(error)) from None
    if document.get("purpose") != purpose or document.get("key") != fingerprint(key):
        raise NotVerified("signed.other", purpose=purpose)
    try:
        key.verify(signature, covered)
    except InvalidSignature:
        raise NotVerified("signed.forged", purpose=purpose) from None
    return said
