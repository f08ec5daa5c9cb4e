"""The keys of one input, learned as they are met: each becomes an event field, or an `extra` cell of its own name."""

from collections.abc import Collection, Mapping

import numpy as np
import numpy.typing as npt

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import EXTRA
from haechi.ingest.engines.text.key_kernel import KEY_SLOTS, LONGEST_KEY, MOST_KEYS, KeyTable

_PRIME, _MASK = 0x9E3779B97F4A7C15, 2**64 - 1
OTHERS = "other_keys"  # what the keys beyond MOST_KEYS go to: the first of a record


def _hash(key: bytes) -> int:
    h = len(key)
    for i in range(0, len(key), 8):
        h = ((h ^ int.from_bytes(key[i : i + 8], "little")) * _PRIME) & _MASK
        h ^= h >> 29
    return h & (KEY_SLOTS - 1)


class Keys:
    """A key table that grows. `targets` says where known keys go; a key named as one of `own` gets `data.` before it."""

    def __init__(self, targets: Mapping[str, int], extra: ExtraKeys, own: Collection[str] = ()) -> None:
        self._targets, self._extra, self._own = targets, extra, frozenset(own)
        self.table = KeyTable(
            slot=np.full(KEY_SLOTS, -1, np.int16),
            text=np.zeros(MOST_KEYS * LONGEST_KEY + 8, np.uint8),
            length=np.zeros(MOST_KEYS, np.int64),
            target=np.zeros(MOST_KEYS, np.int64),
            spare=np.zeros(MOST_KEYS, np.int64),
            seen=np.zeros(MOST_KEYS, np.int64),
            unknown=np.zeros(4, np.int64),
        )
        for name in targets:
            self._add(name.encode())

    def learn(self, buf: npt.NDArray[np.uint8]) -> bool:
        """Add the key that the scan stopped at; False if it met none."""
        begin, n, count, _record = (int(x) for x in self.table.unknown)
        self.table.unknown[1] = 0
        if not n or count >= MOST_KEYS:
            return False
        self._add(buf[begin : begin + n].tobytes())
        return True

    def _add(self, key: bytes) -> None:
        t, number = self.table, int(self.table.unknown[2])
        name = key.decode("utf-8", "replace")
        shown = OTHERS if number == MOST_KEYS - 1 else f"data.{name}" if name in self._own else name
        spare = EXTRA + self._extra.number(shown)
        target = self._targets.get(name, spare)
        t.text[number * LONGEST_KEY : number * LONGEST_KEY + len(key)] = np.frombuffer(key, np.uint8)
        t.length[number], t.target[number], t.spare[number] = len(key), target, spare
        at = _hash(key)
        while t.slot[at] >= 0:
            at = (at + 1) & (KEY_SLOTS - 1)
        t.slot[at] = number
        t.unknown[2] = number + 1
