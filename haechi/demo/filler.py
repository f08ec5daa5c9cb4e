"""A million indicator values that occur in no traffic: the haystack that a real list is.

Names end in `.invalid`, IPv6 lies in 3fff::/20 (documentation), digests are of nothing. There is no IPv4 among them:
outside of the reserved blocks, which false-positive lists rightly hold, every IPv4 address is somebody's.
"""

from collections.abc import Iterator

import numpy as np

from haechi.demo.matrix import Bytes, Hex, Ints, Layout, Number, render, squeeze, width

# Value type, share, layout. `n` counts and makes the value unique, `a` to `d` are random bits.
_D = (Hex("a", 4), b"-", Number("n", 7))
SHAPES: tuple[tuple[str, float, Layout], ...] = (
    ("domain", 0.38, (b"x", *_D, b".feed.invalid")),
    ("url", 0.23, (b"http://y", *_D, b".feed.invalid/", Hex("b", 8), b".bin")),
    ("sha256", 0.14, (Hex("a", 16), Hex("b", 16), Hex("c", 16), Hex("d", 16))),
    ("md5", 0.06, (Hex("a", 16), Hex("b", 16))),
    ("sha1", 0.03, (Hex("a", 16), Hex("b", 16), Hex("c", 8))),
    ("ipv6", 0.12, (b"3fff:a", Hex("a", 2), b":1", Hex("b", 3), b":1", Hex("c", 3), b"::1", Hex("d", 3), b":1", Hex("n", 3))),
    ("ipv6-net", 0.01, (b"3fff:b", Hex("a", 2), b":1", Hex("n", 3), b":1", Hex("c", 3), b"::/64")),
    ("ja3", 0.01, (Hex("c", 16), Hex("d", 16))),
    ("email", 0.02, (b"z", *_D, b"@feed.invalid")),
)  # fmt: skip
_BLOCK = 65_536


def counts(total: int) -> dict[str, int]:
    """How many values of each type make up `total`; domains take what rounding leaves."""
    found = {kind: int(total * share) for kind, share, _ in SHAPES}
    found["domain"] += total - sum(found.values())
    return found


def _mix(number: Ints, salt: int) -> Ints:
    """SplitMix64's finaliser: 63 well-mixed bits of each number."""
    z = number.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Ints = ((z ^ (z >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)
    return mixed


def lines(kind: str, start: int, number: int, seed: int, before: bytes = b"", after: bytes = b"\n") -> Iterator[bytes]:
    """The values number `start` to `start + number` of a type, block by block, each with `before` and `after`."""
    place = [name for name, _, _ in SHAPES].index(kind)
    layout = (before, *SHAPES[place][2], after)
    wide = width(layout, {})
    for first in range(start, start + number, _BLOCK):
        n = np.arange(first, min(first + _BLOCK, start + number), dtype=np.int64)
        rows = {"n": n, **{slot: _mix(n, (seed * len(SHAPES) + place) * 4 + k) for k, slot in enumerate("abcd")}}
        matrix: Bytes = np.zeros((len(n), wide), np.uint8)
        render(layout, rows, {}, matrix)
        yield squeeze(matrix)


def texts(kind: str, start: int, number: int, seed: int) -> list[str]:
    """The same as a list."""
    return b"".join(lines(kind, start, number, seed)).decode().split()
