import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.report.table import Heading, Table, cells, make, pad, printable, render


def test_columns_align_by_terminal_cells() -> None:
    shown = render(make(["party", "events"], [["臺灣電力", 12], ["KEPCO", 3400], [None, 0]], right=["events"]))
    assert shown.splitlines() == [
        "party     events",
        "--------  ------",
        "臺灣電力      12",
        "KEPCO       3400",
        "               0",
    ]


def test_title_and_no_rows() -> None:
    assert render(make(["a"], [], title="Nothing")) == "Nothing\na\n-"


def test_row_of_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match="a row of 2 cells under 1 headings"):
        Table(headings=(Heading("a"),), rows=(("1", "2"),))


def test_control_characters_cannot_drive_the_terminal() -> None:
    assert printable("x\x1b]0;owned\x07\n") == "x\\x1b]0;owned\\x07\\n"
    assert printable("한국 臺灣") == "한국 臺灣"


@given(st.text())
def test_a_cell_never_breaks_the_line_and_is_padded_exactly(value: str) -> None:
    shown = printable(value)
    assert "\n" not in shown
    assert "\x1b" not in shown
    width = cells(shown) + 3
    assert cells(pad(shown, width)) == width
    assert cells(pad(shown, width, "right")) == width
