"""Tables as plain text, aligned by what a terminal shows: a Han or Hangul character takes two cells."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "right"]


@dataclass(frozen=True, slots=True)
class Heading:
    """A column's heading and side; numbers go right."""

    title: str
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class Table:
    """Headings and rows of text; a row has one cell a heading."""

    headings: tuple[Heading, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headings):
                raise ValueError(f"a row of {len(row)} cells under {len(self.headings)} headings: {row!r}")


def make(
    headings: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = (), title: str = ""
) -> Table:
    """A table of anything printable; None shows as an empty cell. `right` names the headings that go right."""
    return Table(
        headings=tuple(Heading(h, "right" if h in right else "left") for h in headings),
        rows=tuple(tuple("" if cell is None else printable(str(cell)) for cell in row) for row in rows),
        title=title,
    )


def printable(value: str) -> str:
    r"""The text with control characters shown as escapes, so that a value from outside can't drive a terminal.

    >>> printable("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if value.isprintable():
        return value
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in value)


def cells(value: str) -> int:
    """How many terminal cells a text takes (Unicode Standard Annex 11: wide and fullwidth take two, marks none).

    >>> cells("해치"), cells("haechi"), cells("é")
    (4, 6, 1)
    """
    if value.isascii():
        return len(value)
    return sum(_cell(c) for c in value)


def _cell(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Cf", "Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pad(value: str, width: int, align: Align = "left") -> str:
    """The text filled with blanks to `width` cells."""
    blanks = " " * (width - cells(value))
    return blanks + value if align == "right" else value + blanks


def render(table: Table) -> str:
    """The table as lines: title, headings, a rule, rows; two blanks between columns, none at a line's end."""
    widths = [max([cells(h.title), *(cells(row[i]) for row in table.rows)]) for i, h in enumerate(table.headings)]
    lines = [table.title] if table.title else []
    lines.append(_line(table, [h.title for h in table.headings], widths))
    lines.append("  ".join("-" * width for width in widths))
    lines += [_line(table, row, widths) for row in table.rows]
    return "\n".join(lines)


def _line(table: Table, row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [pad(cell, width, h.align) for cell, width, h in zip(row, widths, table.headings, strict=True)]
    return "  ".join(padded).rstrip()
