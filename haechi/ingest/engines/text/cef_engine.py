"""CEF records; learns the keys of a device as it meets them."""

import numpy as np
import pyarrow as pa

from haechi.ingest.engines.constants import Words, meaning_of
from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cef_kernel import FIRST_TIME, HASH, KEY_BYTE, scan_cef
from haechi.ingest.engines.text.cell_kernel import MOST_CELLS, NUMBER
from haechi.ingest.engines.text.keys import Keys
from haechi.ingest.engines.text.syslog_header_kernel import INFERRED
from haechi.ingest.reader import Field, Reader
from haechi.model.block import POSITION, ROWS, Block, N, T

_TIMES = {"rt": 0, "start": 1, "end": 2}  # in this order the event's time is taken from them
_OWN = ("host", "vendor", "product_version", "ts_inferred")


def _target(field: Field) -> int:
    if field.to == "time":
        return FIRST_TIME + _TIMES[field.path]
    if field.to == "hash":
        return HASH
    return T[field.to] if field.to in T else NUMBER + N[field.to]


class CefEngine:
    """One CEF file."""

    multiline = False
    header_mark = b""

    def __init__(self, reader: Reader) -> None:
        self.meaning = meaning_of(reader)
        self._extra = ExtraKeys()
        self._numbers = np.array([self._extra.number(name) for name in _OWN], np.int64)
        self._keys = Keys({field.path: _target(field) for field in reader.fields}, self._extra, own=_OWN)
        self._words = Words(np.frombuffer(INFERRED, np.uint8))
        self._cells = np.zeros((MOST_CELLS, 3), np.int64)

    @property
    def extra_keys(self) -> pa.StringArray:
        """See Engine."""
        return self._extra.array()

    def take_header(self, text: bytes) -> None:
        """CEF has no header."""

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:  # noqa: ARG002 (as Engine)
        """See Engine."""
        a, state = block.a, block.a.state
        words = self._words.lay(block)
        if words < 0:
            return  # the block ends early: a fresh one has room
        while True:
            scan_cef(a, self._keys.table, self._cells, self._numbers, KEY_BYTE, words, end, max_rows)
            if state[POSITION] >= end or state[ROWS] >= max_rows or not self._keys.learn(a.buf):
                break
        block.extra_keys = self.extra_keys


def cef_engine(reader: Reader, _head: bytes, _file_name: str, _mapping: object) -> CefEngine:
    """The engine of one CEF file."""
    return CefEngine(reader)
