"""What a line of text holds, noted as cells first and put into the row at once: parts of a parser need few arrays.

`cells` is [MOST_CELLS, 3] int64: target, begin, length. cells[0, 0] counts. A target is a text slot, or NUMBER + number
slot (then `begin` is the value), or EXTRA + key number. The first cell of a slot counts.
"""

import numpy as np

from haechi.ingest.engines.text.row_kernel import same_bytes
from haechi.ingest.text_kernel import is_valid, set_valid, write_view
from haechi.model.block import ITEMS, LIST, TEXT
from haechi.model.jit import Num, inlined, part

MOST_CELLS = 2048
NUMBER, EXTRA = 100, 1000
_NTEXT, _EXTRA_LIST = np.int64(len(TEXT)), np.int64(LIST.index("extra"))


@inlined
def put(cells: Num, target: Num, begin: Num, n: Num) -> None:
    """Note a cell; an empty one is none. What is beyond MOST_CELLS is left out: no line of a real log has that many."""
    c = cells[0, 0] + 1
    if n > 0 and c < MOST_CELLS:
        cells[c, 0] = target
        cells[c, 1] = begin
        cells[c, 2] = n
        cells[0, 0] = c


@inlined
def fill_row(
    cells: Num, text: Num, start: Num, num: Num, valid: Num, buf: Num, item: Num, item_start: Num, item_row: Num,
    item_key: Num, state: Num, row: Num,
) -> Num:  # fmt: skip
    """Put the cells into the row; False when the block's lists are full (the row is to be taken back)."""
    count = state[ITEMS + _EXTRA_LIST]
    fits = count + cells[0, 0] <= item.shape[1]
    if fits:
        for c in range(1, cells[0, 0] + 1):
            target, begin, n = cells[c, 0], cells[c, 1], cells[c, 2]
            if target < NUMBER:
                if not is_valid(valid, target, row):
                    start[target, row] = begin
                    write_view(text, target, row, buf, begin, n)
                    set_valid(valid, target, row)
            elif target < EXTRA:
                if not is_valid(valid, _NTEXT + target - NUMBER, row):
                    num[target - NUMBER, row] = begin
                    set_valid(valid, _NTEXT + target - NUMBER, row)
            else:
                write_view(item, _EXTRA_LIST, count, buf, begin, n)
                item_start[_EXTRA_LIST, count] = begin
                item_row[_EXTRA_LIST, count] = row
                item_key[count] = target - EXTRA
                count += 1
        state[ITEMS + _EXTRA_LIST] = count
    return fits


@part
def digits(buf: Num, begin: Num, end: Num) -> Num:
    """The value of up to eighteen digits, or -1."""
    value = np.int64(0) if 0 < end - begin <= 18 else np.int64(-1)
    i = begin
    while value >= 0 and i < end:
        if buf[i] < 48 or buf[i] > 57:
            return np.int64(-1)
        value = value * 10 + (np.int64(buf[i]) - 48)
        i += 1
    return value


@part
def equals(buf: Num, begin: Num, n: Num, other: Num) -> Num:
    """True if the n bytes at begin are `other`."""
    return n == other.shape[0] and same_bytes(buf, begin, other, np.int64(0), n)
