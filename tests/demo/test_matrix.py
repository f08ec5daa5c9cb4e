"""Byte matrices against Python's own formatting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.demo.matrix import (
    Fraction,
    Hex,
    Number,
    Second,
    Text,
    Token,
    decimals,
    render,
    slots,
    squeeze,
    table,
    width,
)


def _line(layout, rows, tables=None):
    tables = {"thousand": decimals(3), **(tables or {})}
    arrays = {slot: np.array(values, np.int64) for slot, values in rows.items()}
    out = np.zeros((len(next(iter(arrays.values()))), width(layout, tables)), np.uint8)
    render(layout, arrays, tables, out)
    return squeeze(out)


@given(st.lists(st.integers(0, 10**9 - 1), min_size=1, max_size=20))
def test_numbers_are_written_as_python_writes_them(numbers):
    assert _line((Number("n", 9), b"\n"), {"n": numbers}) == b"".join(b"%d\n" % n for n in numbers)


@given(st.lists(st.integers(0, 999_999), min_size=1, max_size=20))
def test_padded_numbers_fractions_and_hexadecimals(numbers):
    layout = (Number("n", 6, padded=True), b" ", Fraction("n"), b" ", Fraction("n", 3), b" ", Hex("n", 5), b"\n")
    want = b"".join(b"%06d %06d %03d %05x\n" % (n, n, n // 1000, n) for n in numbers)
    assert _line(layout, {"n": numbers}) == want


def test_texts_come_from_their_table_and_seconds_from_theirs():
    tables = {"name": table([b"a", b"bcd"]), "wall": table([b"00:00", b"00:01"])}
    layout = (Second("t", "wall"), b" ", Text("name"), b" ", Text("other", "name"), b"\n")
    assert slots(layout) == ("t", "name", "other")
    rows = {"t": [999_999, 1_000_000], "name": [0, 1], "other": [1, 0]}
    assert _line(layout, rows, tables) == b"00:00 a bcd\n00:01 bcd a\n"


def test_tokens_differ_and_are_letters_and_digits():
    numbers = list(range(1, 3_000_000_000_000, 1_000_000_007))
    tokens = _line((Token("n", 17), b"\n"), {"n": numbers}).split()
    assert len(set(tokens)) == len(numbers)
    assert all(len(token) == 17 and token.isalnum() for token in tokens)
