from hypothesis import given
from hypothesis import strategies as st

from haechi.report.record import fields, hex_lines, raw_text


@given(st.binary(max_size=200))
def test_nothing_in_the_bytes_drives_a_terminal(raw: bytes) -> None:
    assert raw_text(raw).isprintable()
    assert all(line.isascii() and line.isprintable() for line in hex_lines(raw))


@given(st.binary(max_size=200))
def test_the_hex_is_the_bytes(raw: bytes) -> None:
    shown = b"".join(bytes.fromhex(line[10:].partition("|")[0]) for line in hex_lines(raw))
    assert shown == raw


def test_what_holds_nothing_is_left_out() -> None:
    told = {"zero": 0, "no": False, "none": None, "list": [], "names": ["a", "b\n"], "map": {"k": "v"}}
    assert list(fields(told)) == ["  zero   0", "  no     False", "  names  a, b\\n", "  map    k=v"]


def test_wide_names_keep_the_columns() -> None:
    assert list(fields({"시각": 1, "a": 2})) == ["  시각  1", "  a     2"]
