"""Keys of a log that are met as it is read (CEF extensions, RFC 5424 parameters): found by hash, compared whole."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.engines.text.row_kernel import same_bytes
from haechi.model.jit import Num, inlined, load64

U = np.uint64
KEY_SLOTS = 4096  # of the open-addressed table; a power of two
MOST_KEYS = 1024
LONGEST_KEY = 64
_PRIME = np.uint64(0x9E3779B97F4A7C15)


class KeyTable(NamedTuple):
    """Known keys; `slot` is -1 where free. `unknown` says where the scan met a key to be learned."""

    slot: npt.NDArray[np.int16]  # [KEY_SLOTS] entry
    text: npt.NDArray[np.uint8]  # [MOST_KEYS * LONGEST_KEY]
    length: npt.NDArray[np.int64]  # [MOST_KEYS]
    target: npt.NDArray[np.int64]  # [MOST_KEYS] of a cell, or what the format's scanner makes of it
    spare: npt.NDArray[np.int64]  # [MOST_KEYS] the extra cell of its own name: where the target is taken or doesn't fit
    seen: npt.NDArray[np.int64]  # [MOST_KEYS] number of the last record that had it: the first of a record counts
    unknown: npt.NDArray[np.int64]  # [4] begin, length of the key to learn; how many are known; number of the record


@inlined
def key_hash(buf: Num, begin: Num, n: Num) -> Num:
    h = U(n)
    i = 0
    while i < n:
        word = load64(buf, begin + i)
        if n - i < 8:
            word &= (U(1) << U(8 * (n - i))) - U(1)
        h = (h ^ word) * _PRIME
        h ^= h >> U(29)
        i += 8
    return h & U(KEY_SLOTS - 1)


@inlined
def find_key(buf: Num, begin: Num, n: Num, slot: Num, text: Num, length: Num) -> Num:
    """The entry of buf[begin : begin + n], or -1."""
    h = key_hash(buf, begin, n)
    found = np.int64(-1)
    while slot[h] >= 0:
        entry = np.int64(slot[h])
        if length[entry] == n and same_bytes(buf, begin, text, entry * LONGEST_KEY, n):
            found = entry
            break
        h = (h + U(1)) & U(KEY_SLOTS - 1)
    return found
