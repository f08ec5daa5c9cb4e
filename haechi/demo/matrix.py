"""Log lines by the million: a line is a row of a byte matrix, a field is a slice of its columns.

Short fields leave NUL bytes, which are squeezed out when the block is written: no log format holds a NUL. Filling a
slice is one gather from a table of ready texts, so nothing is formatted line by line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Bytes: TypeAlias = NDArray[np.uint8]
Ints: TypeAlias = NDArray[np.int64]
Rows: TypeAlias = Mapping[str, Ints]  # slot -> one int a row: an index into the slot's table, or a number
Tables: TypeAlias = Mapping[str, Bytes]  # name -> one text a row, filled up with NUL

_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def table(texts: Iterable[bytes]) -> Bytes:
    """The texts as a (number, longest) byte matrix.

    >>> table([b"a", b"bcd"]).shape
    (2, 3)
    """
    array = np.array(list(texts) or [b""], dtype=np.bytes_)
    return array.view(np.uint8).reshape(len(array), max(array.dtype.itemsize, 1))


def decimals(width: int) -> Bytes:
    """The table of all numbers of `width` digits, with leading zeros."""
    numbers = np.arange(10**width, dtype=np.int64)
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    digits: Bytes = (numbers[:, None] // powers % 10 + ord("0")).astype(np.uint8)
    return digits


class Part(Protocol):
    """One piece of a line: needs a slot of the row, fills columns."""

    @property
    def slot(self) -> str: ...

    def width(self, tables: Tables, /) -> int: ...

    def fill(self, out: Bytes, rows: Rows, tables: Tables, /) -> None: ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text from the table `name` (by default the slot's own), chosen by the slot's index."""

    slot: str
    name: str = ""

    def width(self, tables: Tables, /) -> int:
        return int(tables[self.name or self.slot].shape[1])

    def fill(self, out: Bytes, rows: Rows, tables: Tables, /) -> None:
        out[:] = tables[self.name or self.slot].take(rows[self.slot], axis=0)


@dataclass(frozen=True, slots=True)
class Number:
    """A number of at most `digits` digits; `padded` keeps leading zeros."""

    slot: str
    digits: int
    padded: bool = False

    def width(self, _tables: Tables, /) -> int:
        return self.digits

    def fill(self, out: Bytes, rows: Rows, _tables: Tables, /) -> None:
        value = rows[self.slot]
        for column in range(self.digits - 1, -1, -1):
            rest = value // 10
            digit = (value - rest * 10 + ord("0")).astype(np.uint8)
            if not self.padded and column < self.digits - 1:
                digit[value == 0] = 0
            out[:, column] = digit
            value = rest


@dataclass(frozen=True, slots=True)
class Token:
    """`length` letters and digits made from the slot's number: connection ids."""

    slot: str
    length: int

    def width(self, _tables: Tables, /) -> int:
        return self.length

    def fill(self, out: Bytes, rows: Rows, _tables: Tables, /) -> None:
        value = rows[self.slot].astype(np.uint64)
        for column in range(self.length):
            if column == 10:  # 62^10 nearly uses up 63 bits: stir and go on
                value = rows[self.slot].astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
            out[:, column] = _ALPHABET[(value % np.uint64(62)).astype(np.int64)]
            value = value // np.uint64(62)


@dataclass(frozen=True, slots=True)
class Hex:
    """The slot's lowest 4 x `length` bits in lower-case hexadecimal, with leading zeros; `length` at most 16."""

    slot: str
    length: int

    def width(self, _tables: Tables, /) -> int:
        return self.length

    def fill(self, out: Bytes, rows: Rows, _tables: Tables, /) -> None:
        value = rows[self.slot]
        for column in range(self.length):
            out[:, column] = _HEX[(value >> 4 * (self.length - 1 - column)) & 15]


@dataclass(frozen=True, slots=True)
class Second:
    """The second of the day that the slot's microseconds lie in, as a text of the table `name` (86,400 rows)."""

    slot: str
    name: str

    def width(self, tables: Tables, /) -> int:
        return int(tables[self.name].shape[1])

    def fill(self, out: Bytes, rows: Rows, tables: Tables, /) -> None:
        out[:] = tables[self.name].take(rows[self.slot] // 1_000_000, axis=0)


@dataclass(frozen=True, slots=True)
class Fraction:
    """The fraction of the second in the slot's microseconds, 3 or 6 digits."""

    slot: str
    digits: int = 6

    def width(self, _tables: Tables, /) -> int:
        return self.digits

    def fill(self, out: Bytes, rows: Rows, tables: Tables, /) -> None:
        thousand = tables["thousand"]
        micros = rows[self.slot] % 1_000_000
        out[:, :3] = thousand.take(micros // 1000, axis=0)
        if self.digits == 6:
            out[:, 3:] = thousand.take(micros % 1000, axis=0)


Layout: TypeAlias = Sequence["bytes | Part"]


def slots(layout: Layout) -> tuple[str, ...]:
    """The slots a layout needs, each once, in order."""
    return tuple(dict.fromkeys(part.slot for part in layout if not isinstance(part, bytes)))


def width(layout: Layout, tables: Tables) -> int:
    """The longest line of a layout, in bytes."""
    return sum(len(part) if isinstance(part, bytes) else part.width(tables) for part in layout)


def render(layout: Layout, rows: Rows, tables: Tables, out: Bytes) -> None:
    """Fills `out` (rows, at least the layout's width); columns beyond stay as they are."""
    at = 0
    for part in layout:
        if isinstance(part, bytes):
            out[:, at : at + len(part)] = np.frombuffer(part, np.uint8)
            at += len(part)
        else:
            step = part.width(tables)
            part.fill(out[:, at : at + step], rows, tables)
            at += step


def squeeze(matrix: Bytes) -> bytes:
    """The matrix's bytes in row order without the NULs."""
    return matrix.tobytes().translate(None, b"\0")
