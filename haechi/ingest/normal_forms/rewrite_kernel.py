"""Rewriting a text cell of a block: through the arena, or in its view; and what is left for the slow path."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.text_kernel import has_room, set_text, text_length
from haechi.model.block import ARENA, FULL, SLOW
from haechi.model.jit import Num, byte_at, inlined, load64, part

U = np.uint64
_HIGH_BITS = np.uint64(0x8080808080808080)


class Cells(NamedTuple):
    """The arrays that rewriting a text cell takes: few, for kernels pass arrays by value."""

    text: npt.NDArray[np.uint64]
    start: npt.NDArray[np.int32]
    valid: npt.NDArray[np.uint8]
    buf: npt.NDArray[np.uint8]
    state: npt.NDArray[np.int64]


@inlined
def put(c: Cells, slot: Num, row: Num, begin: Num, n: Num) -> None:
    set_text(c.text, c.start, c.valid, c.buf, slot, row, begin, n)


@inlined
def room(c: Cells, slot: Num, n: Num) -> Num:
    """True if the arena takes n more bytes; if not, state[FULL] says which cell of the row can't be rewritten."""
    if has_room(c.buf, c.state, n):
        return True
    c.state[FULL] = slot + 1
    return False


@part
def later(c: Cells, slow_row: Num, slow_slot: Num, slot: Num, row: Num) -> None:
    """Put a cell on the slow list, which has room for all that may come."""
    k = c.state[SLOW]
    slow_row[k] = row
    slow_slot[k] = slot
    c.state[SLOW] = k + 1


@part
def write_lower(c: Cells, slot: Num, row: Num, begin: Num, n: Num) -> None:
    if room(c, slot, n):
        o = c.state[ARENA]
        for i in range(n):
            byte = byte_at(c.buf, begin + i)
            c.buf[o + i] = byte + 32 if 65 <= byte <= 90 else byte
        c.state[ARENA] = o + n
        put(c, slot, row, o, n)


@inlined
def has_capital(buf: Num, begin: Num, n: Num) -> Num:
    """True if one of n ASCII bytes is a capital letter: eight at a time (Hacker's Delight, 6-1)."""
    found = U(0)
    i = 0
    while i < n:
        word = load64(buf, begin + i) & U(0x7F7F7F7F7F7F7F7F)
        # the high bit of a byte: set if it is above '@', and not set if it is above 'Z'
        hit = (word + U(0x3F3F3F3F3F3F3F3F)) & ~(word + U(0x2525252525252525)) & _HIGH_BITS
        if n - i < 8:
            hit &= (U(1) << U(8 * (n - i))) - U(1)
        found |= hit
        i += 8
    return found != U(0)


@inlined
def lower(c: Cells, slot: Num, row: Num) -> None:
    """ASCII capitals to small letters, through the arena."""
    n = text_length(c.text, slot, row)
    begin = np.int64(c.start[slot, row])
    if has_capital(c.buf, begin, n):
        write_lower(c, slot, row, begin, n)


@inlined
def lower_short(c: Cells, slot: Num, row: Num) -> None:
    """The same for a word: in the view itself if it is ASCII and of at most twelve bytes (`start` keeps the log's)."""
    n = text_length(c.text, slot, row)
    low, high = c.text[slot, row, 0], c.text[slot, row, 1]
    if n <= 12 and (low | high) & U(0x8080808000000000) == U(0) and high & _HIGH_BITS == U(0):
        word = low & U(0x7F7F7F7F00000000)
        hit = (word + U(0x3F3F3F3F00000000)) & ~(word + U(0x2525252500000000)) & U(0x8080808000000000)
        c.text[slot, row, 0] = low | (hit >> U(2))
        hit = (high + U(0x3F3F3F3F3F3F3F3F)) & ~(high + U(0x2525252525252525)) & _HIGH_BITS
        c.text[slot, row, 1] = high | (hit >> U(2))
    else:
        lower(c, slot, row)


@part
def without_colons(c: Cells, slot: Num, row: Num) -> None:
    n = text_length(c.text, slot, row)
    begin = np.int64(c.start[slot, row])
    if n > 2 and byte_at(c.buf, begin + 2) == 58 and room(c, slot, n):
        o = c.state[ARENA]
        end = o
        for i in range(begin, begin + n):
            if byte_at(c.buf, i) != 58:
                c.buf[end] = byte_at(c.buf, i)
                end += 1
        c.state[ARENA] = end
        put(c, slot, row, o, end - o)
