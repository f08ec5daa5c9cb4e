"""Parties from CSV: one party a line, UTF-8, header first, `;` between several networks, ASNs or domains in a cell.

    name,country,sector,networks,asns,domains,contact
    Formosa Fab,TW,semiconductor,192.0.2.0/24;2001:db8::/32,AS64500,fab.example,csirt@fab.example

`name`, `country` and `sector` must be there; the others may, in any order. RFC 4180 quoting, but no cell spans lines:
so an unclosed quote spoils one party and not all that follow.
"""

import csv
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from haechi.model.errors import BadInput
from haechi.model.location import Location

SINGLE: Final = ("name", "country", "sector", "contact")
LISTS: Final = ("networks", "asns", "domains")
REQUIRED: Final = ("name", "country", "sector")
MAX_LINE: Final = 1_048_576  # bytes

_BOM: Final = b"\xef\xbb\xbf"


class PartyRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line: the columns that the file has, single ones as text, lists as tuples, not yet in normal form."""

    line: int
    single: dict[str, str]
    lists: dict[str, tuple[str, ...]]


def parse(file: BinaryIO, path: str) -> Iterator[PartyRow | BadInput]:
    """The parties in the file, a refusal in the place of each line that can't be read.

    Raises `BadInput` where the header can't be understood: then no line can.
    """
    columns: list[str] | None = None
    for number, raw in _lines(file):
        location = Location(path=path, line=number)
        try:
            cells = _cells(raw, location)
            if columns is None:
                columns = _header(cells, location)
                continue
            yield _row(columns, cells, location)
        except BadInput as error:
            if columns is None:
                raise
            yield error
    if columns is None:
        raise BadInput("the file is empty", location=Location(path=path), advice=_columns_wanted())


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Number and bytes of each line that isn't blank; of an overlong one just more than is allowed."""
    number = 0
    while line := file.readline(MAX_LINE + 1):
        number += 1
        rest = line
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE)):
            pass
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield number, line


def _cells(raw: bytes, location: Location) -> list[str]:
    if len(raw) > MAX_LINE:
        raise BadInput(f"the line is longer than {MAX_LINE} bytes", location=location, advice="Split the party in two")
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        value = raw[error.start : error.start + 8].decode(errors="replace")
        raise BadInput(
            "not UTF-8", location=msgspec.structs.replace(location, value=value), advice="Save the file as UTF-8"
        ) from error
    if "\0" in text:
        raise BadInput("the line has a NUL byte", location=location, advice="Save the file as text")
    try:
        [cells] = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:  # ValueError: a carriage return amid the line makes two records
        advice = "Close every quote on its line and double quotes inside a cell"
        raise BadInput(f"not CSV: {error}", location=location, advice=advice) from error
    return [cell.strip() for cell in cells]


def _header(cells: list[str], location: Location) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for column in columns:
        if column not in SINGLE + LISTS or columns.count(column) > 1:
            reason = f"the column {column!r} stands twice" if column in SINGLE + LISTS else f"no column {column!r}"
            raise BadInput(reason, location=location, advice=_columns_wanted())
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise BadInput(f"the column {missing[0]!r} is missing", location=location, advice=_columns_wanted())
    return columns


def _columns_wanted() -> str:
    return f"The first line names the columns: {','.join(REQUIRED)} and, where wanted, {','.join(LISTS)},contact"


def _row(columns: list[str], cells: list[str], location: Location) -> PartyRow:
    if len(cells) != len(columns):
        raise BadInput(
            f"the line has {len(cells)} cells, the header {len(columns)}",
            location=location,
            advice="Quote a cell that has a comma in it; separate several networks by ';'",
        )
    assert location.line is not None
    found = dict(zip(columns, cells, strict=True))
    return PartyRow(
        line=location.line,
        single={name: cell for name, cell in found.items() if name in SINGLE},
        lists={name: _several(cell) for name, cell in found.items() if name in LISTS},
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in cell.split(";") if one.strip())
