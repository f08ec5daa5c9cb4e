"""What runs a reader: an engine fills a block's rows from the bytes of one input.

Order of work for a caller: `engine_for` with the input's first bytes, then for each chunk `scan` until `state[POSITION]`
reaches the chunk's end, and after each scan `finish_rows` with the engine's `meaning`. A scan may stop early, with
fewer rows than asked for (the block's lists are full, the input's columns change): call it again after `block.reset`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import pyarrow as pa

from haechi.ingest.engines.constants import Constants, meaning_of
from haechi.ingest.engines.delimited.csv_engine import csv_engine
from haechi.ingest.engines.delimited.delimited_table import zeek_engine
from haechi.ingest.engines.json.json_kernel import scan_json
from haechi.ingest.engines.json.json_table import json_table
from haechi.ingest.engines.text.access_engine import access_engine
from haechi.ingest.engines.text.cef_engine import cef_engine
from haechi.ingest.engines.text.syslog_engine import syslog_engine
from haechi.ingest.normal_forms.finish_kernel import Meaning
from haechi.ingest.reader import Reader
from haechi.model.block import ROWS, Block

HEAD = 65536  # bytes of an input that `engine_for` and the readers' `recognise` look at, at most


class Engine(Protocol):
    """One input's scanner. Not shared between threads: it may learn columns and keys as it goes."""

    meaning: Meaning
    multiline: bool  # a record may span lines: chunks are read in order, what `scan` leaves is carried into the next
    header_mark: bytes  # a line beginning so changes the columns: a range starts with `take_header`; b"": none does

    @property
    def extra_keys(self) -> pa.StringArray:
        """The names of the `extra` keys by number; grows, never changes. `scan` gives it to the block."""
        ...

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:
        """Scan from state[POSITION] to at most `end` (buf[end - 1] is a newline) or until `max_rows` rows stand.

        With `last` false an unfinished record at the end is left for the next chunk (only where `multiline`).
        """
        ...

    def take_header(self, text: bytes) -> None:
        """Take the columns from header lines that stood earlier in the input than the range to be scanned."""
        ...


class JsonEngine:
    """JSON lines by a reader's paths."""

    multiline = False
    header_mark = b""

    def __init__(self, reader: Reader, constants: Mapping[str, str]) -> None:
        self.meaning = meaning_of(reader)
        self.extra_keys: pa.StringArray
        self._table, self.extra_keys = json_table(reader)
        self._constants = Constants(constants)

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:  # noqa: ARG002 (as Engine)
        """See Engine."""
        first = int(block.a.state[ROWS])
        scan_json(block.a, self._table, end, max_rows)
        self._constants.fill(block, first)
        block.extra_keys = self.extra_keys

    def take_header(self, text: bytes) -> None:
        """JSON has no header."""


def _json(reader: Reader, head: bytes, file_name: str, _mapping: Any) -> Engine:
    if reader.settle is not None:
        reader = reader.settle(reader, head, file_name)
    return JsonEngine(reader, reader.constants)


_ENGINES: dict[str, Callable[[Reader, bytes, str, Any], Engine]] = {
    "json": _json,
    "zeek": zeek_engine,
    "csv": csv_engine,
    "syslog": syslog_engine,
    "cef": cef_engine,
    "access": access_engine,
}


def engine_for(reader: Reader, *, head: bytes = b"", file_name: str = "", mapping: Any = None) -> Engine:
    """The engine of one input. `head` is its first bytes, decompressed, also when reading goes on in the middle."""
    return _ENGINES[reader.engine](reader, head, file_name, mapping)
