"""The node's signing key: Ed25519, PKCS#8 in PEM, readable by its owner alone; and how it came to follow earlier ones.

Beside the key lie `successions.jsonl`, the words of old and new key at each change, and after a first change `root`,
from which secrets are derived: they must not change with the key.
"""

import hmac
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from haechi.model.errors import NodeCannot

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

    from haechi.exchange.succession import Said
    from haechi.node.home import Home

FILE: Final = "ed25519.pem"
NEXT: Final = "ed25519.next.pem"  # while the key is being changed
SUCCESSIONS: Final = "successions.jsonl"
ROOT: Final = "root"


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

    HKDF-SHA256 (RFC 5869) from the private key that the node began with. When that key is changed, what HKDF extracts
    from it is kept in `root`, so ids and pseudonyms stay; with a key file from elsewhere those made from now on are
    others, while what was released keeps its id in the ledger.
    """
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

    folder = home.path / "keys"
    kept = folder / ROOT
    root = kept.read_bytes() if kept.exists() else extracted(load(folder / FILE))
    return HKDFExpand(algorithm=SHA256(), length=32, info=f"haechi {purpose}".encode()).derive(root)


def extracted(key: "Ed25519PrivateKey") -> bytes:
    """HKDF-Extract of a key without salt (RFC 5869, 2.2): it doesn't lead back to the key."""
    return hmac.digest(bytes(32), key.private_bytes_raw(), "sha256")


def successions(folder: Path) -> list["Said"]:
    """The changes of key that the folder of keys tells of, oldest first, each with the words of both keys, checked."""
    path = folder / SUCCESSIONS
    try:
        state = path.stat()
    except FileNotFoundError:
        return []
    return list(_successions(path, state.st_mtime_ns, state.st_size))


@lru_cache(maxsize=8)  # asked at every message, changed once a year
def _successions(path: Path, mtime: int, size: int) -> tuple["Said", ...]:
    del mtime, size
    from haechi.exchange import succession

    return tuple(succession.read(line) for line in path.read_text("utf-8").splitlines())


def earlier(folder: Path, key: "Ed25519PublicKey") -> Sequence["Ed25519PublicKey"]:
    """The public keys that `key` succeeded, oldest first."""
    from haechi.exchange import succession

    return succession.back_from(successions(folder), key)


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner can read, on disk when this returns."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
