"""How values become numbers: hashes of exact values and names, Bloom words, /24s; and the sections of an index filled.

A name is hashed from its last byte on, so that one walk meets all its parents; every other exact value from its first,
eight bytes at a time. Seeds are drawn at each build, for indicators come from outsiders.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.model.jit import Num, byte_at, inlined, kernel, load64

U = np.uint64
FNV = np.uint64(0x100000001B3)
_SPREAD = np.uint64(0xD6E8FEB86659FD93)
# np.int64 and not Python's int: Numba compiles a kernel's parts anew for each literal.
DOMAIN, URL, EMAIL, MD5, SHA1, SHA256, SHA512, JA3, JA4, CERT = map(np.int64, range(10))
EXACT_TYPES = ("domain", "url", "email", "md5", "sha1", "sha256", "sha512", "ja3", "ja4", "cert")
LOW32 = np.uint64(0xFFFFFFFF)
ADDRESS = 255  # the kind of a value that is found by number


class IndexArrays(NamedTuple):
    """The index file's sections. Entry numbers run over all values; `value_id[entry]` is the catalog's id."""

    seeds: npt.NDArray[np.uint64]  # [EXACT_TYPES + 2] the last two: IPv4, IPv6
    slots: npt.NDArray[np.uint64]  # high half of the hash, entry + 1 in the low half; 0 free
    bloom: npt.NDArray[np.uint64]
    data: npt.NDArray[np.uint8]  # normal forms of the exact values, one after the other
    at: npt.NDArray[np.int64]  # [entries + 1] where each begins in data
    kind: npt.NDArray[np.uint8]  # [entries] index into EXACT_TYPES, 255 for addresses
    exact_only: npt.NDArray[np.bool_]  # [entries] a public suffix: its sub-domains don't match
    value_id: npt.NDArray[np.int64]
    valid_from: npt.NDArray[np.int64]
    valid_until: npt.NDArray[np.int64]
    near4: npt.NDArray[np.uint64]  # [2**18] bitmap of the /24s that hold or touch an IPv4 value
    prefix4: npt.NDArray[np.int64]  # prefix lengths that occur
    run4: npt.NDArray[np.int64]  # [prefixes + 1] where each one's run begins
    net4: npt.NDArray[np.uint64]
    entry4: npt.NDArray[np.int32]
    prefix6: npt.NDArray[np.int64]
    run6: npt.NDArray[np.int64]
    net6_high: npt.NDArray[np.uint64]
    net6_low: npt.NDArray[np.uint64]
    entry6: npt.NDArray[np.int32]


@inlined
def mix(h: Num) -> Num:
    """Spread a hash over all bits (Evans's rrmxmx-style finaliser); never 0."""
    h ^= h >> U(32)
    h *= _SPREAD
    h ^= h >> U(32)
    h *= _SPREAD
    h ^= h >> U(32)
    return h | U(1)


@inlined
def bloom_word(h: Num) -> Num:
    return (U(1) << ((h >> U(1)) & U(63))) | (U(1) << ((h >> U(7)) & U(63))) | (U(1) << ((h >> U(13)) & U(63)))


@inlined
def maybe(h: Num, bloom: Num) -> Num:
    word = bloom_word(h)
    return bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] & word == word


@inlined
def address_hash(seed: Num, prefix: Num, high: Num, low: Num) -> Num:
    return mix((seed ^ high ^ (U(prefix) << U(56))) * FNV + low)


@inlined
def exact_hash(seed: Num, text: Num, begin: Num, n: Num) -> Num:
    """The hash of text[begin:begin + n]; up to seven bytes behind it are read, and don't count."""
    h = seed + U(n)
    end = begin + n
    i = np.int64(begin)
    while i + 8 <= end:
        h = (h ^ load64(text, i)) * _SPREAD
        h ^= h >> U(32)
        i += 8
    if i < end:
        h = (h ^ (load64(text, i) & ((U(1) << U(8 * (end - i))) - U(1)))) * _SPREAD
    return mix(h)


@kernel
def hash_values(data: Num, at: Num, kind: Num, seeds: Num, out: Num) -> None:
    """Hashes of all exact values, those of other kinds are left alone; `data` has eight bytes to spare."""
    for i in range(kind.shape[0]):
        if kind[i] == ADDRESS:
            continue
        if kind[i] != DOMAIN:
            out[i] = exact_hash(seeds[kind[i]], data, at[i], at[i + 1] - at[i])
            continue
        h = seeds[DOMAIN]
        for j in range(at[i + 1] - 1, at[i] - 1, -1):
            h = (h ^ U(byte_at(data, j))) * FNV
        out[i] = mix(h)


@kernel
def fill_table(hashes: Num, kind: Num, slots: Num, bloom: Num) -> None:
    """Put all exact values into the table and the Bloom words."""
    mask = U(slots.shape[0] - 1)
    for i in range(kind.shape[0]):
        if kind[i] == ADDRESS:
            continue
        h = hashes[i]
        bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] |= bloom_word(h)
        at = h & mask
        while slots[at] != U(0):
            at = (at + U(1)) & mask
        slots[at] = (h & ~LOW32) | U(i + 1)


@kernel
def fill_nets(net4: Num, prefixes: Num, near4: Num, high: Num, low: Num, prefix6: Num, seed6: Num, bloom: Num) -> None:
    """Mark the /24s of the IPv4 nets, and the IPv6 nets in the Bloom words."""
    for i in range(net4.shape[0]):
        block = net4[i] >> U(8)
        last = (net4[i] + (U(1) << U(32 - prefixes[i])) - U(1)) >> U(8)
        while block <= last:
            near4[block >> U(6)] |= U(1) << (block & U(63))
            block += U(1)
    for i in range(high.shape[0]):
        h = address_hash(seed6, prefix6[i], high[i], low[i])
        bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] |= bloom_word(h)
