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

from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput
from haechi.model.location import Location

SINGLE: Final = ("name", "country", "sector", "contact")
LISTS: Final = ("networks", "asns", "domains")
REQUIRED: Final = ("name", "country", "sector")
MAX_LINE: Final = 1_048_576  # bytes

_BOM: Final = b"\xef\xbb\xbf"
_WANTED: Final = Message("party_csv.columns", {"required": ",".join(REQUIRED), "others": ",".join((*LISTS, "contact"))})


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
        raise BadInput("party_csv.empty", location=Location(path=path), wanted=_WANTED)


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
        raise BadInput("party_csv.long_line", location=location, most=MAX_LINE)
    try:
        text = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError as error:
        value = raw[error.start : error.start + 8].decode(errors="replace")
        raise BadInput("party_csv.not_utf_8", location=msgspec.structs.replace(location, value=value)) from error
    if "\0" in text:
        raise BadInput("party_csv.nul", location=location)
    try:
        [cells] = csv.reader([text], strict=True)
    except (csv.Error, ValueError) as error:  # ValueError: a carriage return amid the line makes two records
        raise BadInput("party_csv.quotes", location=location, cause=str(error)) from error
    return [cell.strip() for cell in cells]


def _header(cells: list[str], location: Location) -> list[str]:
    columns = [cell.lower() for cell in cells]
    for column in columns:
        if column not in SINGLE + LISTS:
            raise BadInput("party_csv.no_column", location=location, name=column, wanted=_WANTED)
        if columns.count(column) > 1:
            raise BadInput("party_csv.column_twice", location=location, name=column, wanted=_WANTED)
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        raise BadInput("party_csv.column_missing", location=location, name=missing[0], wanted=_WANTED)
    return columns


def _row(columns: list[str], cells: list[str], location: Location) -> PartyRow:
    if len(cells) != len(columns):
        raise BadInput("party_csv.cells", location=location, cells=len(cells), columns=len(columns))
    assert location.line is not None
    found = dict(zip(columns, cells, strict=True))
    return PartyRow(
        line=location.line,
        single={name: cell for name, cell in found.items() if name in SINGLE},
        lists={name: _several(cell) for name, cell in found.items() if name in LISTS},
    )


def _several(cell: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in cell.split(";") if one.strip())
