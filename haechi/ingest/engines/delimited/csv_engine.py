"""CSV by a mapping file: the columns are named by the first line or by the mapping."""

import csv
import io
from pathlib import Path

import pyarrow as pa

from haechi.ingest.engines.constants import Constants, meaning_of
from haechi.ingest.engines.delimited.csv_mapping import CsvMapping, load_mapping
from haechi.ingest.engines.delimited.delimited_kernel import scan_delimited
from haechi.ingest.engines.delimited.delimited_table import ExtraKeys, column_table
from haechi.ingest.reader import Reader
from haechi.model.block import BLANK, LINES, POSITION, ROWS, Block
from haechi.model.errors import BadInput, UsageError
from haechi.model.location import Location

_MARK = b"\xef\xbb\xbf"


class CsvEngine:
    """RFC 4180 records; a quoted field may hold line breaks, so a record may span lines (up to 1 MiB)."""

    multiline = True
    header_mark = b""

    def __init__(self, reader: Reader, mapping: CsvMapping, head: bytes = b"", file_name: str = "") -> None:
        self.meaning = meaning_of(reader)
        self._constants = Constants(reader.constants)
        self._keys = ExtraKeys()
        self._header = b""
        self._had_mark = head.startswith(_MARK)
        names = mapping.columns
        if mapping.header:
            names, self._header = _first_record(head.removeprefix(_MARK), mapping)
            _check_columns(names, mapping, file_name)
        self._table = column_table(
            names,
            reader.fields,
            self._keys,
            separator=mapping.separator.encode(),
            mark=mapping.quote.encode(),
            unset=[text.encode() for text in mapping.unset],
        )

    @property
    def extra_keys(self) -> pa.StringArray:
        """See Engine."""
        return self._keys.array()

    def take_header(self, text: bytes) -> None:
        """The columns are those of the input's first line throughout."""

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:
        """See Engine."""
        a, state = block.a, block.a.state
        if state[POSITION] == 0:
            self._pass_header(block)
        first = int(state[ROWS])
        scan_delimited(a, self._table, end, max_rows, last)
        self._constants.fill(block, first)
        block.extra_keys = self.extra_keys

    def _pass_header(self, block: Block) -> None:
        """Leave out the header where it stands at the beginning, behind a byte order mark or the spaces put in its place."""
        buf, state, size = block.a.buf, block.a.state, len(self._header)
        begin = 3 if self._had_mark and buf[:3].tobytes() in {_MARK, b"   "} else 0
        if size and buf[begin : begin + size].tobytes() == self._header:
            begin += size
            lines = self._header.count(b"\n")
            state[LINES] += lines
            state[BLANK] += lines
        state[POSITION] = begin


def _first_record(head: bytes, mapping: CsvMapping) -> tuple[list[str], bytes]:
    """The header's names and its bytes up to and with the line break."""
    stream = io.StringIO(head.decode("utf-8", "replace"), newline="")
    record = next(csv.reader(stream, delimiter=mapping.separator, quotechar=mapping.quote), [])
    if not record:
        return [], b""
    # Line breaks inside quotes: as many lines as the reader took.
    lines = head.split(b"\n")
    taken = stream.getvalue()[: stream.tell()].count("\n")
    text = b"\n".join(lines[: max(taken, 1)]) + b"\n"
    return [name.strip() for name in record], text


def _check_columns(names: list[str], mapping: CsvMapping, file_name: str) -> None:
    for column, target in mapping.targets().items():
        if column not in names and not target.optional and names:
            place = Location(path=file_name, line=1, field=column)
            raise BadInput("mapping.no_column", location=place, names=", ".join(names))


def csv_engine(reader: Reader, head: bytes, file_name: str, mapping: CsvMapping | Path | None) -> CsvEngine:
    """The engine of one CSV file."""
    if mapping is None:
        raise UsageError("mapping.missing")
    found = load_mapping(mapping) if isinstance(mapping, Path) else mapping
    return CsvEngine(reader, found, head, file_name)
