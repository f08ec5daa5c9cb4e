"""Parties from CSV: what is read, and what is said of what isn't."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats.party_csv import MAX_LINE, PartyRow, parse
from haechi.model.errors import BadInput

HEAD = b"name,country,sector,networks,asns,domains,contact\n"


def read(content: bytes) -> list[PartyRow | BadInput]:
    return list(parse(io.BytesIO(content), "parties.csv"))


def texts(content: bytes) -> list[str]:
    return [str(found) for found in read(content) if isinstance(found, BadInput)]


def test_a_line_is_a_party() -> None:
    fab = '"Formosa, ""Fab""",TW,semiconductor,192.0.2.0/24; 2001:db8::/32 ;,AS64500,臺灣.example,a@b.example\n'
    assert read(HEAD + fab.encode()) == [
        PartyRow(
            line=2,
            single={"name": 'Formosa, "Fab"', "country": "TW", "sector": "semiconductor", "contact": "a@b.example"},
            lists={"networks": ("192.0.2.0/24", "2001:db8::/32"), "asns": ("AS64500",), "domains": ("臺灣.example",)},
        )
    ]


def test_columns_may_come_in_any_order_and_some_be_missing() -> None:
    assert read(b"\xef\xbb\xbfSector, NAME,country\r\nenergy,Grid,KR\r\n\r\n") == [
        PartyRow(line=2, single={"sector": "energy", "name": "Grid", "country": "KR"}, lists={})
    ]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "parties.csv: the file is empty. The first line names the columns: name,country,sector and"),
        (b"name,country\n", "parties.csv:1: the column 'sector' is missing. The first line"),
        (b"name,country,sector,network\n", "parties.csv:1: no column 'network'. The first line"),
        (b"name,country,sector,name\n", "parties.csv:1: the column 'name' stands twice. The first line"),
        (b'name,"country\n', "parties.csv:1: not CSV: unexpected end of data"),
        (b"\x00\x01\x02\n", "parties.csv:1: the line has a NUL byte. Save"),
        (b"PK\x03\x04\xff\xfe\n", "parties.csv:1 "),
    ],
)
def test_a_header_that_is_not_understood_stops_all(content: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        read(content)
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"Grid,KR", "parties.csv:3: the line has 2 cells, the header 7. Quote a cell"),
        (b"Grid,KR,energy,,,,,", "parties.csv:3: the line has 8 cells, the header 7. Quote a cell"),
        (b'"Grid,KR,energy,,,,', "parties.csv:3: not CSV: unexpected end of data. Close every quote"),
        (b'"Grid"x,KR,energy,,,,', "parties.csv:3: not CSV: ',' expected after '\"'. Close every quote"),
        ("電力,KR,energy,,,,".encode("big5"), "parties.csv:3 '\ufffdq\ufffdO"),
        (b"a\0b,TW,energy,,,,", "parties.csv:3: the line has a NUL byte. Save"),
        (b"Grid\rGrid,KR,energy,,,,", "parties.csv:3: not CSV: "),
        (b"x" * (MAX_LINE + 2), f"parties.csv:3: the line is longer than {MAX_LINE} bytes. Split"),
        (b"x" * (MAX_LINE * 3), f"parties.csv:3: the line is longer than {MAX_LINE} bytes. Split"),
    ],
)
def test_good_lines_around_a_bad_one_go_through(line: bytes, reason: str) -> None:
    good = b"Fab,TW,semiconductor,,,,\n"
    content = HEAD + good + line + b"\n" + good
    assert [found.line for found in read(content) if isinstance(found, PartyRow)] == [2, 4]
    [said] = texts(content)
    assert said.startswith(reason)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    lines = [line for line in content.split(b"\n") if line.strip()]
    assert len(read(HEAD + content)) == len(lines)
