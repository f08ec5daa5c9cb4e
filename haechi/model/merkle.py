"""Merkle trees of RFC 9162, section 2.1, that grow by a leaf at a time.

A tree is kept as its frontier: the hashes of its perfect subtrees, largest first, one for each 1 in the binary form of
its size. Adding a leaf costs one or two hashes on average, and a million leaves are 20 hashes.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

HASH: Final = 32  # bytes
EMPTY: Final = hashlib.sha256(b"").digest()


def leaf_of(salt: bytes, digest: bytes) -> bytes:
    """What stands in the tree for an object: a salted digest, for an unsalted one of an address is found in minutes."""
    return hashlib.sha256(salt + digest).digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: MTH({d})."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows. `size` counts leaves; `frontier` is all that must be stored of it."""

    def __init__(self, size: int = 0, frontier: bytes = b"") -> None:
        if len(frontier) != HASH * size.bit_count():
            raise ValueError(f"a tree of {size} leaves has a frontier of {size.bit_count()} hashes")
        self.size = size
        self._nodes = [frontier[at : at + HASH] for at in range(0, len(frontier), HASH)]

    @property
    def frontier(self) -> bytes:
        """The hashes of the perfect subtrees, largest first."""
        return b"".join(self._nodes)

    def add(self, data: bytes) -> None:
        """One leaf more."""
        hashed, below = leaf_hash(data), self.size
        while below & 1:  # as many subtrees are full as the size ends in ones
            hashed = node_hash(self._nodes.pop(), hashed)
            below >>= 1
        self._nodes.append(hashed)
        self.size += 1

    def root(self) -> bytes:
        """MTH of all leaves."""
        return _fold(self._nodes)


def _fold(nodes: Sequence[bytes]) -> bytes:
    if not nodes:
        return EMPTY
    root = nodes[-1]
    for node in reversed(nodes[:-1]):
        root = node_hash(node, root)
    return root


def root_of(leaves: Iterable[bytes]) -> bytes:
    """MTH(D) of leaves given in full.

    >>> root_of([]) == EMPTY
    True
    """
    tree = Tree()
    for data in leaves:
        tree.add(data)
    return tree.root()


def inclusion_holds(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162, 2.1.3.2: whether the proof shows the leaf's hash at `index` in the tree of that size and root."""
    if not 0 <= index < size or len(leaf) != HASH:
        return False
    fn, sn, hashed = index, size - 1, leaf
    for step in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            hashed = node_hash(step, hashed)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            hashed = node_hash(hashed, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and hashed == root


def consistency_holds(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162, 2.1.4.2: whether the proof shows that the tree of `second` leaves begins with that of `first`."""
    if first == second:
        return not proof and first_root == second_root and (first > 0 or first_root == EMPTY)
    if not 0 < first < second or not proof:
        return False
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    old = new = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            old, new = node_hash(step, old), node_hash(step, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node_hash(new, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and old == first_root and new == second_root


def consistency_proof(first: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 9162, 2.1.4.1: PROOF(first, D_n) for the leaves of the larger tree; empty where there is nothing to prove."""
    if not 0 < first < len(leaves):
        return []
    return _subproof(first, leaves, whole=True)


def _subproof(first: int, leaves: Sequence[bytes], *, whole: bool) -> list[bytes]:
    if first == len(leaves):
        return [] if whole else [root_of(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= split:
        return [*_subproof(first, leaves[:split], whole=whole), root_of(leaves[split:])]
    return [*_subproof(first - split, leaves[split:], whole=False), root_of(leaves[:split])]
