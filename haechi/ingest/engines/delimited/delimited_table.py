"""Columns by name as the table that the delimited scanner works by, and Zeek's header lines."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from haechi.ingest.engines.constants import Constants, meaning_of
from haechi.ingest.engines.delimited.delimited_kernel import AS_BOOL, ColumnTable, scan_delimited
from haechi.ingest.engines.json.json_kernel import AS_EXTRA, AS_ITEM, AS_NUMBER, AS_TEXT, UNWANTED
from haechi.ingest.reader import Field, Reader
from haechi.ingest.readers.zeek import fields_of
from haechi.model.block import BLANK, LINES, POSITION, ROWS, Block, L, N, T

LONGEST_HEADER = (
    64  # columns' names of one log come to a few kilobytes; more than this many thousand bytes is no header
)
LONGEST_LOG_NAME = 64  # bytes of `#path` that are kept: every row carries them; Zeek's longest is of twenty


@dataclass(slots=True)
class ExtraKeys:
    """The names of `extra` cells by number: they grow as columns are met and never change."""

    numbers: dict[str, int] = field(default_factory=dict)
    _array: pa.StringArray | None = None

    def number(self, name: str) -> int:
        """The number of a name, a new one if need be."""
        return self.numbers.setdefault(name, len(self.numbers))

    def array(self) -> pa.StringArray:
        """The names in the order of their numbers."""
        if self._array is None or len(self._array) != len(self.numbers):
            self._array = pa.array(list(self.numbers), pa.string())
        return self._array


def place(to: str, keys: ExtraKeys) -> tuple[int, int]:
    """(kind, target) of a slot's name."""
    if to.startswith("extra:"):
        return AS_EXTRA, keys.number(to.removeprefix("extra:"))
    if to in T:
        return AS_TEXT, T[to]
    return (AS_NUMBER, N[to]) if to in N else (AS_ITEM, L[to])


def column_table(
    names: Sequence[str],
    fields: Iterable[Field],
    keys: ExtraKeys,
    *,
    separator: bytes,
    mark: bytes,
    unset: Sequence[bytes],
    types: Sequence[str] = (),
    element: bytes = b",",
    comments: bool = False,
) -> ColumnTable:
    """The table of columns `names`, of which `fields` says where they go; `types` are Zeek's."""
    wanted = {f.path: f for f in fields}
    kind, target, scale, is_set = [], [], [], []
    for number, name in enumerate(names):
        zeek_type = types[number] if number < len(types) else ""
        found = wanted.get(name)
        if found is None:
            kind.append(UNWANTED)
            target.append(0)
        else:
            which, where = place(found.to, keys)
            kind.append(AS_BOOL if which == AS_EXTRA and zeek_type == "bool" else which)
            target.append(where)
        scale.append(found.scale if found else 1)
        is_set.append(zeek_type.startswith(("set[", "vector[", "table[")))
    return ColumnTable(
        separator=np.uint8(separator[0]),
        mark=np.uint8(mark[0]),
        comments=comments,
        element=np.uint8(element[0]),
        unset=np.array([int.from_bytes(text.ljust(8, b"\0"), "little") for text in unset], np.uint64),
        unset_length=np.array([len(text) for text in unset], np.int64),
        kind=np.array(kind, np.uint8),
        target=np.array(target, np.int16),
        scale=np.array(scale, np.int64),
        is_set=np.array(is_set, np.bool_),
    )


def _unescape(text: bytes) -> bytes:
    return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes([int(found[1], 16)]), text)


class ZeekEngine:
    """Zeek TSV: each header in the file sets the columns of what follows."""

    multiline = False
    header_mark = b"#fields"

    def __init__(self, reader: Reader, file_name: str = "") -> None:
        self.meaning = meaning_of(reader)
        self._keys = ExtraKeys()
        self._said: dict[bytes, list[bytes]] = {}
        self._separator = b"\t"
        self.mark_blanked = False  # the feed puts three spaces in place of a byte order mark
        self._stem = re.split(r"[.\-]", file_name.rpartition("/")[2])[0]
        self._set_columns()

    @property
    def extra_keys(self) -> pa.StringArray:
        """See Engine."""
        return self._keys.array()

    def take_header(self, text: bytes) -> None:
        """See Engine."""
        for line in text.split(b"\n"):
            self._take(line.rstrip(b"\r"))
        self._set_columns()

    def scan(self, block: Block, end: int, max_rows: int, *, last: bool = True) -> None:
        """See Engine."""
        state = block.a.state
        if self.mark_blanked and state[POSITION] == 0 and block.a.buf[:3].tobytes() == b"   ":
            state[POSITION] = 3
        while True:
            first, position = int(state[ROWS]), int(state[POSITION])
            scan_delimited(block.a, self._table, end, max_rows, last)
            self._constants.fill(block, first)
            if int(state[POSITION]) >= end or int(state[ROWS]) >= max_rows or not self._header(block, end):
                break
            if int(state[POSITION]) == position:
                break
        block.extra_keys = self.extra_keys

    def _header(self, block: Block, end: int) -> bool:
        """Take the comment lines at state[POSITION]; False if there is none."""
        buf, state = block.a.buf, block.a.state
        at = int(state[POSITION])
        if buf[at] != ord("#"):
            return False
        changed = False
        while at < end and buf[at] == ord("#"):
            behind = at
            step = 4096
            while True:
                newlines = np.flatnonzero(buf[behind : min(behind + step, end)] == ord("\n"))
                if newlines.size:
                    behind += int(newlines[0])
                    break
                behind += step
            changed |= self._take(buf[at:behind].tobytes().rstrip(b"\r"))
            at = behind + 1
            state[LINES] += 1
            state[BLANK] += 1
        state[POSITION] = at
        if changed:
            self._set_columns()
        return True

    def _take(self, line: bytes) -> bool:
        """Remember a header line; True if it says something of the columns."""
        line = line.removeprefix(b"\xef\xbb\xbf")
        if len(line) > LONGEST_HEADER * 1024 or not line.startswith(b"#"):
            return False
        if line.startswith(b"#separator"):
            # The one line that is separated by a space, for it is the one that says the separator.
            self._separator = _unescape(line.removeprefix(b"#separator").strip(b" "))[:1] or b"\t"
            self._said.clear()
            return True
        name, *values = line.split(self._separator)
        if name not in {b"#fields", b"#types", b"#path", b"#unset_field", b"#empty_field", b"#set_separator"}:
            return False
        self._said[name] = values
        return True

    def _value(self, name: bytes, default: bytes) -> bytes:
        values = self._said.get(name)
        return values[0] if values and values[0] else default

    def _set_columns(self) -> None:
        log = self._value(b"#path", self._stem.encode())[:LONGEST_LOG_NAME].decode("utf-8", "replace")
        unset = (self._value(b"#unset_field", b"-"), self._value(b"#empty_field", b"(empty)"))
        self._table = column_table(
            [name.decode("utf-8", "replace") for name in self._said.get(b"#fields", ())],
            fields_of(log or "zeek"),
            self._keys,
            separator=self._separator,
            mark=b"\\",
            unset=[text for text in unset if len(text) <= 8],
            types=[kind.decode("utf-8", "replace") for kind in self._said.get(b"#types", ())],
            element=_unescape(self._value(b"#set_separator", b","))[:1],
            comments=True,
        )
        self._constants = Constants({"source_type": log or "zeek"})


def zeek_engine(reader: Reader, head: bytes, file_name: str, _mapping: Mapping[str, object] | None) -> ZeekEngine:
    """The engine of one Zeek log; its columns are those of the header that the input begins with."""
    engine = ZeekEngine(reader, file_name)
    engine.mark_blanked = head.startswith(b"\xef\xbb\xbf")
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n")[:-1]
    header = lines[: next((k for k, line in enumerate(lines) if not line.startswith(b"#")), len(lines))]
    engine.take_header(b"\n".join(header))
    return engine
