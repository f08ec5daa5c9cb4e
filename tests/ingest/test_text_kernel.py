"""Small kernels against Python's own: views, UTF-8, escapes, numbers."""

import json
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest import text_kernel
from haechi.ingest.refusal import BAD_ESCAPE, NUMBER_EXPECTED, NUMBER_RANGE, OK
from haechi.model.block import ARENA, L, T
from haechi.model.block import Block as EventBlock
from haechi.model.jit import Num, kernel


@kernel
def _utf8(buf: Num, n: Num) -> Num:
    return text_kernel.utf8_valid(buf, 0, n), text_kernel.ascii_only(buf, 0, n)


@kernel
def _unescape(buf: Num, state: Num, begin: Num, end: Num) -> Num:
    return text_kernel.unescape(buf, state, begin, end)


@kernel
def _number(buf: Num, begin: Num, end: Num, scale: Num) -> Num:
    return text_kernel.parse_number(buf, begin, end, scale)


@kernel
def _set(a: Num, slot: Num, row: Num, begin: Num, n: Num) -> None:
    text_kernel.set_text(a.text, a.start, a.valid, a.buf, slot, row, begin, n)


@kernel
def _add(a: Num, which: Num, row: Num, begin: Num, n: Num, key: Num) -> Num:
    return text_kernel.add_item(a.item, a.item_start, a.item_row, a.item_key, a.state, a.buf, which, row, begin, n, key)


def _buffer(data: bytes) -> "np.ndarray[tuple[int], np.dtype[np.uint8]]":
    return np.frombuffer(data + bytes(128), np.uint8).copy()


@given(st.binary(max_size=40) | st.text(max_size=20).map(lambda t: t.encode()))
def test_utf8_as_python_decodes_it(data: bytes) -> None:
    valid, plain = _utf8(_buffer(data), len(data))
    try:
        data.decode()
        expected = True
    except UnicodeDecodeError:
        expected = False
    assert bool(valid) == expected
    assert bool(plain) == data.isascii()


@given(st.text(max_size=30), st.booleans())
def test_escapes_as_json_decodes_them(text: str, only_ascii: bool) -> None:
    written = json.dumps(text, ensure_ascii=only_ascii)[1:-1]
    if "\\" not in written or any(0xD800 <= ord(c) <= 0xDFFF for c in text):
        return
    block = EventBlock(chunk=1024, rows=64)
    data = written.encode()
    block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
    block.reset(0)
    code, begin, n = _unescape(block.a.buf, block.a.state, 0, len(data))
    assert code == OK
    assert bytes(block.a.buf[begin : begin + n]).decode() == text
    assert block.a.state[ARENA] == begin + n


@pytest.mark.parametrize("bad", [r"\x41", r"\u12", r"\ud800", r"\ud800\u0041", r"\udc00", r"\uzzzz"])
def test_a_bad_escape_is_refused(bad: str) -> None:
    block = EventBlock(chunk=1024, rows=64)
    data = bad.encode()
    block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
    block.reset(0)
    assert _unescape(block.a.buf, block.a.state, 0, len(data))[0] == BAD_ESCAPE


@given(st.integers(-(10**17), 10**17))
def test_whole_numbers(value: int) -> None:
    data = str(value).encode()
    assert _number(_buffer(data), 0, len(data), 1) == (OK, value)


@given(st.decimals(0, 100_000, places=9))
def test_seconds_as_microseconds_within_one(value: Decimal) -> None:
    data = f"{value:f}".encode()
    code, found = _number(_buffer(data), 0, len(data), 1_000_000)
    assert code == OK
    assert abs(found - int((value * 1_000_000).to_integral_value(ROUND_HALF_UP))) <= 1


@pytest.mark.parametrize(
    ("text", "scale", "expected"),
    [
        ("9.5e-05", 1_000_000, (OK, 95)),
        ("1E3", 1, (OK, 1000)),
        ("2.0", 1, (OK, 2)),
        ("2.5", 1, (NUMBER_EXPECTED, 0)),
        ("", 1, (NUMBER_EXPECTED, 0)),
        ("-", 1, (NUMBER_EXPECTED, 0)),
        ("1e", 1, (NUMBER_EXPECTED, 0)),
        ("12x", 1, (NUMBER_EXPECTED, 0)),
        ("1e400", 1, (NUMBER_RANGE, 0)),
        ("99999999999999999999", 1, (NUMBER_RANGE, 0)),
    ],
)
def test_numbers_at_the_edge(text: str, scale: int, expected: tuple[int, int]) -> None:
    assert _number(_buffer(text.encode()), 0, len(text), scale) == expected


@given(st.lists(st.text(min_size=1, max_size=30).filter(lambda t: "\0" not in t), min_size=1, max_size=20))
def test_views_are_arrows(texts: list[str]) -> None:
    block = EventBlock(chunk=4096, rows=64)
    block.reset(0)
    at = 0
    for row, text in enumerate(texts):
        data = text.encode()
        block.a.buf[at : at + len(data)] = np.frombuffer(data, np.uint8)
        _set(block.a, T["domain"], row, at, len(data))
        assert _add(block.a, L["answers"], row, at, len(data), 0)
        at += len(data)
    columns = block.columns(len(texts))
    columns["domain"].validate(full=True)
    assert columns["domain"].cast(pa.string()).to_pylist() == texts
    assert columns["answers"].to_pylist() == [[text] for text in texts]
