"""The node's signing key: Ed25519, PKCS#8 in PEM, readable by its owner alone."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haechi.model.errors import NodeCannot

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from haechi.node.home import Home

FILE: Final = "ed25519.pem"


def create(path: Path) -> "Ed25519PrivateKey":
    """A new random key, written with rights 0600 and fsynced. An existing file is never overwritten."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    write_private(path, pem)
    return key


def load(path: Path) -> "Ed25519PrivateKey":
    """The key; `NodeCannot` where the file can't be read or holds another kind of key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise NodeCannot("key.unreadable", path=str(path), cause=error.strerror) from error
    except (ValueError, TypeError) as error:
        raise NodeCannot("key.not_pkcs8", path=str(path)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NodeCannot("key.not_ed25519", path=str(path))
    return key


def secret(home: "Home", purpose: str) -> bytes:
    """32 bytes that only this node can compute, another for each purpose; stored nowhere.

    HKDF-SHA256 (RFC 5869) from the node's private key: with another key file the ids and pseudonyms made from now on
    are others, while what was released keeps its id in the ledger.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    key = load(home.path / "keys" / FILE).private_bytes_raw()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"haechi {purpose}".encode()).derive(key)


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner can read, on disk when this returns."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
