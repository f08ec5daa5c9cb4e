import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.block import ACTIVITIES, ARENA, ITEMS, LIST, NUM, PADDING, ROWS, TEXT, Block, L, N, T
from haechi.model.event import LAKE_SCHEMA, Activity

texts = st.lists(st.one_of(st.none(), st.text(max_size=30)), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def block() -> Block:
    return Block(chunk=4096, rows=100)


def test_slots_are_the_schemas_columns_and_named_once() -> None:
    assert len({*TEXT, *NUM, *LIST}) == len(TEXT) + len(NUM) + len(LIST)
    assert {*TEXT, *NUM, *LIST} - set(LAKE_SCHEMA.names) == {"time", "url_port"}
    for name in TEXT:
        assert name == "time" or LAKE_SCHEMA.field(name).type == pa.string(), name
    assert set(ACTIVITIES) == set(Activity)


@given(texts)
def test_text_cells_come_back_as_they_were_put(block: Block, cells: list[str | None]) -> None:
    """Inlined (12 bytes and fewer) and not, empty, with any character; null where nothing was put."""
    block.reset(0)
    for row, text in enumerate(cells):
        if text is not None:
            assert block.put_text(T["domain"], row, text)
    block.a.state[ROWS] = len(cells)
    assert [block.text(T["domain"], row) for row in range(len(cells))] == cells
    columns = block.columns(len(cells))
    if any(text is not None for text in cells):
        columns["domain"].validate(full=True)
        assert columns["domain"].to_pylist() == cells
        assert columns["domain"].cast(pa.string()).to_pylist() == cells
    else:
        assert "domain" not in columns


@given(st.lists(st.lists(st.text(max_size=20), max_size=4), min_size=1, max_size=20))
def test_list_elements_come_back_by_row(block: Block, lists: list[list[str]]) -> None:
    block.reset(0)
    a, which, number = block.a, L["answers"], 0
    for row, elements in enumerate(lists):
        for text in elements:
            assert block.put_item(which, number, text)
            a.item_row[which, number] = row
            assert block.item(which, number) == text
            number += 1
    a.state[ITEMS + which] = number
    if number:
        column = block.columns(len(lists))["answers"]
        column.validate(full=True)
        assert column.to_pylist() == [elements or None for elements in lists]


def test_numbers_and_times(block: Block) -> None:
    block.reset(0)
    a = block.a
    a.num[N["ts"], :3] = (0, 1_790_000_000_123_456, -1)
    a.num[N["bytes_in"], :3] = (2**62, 0, -(2**62))
    for slot in (N["ts"], N["bytes_in"]):
        a.valid[len(TEXT) + slot, 0] = 0b101
    columns = block.columns(3)
    assert columns["ts"].type == pa.timestamp("us", tz="UTC")
    assert columns["ts"].cast(pa.int64()).to_pylist() == [0, None, -1]
    assert columns["bytes_in"].to_pylist() == [2**62, None, -(2**62)]


def test_a_full_arena_refuses(block: Block) -> None:
    block.reset(0)
    assert block.put_text(T["domain"], 0, "kept")
    put = 0
    while block.put_text(T["url"], 1, "x" * 1000):
        put += 1
    assert put > 3
    assert block.text(T["domain"], 0) == "kept"
    assert int(block.a.state[ARENA]) + 64 <= len(block.a.buf)


def test_a_reset_forgets_rows_but_not_bytes(block: Block) -> None:
    block.a.buf[:5] = np.frombuffer(b"bytes", np.uint8)
    block.put_text(T["domain"], 0, "old")
    block.a.error[0] = 3
    block.reset(7)
    assert block.text(T["domain"], 0) is None
    assert not block.a.error.any()
    assert bytes(block.a.buf[:5]) == b"bytes"
    assert list(block.a.state[:3]) == [7, 0, block.chunk + PADDING]


def test_rows_are_rounded_up_for_the_bitmaps() -> None:
    assert Block(chunk=10, rows=65).rows == 128
