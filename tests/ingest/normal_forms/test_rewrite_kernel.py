"""Rewritten cells: capitals of short and long strings, colons of digests; the arena's end."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.normal_forms import rewrite_kernel
from haechi.ingest.normal_forms.rewrite_kernel import Cells
from haechi.model.block import ARENA, FULL, SLOW, Block, T
from haechi.model.jit import Num, kernel

SLOT = np.int64(T["proto"])


@kernel
def _lower(c: Cells, short: Num) -> None:
    if short:
        rewrite_kernel.lower_short(c, SLOT, np.int64(0))
    else:
        rewrite_kernel.lower(c, SLOT, np.int64(0))


@kernel
def _colons(c: Cells) -> None:
    rewrite_kernel.without_colons(c, SLOT, np.int64(0))


@kernel
def _later(c: Cells, rows: Num, slots: Num) -> None:
    rewrite_kernel.later(c, rows, slots, SLOT, np.int64(0))


def filled(text: str) -> tuple[Block, Cells]:
    block = Block(chunk=1024, rows=64)
    block.reset(0)
    assert block.put_text(int(SLOT), 0, text)
    a = block.a
    return block, Cells(a.text, a.start, a.valid, a.buf, a.state)


def shown(block: Block) -> str | None:
    value: str | None = block.columns(1)["proto"].to_pylist()[0]
    return value


@given(st.text(min_size=1, max_size=40), st.booleans())
def test_ascii_capitals_become_small_and_nothing_else_changes(text: str, short: bool) -> None:
    block, cells = filled(text)
    _lower(cells, short)
    assert shown(block) == "".join(c.lower() if c.isascii() else c for c in text)


def test_colons_of_a_digest_go() -> None:
    block, cells = filled("AB:cd:01")
    _colons(cells)
    assert shown(block) == "ABcd01"


def test_a_cell_that_the_arena_has_no_room_for_is_remembered() -> None:
    for text, rewrite in (("A" * 40, lambda c: _lower(c, False)), ("AB:cd", _colons)):
        block, cells = filled(text)
        block.a.state[ARENA] = len(block.a.buf) - 64
        rewrite(cells)
        assert (int(block.a.state[FULL]), block.text(int(SLOT), 0)) == (int(SLOT) + 1, text)


def test_the_slow_list_names_cells() -> None:
    block, cells = filled("x")
    _later(cells, block.a.slow_row, block.a.slow_slot)
    assert (int(block.a.state[SLOW]), int(block.a.slow_row[0]), int(block.a.slow_slot[0])) == (1, 0, int(SLOT))
