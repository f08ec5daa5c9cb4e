"""CSV by a mapping: equal to Python's csv on what RFC 4180 allows; bad records alone are refused."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.delimited.csv_mapping import CsvMapping, csv_reader, read_mapping
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.refusal import (
    AFTER_VALUE,
    BAD_UTF8,
    CONTROL_CHARACTER,
    NUMBER_EXPECTED,
    TOO_FEW_FIELDS,
    TOO_LONG,
    TOO_MANY_FIELDS,
    UNTERMINATED,
)
from haechi.model.block import BAD, POSITION, ROWS, Block
from haechi.model.errors import BadInput, UsageError
from tests.ingest.conftest import Read, read_text

PLAIN = CsvMapping(
    fields={"t": "time", "a": "user", "b": "extra:b", "n": "bytes_out"}, header=False, columns=["t", "a", "b", "n"]
)
READER = csv_reader(PLAIN)


def _mapping(fixtures: Path) -> CsvMapping:
    return read_mapping((fixtures / "csv" / "firewall.toml").read_bytes(), "firewall.toml")


def test_the_fixture(read: Read, fixtures: Path) -> None:
    mapping = _mapping(fixtures)
    one, two = read(csv_reader(mapping), (fixtures / "csv" / "firewall.csv").read_bytes(), mapping=mapping).events
    assert (one["source_type"], one["activity"], one["src_addr"], one["bytes_out"]) == (
        "traffic",
        "flow",
        "192.0.2.7",
        517,
    )
    assert one["duration"] == 1_500_000
    assert dict(one["extra"])["note"] == 'a "quoted" note,\nover two lines'
    assert "bytes_out" not in two


def test_line_ends_and_marks(read: Read, fixtures: Path) -> None:
    mapping = _mapping(fixtures)
    reader = csv_reader(mapping)
    plain = read(reader, (fixtures / "csv" / "firewall.csv").read_bytes(), mapping=mapping).events
    other = read(reader, (fixtures / "csv" / "firewall-crlf-bom.csv").read_bytes(), mapping=mapping).events
    assert [{**row, "extra": 0} for row in other] == [{**row, "extra": 0} for row in plain]
    assert dict(other[0]["extra"])["note"] == 'a "quoted" note,\r\nover two lines'
    assert not read(reader, (fixtures / "csv" / "empty.csv").read_bytes(), mapping=mapping).rows


def test_one_bad_record_leaves_its_neighbours(read: Read, fixtures: Path) -> None:
    mapping = _mapping(fixtures)
    found = read(csv_reader(mapping), (fixtures / "csv" / "one-bad.csv").read_bytes(), mapping=mapping)
    assert len(found.events) == 2
    assert [code for code, _ in found.bad] == [TOO_FEW_FIELDS, UNTERMINATED]
    assert found.bad[1][1].endswith(b'"never closed,1')


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"1,a,b", TOO_FEW_FIELDS),
        (b"1,a,b,1,2", TOO_MANY_FIELDS),
        (b'1,"a"x,b,1', AFTER_VALUE),
        (b'1,"a,b,1', UNTERMINATED),
        (b"1,a\x00,b,1", CONTROL_CHARACTER),
        (b'1,"a\x01",b,1', CONTROL_CHARACTER),
        (b"1,a\rb,b,1", CONTROL_CHARACTER),
        (b"1,\xff,b,1", BAD_UTF8),
        (b"1,a,b,1.5", NUMBER_EXPECTED),
        (b"1,a,b,one", NUMBER_EXPECTED),
    ],
)
def test_refusals_leave_the_neighbours(read: Read, line: bytes, code: int) -> None:
    good = b"1773100800.5,x,y,7\n"
    found = read(READER, good + line + b"\n" + good, mapping=PLAIN)
    assert len(found.events) == 2
    assert [c for c, _ in found.bad] == [code]


_cell = st.text(st.sampled_from('ab"\n\r ,;해\t'), max_size=12)


@given(
    st.lists(st.tuples(_cell, _cell, st.integers(0, 10**17)), max_size=12),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_equals_pythons_csv(rows: list[tuple[str, str, int]], end: str, always: bool) -> None:
    if not always:  # Python's writer leaves a lone CR unquoted, which RFC 4180 doesn't
        rows = [(a.replace("\r", ""), b.replace("\r", ""), n) for a, b, n in rows]
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if always else csv.QUOTE_MINIMAL)
    writer.writerows(("1773100800", a, b, n) for a, b, n in rows)
    text = out.getvalue()
    wanted = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    block = Block(chunk=len(text.encode()) + 1, rows=64)
    found = read_text_rows(text.encode(), block)
    assert [(a, b, int(n)) for _, a, b, n in wanted] == found


def read_text_rows(text: bytes, block: Block) -> list[tuple[str, str, int]]:
    """(a, b, n) of each row; an empty cell is unset."""
    if not text:
        return []
    engine = engine_for(READER, mapping=PLAIN)
    a = block.a
    block.reset(0)
    a.buf[: len(text)] = memoryview(text)
    a.buf[len(text) : len(text) + 128] = 0
    engine.scan(block, len(text), 64)
    assert a.state[POSITION] == len(text)
    columns = {name: column.to_pylist() for name, column in block.columns(int(a.state[ROWS])).items()}
    count = int(a.state[ROWS])
    empty: list[None] = [None] * count
    return [
        (user or "", dict(extra or ()).get("b", ""), n)
        for user, extra, n in zip(
            columns.get("user", empty), columns.get("extra", empty), columns["bytes_out"], strict=True
        )
    ]


_BROKEN = (
    '1773100800,{0},"b",one',  # no number
    '1773100800,{0},"b",1,"five"',
    '1773100800,{0},"b"',
    "1773100800,{0},\udcff,1",  # not UTF-8
    "x,\x01,{0},1",  # a control character, and no time either
    '1773100800,"a"x,{0},1',
)
_lines = st.text(st.sampled_from('ab",\n\r ;해'), max_size=40)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


@given(st.lists(_lines, min_size=1, max_size=6), _lines, st.sampled_from(_BROKEN), st.data())
def test_a_broken_record_is_refused_whole(cells: list[str], cell: str, broken: str, data: st.DataObject) -> None:
    """A quoted cell holds what an attacker sent: lines in it are never records, whatever is wrong before it."""
    good = [f"1773100800,{_quoted(one)},b,{n}" for n, one in enumerate(cells)]
    bad = broken.format(_quoted(f"{cell}\n1773100800,INJECTED,b,9\n"))
    at = data.draw(st.integers(0, len(good)))
    text = "".join(f"{record}\n" for record in [*good[:at], bad, *good[at:]]).encode("utf-8", "surrogateescape")
    found = read_text(READER, text, mapping=PLAIN, rows=2)
    assert [row.get("user", "") for row in found.events] == cells
    assert [raw for _, raw in found.bad] == [bad.encode("utf-8", "surrogateescape")]


def test_a_broken_record_that_the_next_chunk_ends_is_left() -> None:
    good = b"1,a,b,1\n"
    text = good + b'1,a,b,one,"open\n'
    block = Block(chunk=len(text), rows=64)
    block.reset(0)
    block.a.buf[: len(text)] = memoryview(text)
    engine_for(READER, mapping=PLAIN).scan(block, len(text), 64, last=False)
    assert (int(block.a.state[ROWS]), int(block.a.state[BAD]), int(block.a.state[POSITION])) == (1, 0, len(good))


def test_a_record_longer_than_is_kept_is_refused_whole(read: Read) -> None:
    inside = b"1773100800,INJECTED,b,9\n" * 50_000
    good = b"1773100800,x,y,7\n"
    found = read(READER, good + b'1773100800,"' + inside + b'",b,1\n' + good, mapping=PLAIN)
    assert [row["user"] for row in found.events] == ["x", "x"]
    assert [(code, len(raw)) for code, raw in found.bad] == [(TOO_LONG, len(inside) + 17)]


@pytest.mark.parametrize("end", [b"", b'1,"x"y",b,1\n'])
def test_open_quotes_take_no_square_of_time(read: Read, end: bytes) -> None:
    """Each line leaves its quote open, and closes and opens that of the line before: hours, were each gone to its end."""
    found = read(READER, b'1,a","b\n' * 300_000 + end, mapping=PLAIN, rows=4096)
    assert len(found.bad) >= 300_000


def test_an_endless_record_is_not_waited_for() -> None:
    text = b'1,"open\n' + b"1,a,b,1\n" * 500_000
    block = Block(chunk=len(text), rows=64)
    block.reset(0)
    block.a.buf[: len(text)] = memoryview(text)
    engine_for(READER, mapping=PLAIN).scan(block, len(text), 64, last=False)
    assert (int(block.a.state[ROWS]), int(block.a.state[BAD])) == (64, 1)


def test_a_record_that_the_next_chunk_ends_is_left() -> None:
    text = b'1,a,b,1\n1,"open\n'
    block = Block(chunk=len(text), rows=64)
    block.reset(0)
    block.a.buf[: len(text)] = memoryview(text)
    engine = engine_for(READER, mapping=PLAIN)
    engine.scan(block, len(text), 64, last=False)
    assert (int(block.a.state[ROWS]), int(block.a.state[POSITION])) == (1, 8)


@given(st.binary(max_size=300))
def test_no_bytes_break_it(text: bytes) -> None:
    read_text(READER, text, mapping=PLAIN)


def test_a_column_that_the_header_lacks_is_named() -> None:
    mapping = CsvMapping(fields={"Time": "time", "Source": "src_addr"})
    with pytest.raises(BadInput, match=r"f.csv:1 field Source: the header has no such column. It has: Time, Src"):
        engine_for(csv_reader(mapping), head=b"Time,Src\n", file_name="f.csv", mapping=mapping)


def test_no_mapping_says_what_to_give() -> None:
    with pytest.raises(UsageError, match="--mapping"):
        engine_for(READER)
