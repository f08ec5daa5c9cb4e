"""Access logs of web servers."""

import numpy as np
import pyarrow as pa

from haechi.ingest.engines.constants import Constants, meaning_of
from haechi.ingest.engines.text.access_kernel import scan_access
from haechi.ingest.engines.text.cell_kernel import MOST_CELLS
from haechi.ingest.reader import Reader
from haechi.model.block import ROWS, Block


class AccessEngine:
    """One access log."""

    multiline = False
    header_mark = b""

    def __init__(self, reader: Reader) -> None:
        self.meaning = meaning_of(reader)
        self.extra_keys: pa.StringArray = pa.array(["src_host", "request", "referrer"], pa.string())
        self._constants = Constants(reader.constants)
        self._numbers = np.arange(3)
        self._cells = np.zeros((MOST_CELLS, 3), np.int64)

    def take_header(self, text: bytes) -> None:
        """An access log has no header."""

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:  # noqa: ARG002 (as Engine)
        """See Engine."""
        first = int(block.a.state[ROWS])
        scan_access(block.a, self._cells, self._numbers, end, max_rows)
        self._constants.fill(block, first)
        block.extra_keys = self.extra_keys


def access_engine(reader: Reader, _head: bytes, _file_name: str, _mapping: object) -> AccessEngine:
    """The engine of one access log."""
    return AccessEngine(reader)
