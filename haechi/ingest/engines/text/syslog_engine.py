"""Syslog lines by templates of the programs that wrote them."""

import numpy as np
import pyarrow as pa

from haechi.ingest.engines.constants import Words, meaning_of
from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import MOST_CELLS
from haechi.ingest.engines.text.keys import Keys
from haechi.ingest.engines.text.syslog_header_kernel import INFERRED
from haechi.ingest.engines.text.syslog_kernel import scan_syslog
from haechi.ingest.engines.text.template_table import compile_templates
from haechi.ingest.reader import Reader
from haechi.ingest.readers.syslog_messages import PROGRAMS
from haechi.model.block import POSITION, ROWS, Block


class SyslogEngine:
    """RFC 3164 and 5424; learns the names of structured data as it meets them."""

    multiline = False
    header_mark = b""

    def __init__(self, reader: Reader) -> None:
        self.meaning = meaning_of(reader)
        self._extra = ExtraKeys()
        self._numbers = np.array(
            [self._extra.number(name) for name in ("host", "pid", "repeated", "ts_inferred")], np.int64
        )
        self._cells = np.zeros((MOST_CELLS, 3), np.int64)
        self._table, words = compile_templates(PROGRAMS, self._extra, other="syslog", before=INFERRED)
        self._words = Words(words)
        self._keys = Keys({}, self._extra, own=tuple(self._extra.numbers))

    @property
    def extra_keys(self) -> pa.StringArray:
        """See Engine."""
        return self._extra.array()

    def take_header(self, text: bytes) -> None:
        """Syslog has no header."""

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:  # noqa: ARG002 (as Engine)
        """See Engine."""
        a, state = block.a, block.a.state
        words = self._words.lay(block)
        if words < 0:
            return  # the block ends early: a fresh one has room
        while True:
            scan_syslog(a, self._table, self._keys.table, self._cells, self._numbers, words, end, max_rows)
            if state[POSITION] >= end or state[ROWS] >= max_rows or not self._keys.learn(a.buf):
                break
        block.extra_keys = self.extra_keys


def syslog_engine(reader: Reader, _head: bytes, _file_name: str, _mapping: object) -> SyslogEngine:
    """The engine of one syslog file."""
    return SyslogEngine(reader)
