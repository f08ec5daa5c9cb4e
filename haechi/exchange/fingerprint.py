"""The code that both screens show before two nodes trust each other, and its QR code.

Twelve groups of five digits over both parties' keys and UUIDs: thirty digits for each side, by iterated SHA-512, in
sorted order, so that both see the same. The method is Signal's safety number ("Numeric Fingerprint", libsignal,
rust/protocol/src/fingerprint.rs; 5,200 iterations): some 112 bits of work to find a key with the same thirty digits.
"""

import hashlib
import hmac
import io
import re
from typing import Final

GROUPS: Final = 12
_ITERATIONS: Final = 5200
_VERSION: Final = b"haechi peer code 1"
_HALF: Final = 30  # digits and bytes of one side: five bytes give five digits


def code(key: bytes, party: str, other_key: bytes, other_party: str) -> str:
    """The code of two nodes, sixty digits in groups of five; the same whichever side comes first.

    Keys are raw Ed25519 public keys, parties are UUIDs.
    """
    digits = "".join(sorted((_half(key, party), _half(other_key, other_party))))
    return " ".join(digits[at : at + 5] for at in range(0, len(digits), 5))


def _half(key: bytes, party: str) -> str:
    hashed = _VERSION + key + party.lower().encode()
    for _ in range(_ITERATIONS):
        hashed = hashlib.sha512(hashed + key).digest()
    chunks = (hashed[at : at + 5] for at in range(0, _HALF, 5))
    return "".join(f"{int.from_bytes(chunk, 'big') % 100_000:05d}" for chunk in chunks)


def same(given: str, shown: str) -> bool:
    """Whether a code that someone typed is the one; white space and dashes don't count. In constant time."""
    typed = re.sub(r"[\s-]", "", given)
    return hmac.compare_digest(typed.encode(), shown.replace(" ", "").encode())


def lines(shown: str) -> list[str]:
    """The code as it is read out: three lines of four groups."""
    groups = shown.split()
    return [" ".join(groups[at : at + 4]) for at in range(0, GROUPS, 4)]


def qr(shown: str) -> str:
    """The code as a QR code of block characters, for a terminal or any fixed-width screen."""
    import segno

    drawn = io.StringIO()
    segno.make(shown.replace(" ", ""), error="m").terminal(drawn, compact=True)
    return drawn.getvalue().rstrip("\n")
