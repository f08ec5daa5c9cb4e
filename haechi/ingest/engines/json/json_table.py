"""A reader's JSON paths as the field table that the scanner looks keys up in."""

import numpy as np
import pyarrow as pa

from haechi.ingest.engines.json.json_kernel import (
    AS_EXTRA,
    AS_ITEM,
    AS_NUMBER,
    AS_OBJECT,
    AS_TEXT,
    C1,
    C2,
    SLOTS,
    FieldTable,
)
from haechi.ingest.reader import Reader
from haechi.model.block import L, N, T

_MASK = 2**64 - 1


def json_table(reader: Reader) -> tuple[FieldTable, pa.Array]:
    """The field table of a reader, and the names of its `extra` keys by number."""
    entries: list[tuple[bytes, int, int, int, int]] = []  # key, context, kind, target, scale
    contexts = {"": 0}
    extra: list[str] = []
    for wanted in reader.fields:
        outer, _, key = wanted.path.rpartition("/")
        entries.append((key.encode(), _context(outer, contexts, entries), *_target(wanted.to, extra), wanted.scale))
    slot = np.full(SLOTS, -1, np.int16)
    words = [_words(key) for key, *_ in entries]
    for number, (name, context, *_) in enumerate(entries):
        first, last = words[number]
        at = (((first ^ (last * int(C2) & _MASK) ^ (len(name) << 8) ^ context) * int(C1)) & _MASK) >> 52
        while slot[at] >= 0:
            at = (at + 1) & (SLOTS - 1)
        slot[at] = number
    if len(entries) > 128:
        raise ValueError(f"{reader.name}: more than 128 fields")
    table = FieldTable(
        slot=slot,
        first=np.array([first for first, _ in words], np.uint64),
        last=np.array([last for _, last in words], np.uint64),
        length=np.array([len(key) for key, *_ in entries], np.int64),
        context=np.array([e[1] for e in entries], np.int64),
        kind=np.array([e[2] for e in entries], np.uint8),
        target=np.array([e[3] for e in entries], np.int16),
        scale=np.array([e[4] for e in entries], np.int64),
    )
    return table, pa.array(extra, pa.string())


def _context(path: str, contexts: dict[str, int], entries: list[tuple[bytes, int, int, int, int]]) -> int:
    if path not in contexts:
        outer, _, key = path.rpartition("/")
        inside = _context(outer, contexts, entries)
        contexts[path] = len(contexts)
        entries.append((key.encode(), inside, AS_OBJECT, contexts[path], 1))
    return contexts[path]


def _target(to: str, extra: list[str]) -> tuple[int, int]:
    if to.startswith("extra:"):
        extra.append(to.removeprefix("extra:"))
        return AS_EXTRA, len(extra) - 1
    if to in T:
        return AS_TEXT, T[to]
    return (AS_NUMBER, N[to]) if to in N else (AS_ITEM, L[to])


def _words(key: bytes) -> tuple[int, int]:
    """The key's first and last eight bytes; between them keys of one context must differ, as these always do."""
    last = int.from_bytes(key[-8:], "little") if len(key) > 8 else 0
    return int.from_bytes(key[:8], "little"), last
