"""Who a node is: the document that it shows to anyone at /haechi/identity, signed by the key it names.

The signature alone proves only that the key's holder wrote it. Whose key it is two people compare on another channel
(`exchange.fingerprint`); with the key they trust the certificate's pin that stands beside it.
"""

import re
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import signed
from haechi.model.errors import BadInput
from haechi.store.audit import UNDECODABLE, fingerprint
from haechi.store.catalog import ownership

PATH: Final = "/haechi/identity"
ROOT: Final = "/haechi/"  # of the TAXII API root and our own resources
MEDIA_TYPE: Final = "application/json"
PURPOSE: Final = "haechi identity 1"
APIS: Final = ("taxii-2.1", "haechi-1")  # what this software speaks; another node may speak more
MOST: Final = 65_536  # bytes
_HEX = re.compile(r"[0-9a-f]{64}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself. `at` is microseconds UTC; key and pin are hexadecimal."""

    party: str  # UUID of its party, global
    name: str
    country: str
    sector: str
    public_key: str  # Ed25519, raw
    at: int
    tls_pin: str = (
        ""  # SHA-256 of its certificate's public key info; "" where authorities vouch for it, or there is no TLS
    )
    apis: tuple[str, ...] = APIS

    @property
    def key(self) -> bytes:
        """The raw public key."""
        return bytes.fromhex(self.public_key)

    @property
    def key_id(self) -> str:
        """SHA-256 of the raw public key, hexadecimal."""
        return fingerprint(Ed25519PublicKey.from_public_bytes(self.key))


class _Key(msgspec.Struct, frozen=True):
    """The one part that is read before the signature is checked."""

    public_key: str


def sign(said: Identity, key: Ed25519PrivateKey) -> bytes:
    """The document's bytes."""
    return signed.sign(said, PURPOSE, key).encode()


def read(document: bytes) -> Identity:
    """The identity in a document that its own key signed.

    Raises `BadInput` for what is too long, no such document, or has a name, country or sector that doesn't exist or a
    protocol that we lack; `NotVerified` where the signature doesn't hold.
    """
    if len(document) > MOST:
        raise BadInput("signed.long", bytes=len(document), most=MOST)
    try:
        word = document.decode()
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(msgspec.json.decode(word, type=_Key).public_key))
    except (*UNDECODABLE, ValueError) as error:
        raise BadInput("signed.shape", cause=str(error)) from None
    found = signed.verify(word, Identity, PURPOSE, key)
    return _checked(found)


def _checked(found: Identity) -> Identity:
    if not _UUID.fullmatch(found.party):
        raise BadInput("identity.field", name="party")
    if found.tls_pin and not _HEX.fullmatch(found.tls_pin):
        raise BadInput("identity.field", name="tls_pin")
    if not set(APIS) <= set(found.apis):
        raise BadInput("identity.apis", ours=", ".join(APIS))
    name = ownership.name(found.name)
    country, sector = ownership.country(found.country), ownership.sector(found.sector)
    return msgspec.structs.replace(found, name=name, country=country, sector=sector)
