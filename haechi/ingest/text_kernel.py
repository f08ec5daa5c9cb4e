"""Small kernels that every engine uses: string views, UTF-8, JSON escapes, numbers as text."""

import numpy as np

from haechi.ingest.refusal import ARENA_FULL, BAD_ESCAPE, NUMBER_EXPECTED, NUMBER_RANGE, OK
from haechi.model.block import ARENA, ITEMS
from haechi.model.jit import Num, inlined, load64, part

U = np.uint64
_LOW32 = np.uint64(0xFFFFFFFF)
_HIGH_BITS = np.uint64(0x8080808080808080)


@inlined
def is_valid(valid: Num, slot: Num, row: Num) -> Num:
    return (valid[slot, row >> 3] >> (row & 7)) & 1 != 0


@inlined
def set_valid(valid: Num, slot: Num, row: Num) -> None:
    valid[slot, row >> 3] |= np.uint8(1 << (row & 7))


@inlined
def clear_valid(valid: Num, slot: Num, row: Num) -> None:
    valid[slot, row >> 3] &= np.uint8(255 ^ (1 << (row & 7)))


@inlined
def text_length(text: Num, slot: Num, row: Num) -> Num:
    return np.int64(text[slot, row, 0] & _LOW32)


@inlined
def write_view(views: Num, which: Num, index: Num, buf: Num, start: Num, n: Num) -> None:
    """An Arrow string view (Columnar format 1.4, "Variable-size Binary View") of n bytes at `start`."""
    first = load64(buf, start)
    if n <= 12:
        if n < 4:
            views[which, index, 0] = U(n) | ((first & ((U(1) << U(8 * n)) - U(1))) << U(32))
            views[which, index, 1] = U(0)
        else:
            rest = load64(buf, start + 4)
            if n < 12:
                rest &= (U(1) << U(8 * (n - 4))) - U(1)
            views[which, index, 0] = U(n) | ((first & _LOW32) << U(32))
            views[which, index, 1] = rest
    else:
        views[which, index, 0] = U(n) | ((first & _LOW32) << U(32))
        views[which, index, 1] = U(start) << U(32)  # buffer number 0 in the low half


@inlined
def set_text(text: Num, start: Num, valid: Num, buf: Num, slot: Num, row: Num, begin: Num, n: Num) -> None:
    """Fill a text cell with buf[begin : begin + n]."""
    start[slot, row] = begin
    write_view(text, slot, row, buf, begin, n)
    set_valid(valid, slot, row)


@inlined
def ascii_only(buf: Num, start: Num, n: Num) -> Num:
    """True if the n bytes are below 128."""
    seen = U(0)
    i = 0
    while i + 8 <= n:
        seen |= load64(buf, start + i)
        i += 8
    if i < n:
        seen |= load64(buf, start + i) & ((U(1) << U(8 * (n - i))) - U(1))
    return seen & _HIGH_BITS == U(0)


@part
def utf8_valid(buf: Num, start: Num, n: Num) -> Num:
    """True if the n bytes are well-formed UTF-8 (Unicode 16, table 3-7: no surrogates, no overlong forms)."""
    i, end = start, start + n
    while i < end:
        c = buf[i]
        if c < 0x80:
            i += 1
            continue
        if 0xC2 <= c <= 0xDF:
            more = 1
        elif 0xE0 <= c <= 0xEF:
            more = 2
        elif 0xF0 <= c <= 0xF4:
            more = 3
        else:
            return False
        if i + more >= end:
            return False
        second = buf[i + 1]
        low, high = 0x80, 0xBF
        if c == 0xE0:
            low = 0xA0
        elif c == 0xED:
            high = 0x9F
        elif c == 0xF0:
            low = 0x90
        elif c == 0xF4:
            high = 0x8F
        if second < low or second > high:
            return False
        for k in range(2, more + 1):
            if buf[i + k] & 0xC0 != 0x80:
                return False
        i += more + 1
    return True


@inlined
def has_room(buf: Num, state: Num, n: Num) -> Num:
    """True if the arena takes n more bytes and a vector load behind them."""
    return state[ARENA] + n + 64 <= buf.shape[0]


@part
def _hex4(buf: Num, i: Num) -> Num:
    value = 0
    for k in range(4):
        c = buf[i + k]
        if 48 <= c <= 57:
            digit = np.int64(c) - 48
        elif 97 <= c <= 102:
            digit = np.int64(c) - 87
        elif 65 <= c <= 70:
            digit = np.int64(c) - 55
        else:
            return -1
        value = value * 16 + digit
    return value


@part
def unescape(buf: Num, state: Num, start: Num, end: Num) -> Num:
    """Decode a JSON string's escapes (RFC 8259, section 7) into the arena: (code, start, length)."""
    if not has_room(buf, state, end - start):
        return ARENA_FULL, 0, 0
    begin = state[ARENA]
    o = begin
    i = start
    while i < end:
        c = buf[i]
        if c != 92:
            buf[o] = c
            o += 1
            i += 1
            continue
        c = buf[i + 1]
        i += 2
        if c == 34 or c == 92 or c == 47:
            buf[o] = c
        elif c == 110:
            buf[o] = 10
        elif c == 116:
            buf[o] = 9
        elif c == 114:
            buf[o] = 13
        elif c == 98:
            buf[o] = 8
        elif c == 102:
            buf[o] = 12
        elif c == 117:
            point = np.int64(-1) if i + 4 > end else np.int64(_hex4(buf, i))
            if point < 0:
                return BAD_ESCAPE, 0, 0
            i += 4
            if 0xD800 <= point <= 0xDBFF:
                low = np.int64(-1)
                if i + 6 <= end and buf[i] == 92 and buf[i + 1] == 117:
                    low = np.int64(_hex4(buf, i + 2))
                if low < 0xDC00 or low > 0xDFFF:
                    return BAD_ESCAPE, 0, 0
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00)
                i += 6
            elif 0xDC00 <= point <= 0xDFFF:
                return BAD_ESCAPE, 0, 0
            if point < 0x80:
                buf[o] = point
            elif point < 0x800:
                buf[o] = 0xC0 | (point >> 6)
                buf[o + 1] = 0x80 | (point & 63)
                o += 1
            elif point < 0x10000:
                buf[o] = 0xE0 | (point >> 12)
                buf[o + 1] = 0x80 | ((point >> 6) & 63)
                buf[o + 2] = 0x80 | (point & 63)
                o += 2
            else:
                buf[o] = 0xF0 | (point >> 18)
                buf[o + 1] = 0x80 | ((point >> 12) & 63)
                buf[o + 2] = 0x80 | ((point >> 6) & 63)
                buf[o + 3] = 0x80 | (point & 63)
                o += 3
        else:
            return BAD_ESCAPE, 0, 0
        o += 1
    state[ARENA] = o
    return OK, begin, o - begin


@part
def parse_number(buf: Num, start: Num, end: Num, scale: Num) -> Num:
    """A JSON or plain decimal number times `scale` as int64: (code, value). Fractions beyond the scale are rounded.

    With scale 1 a fraction that isn't zero is refused: a count or a port has none.
    """
    i = start
    negative = False
    if i < end and buf[i] == 45:
        negative = True
        i += 1
    mantissa, digits, dropped, point, any_digit = np.int64(0), 0, 0, np.int64(-1), False
    while i < end:
        c = buf[i]
        if 48 <= c <= 57:
            any_digit = True
            if digits < 18:
                mantissa = mantissa * 10 + (np.int64(c) - 48)
                if mantissa > 0:
                    digits += 1
                if point >= 0:
                    point += 1
            elif point < 0:
                dropped += 1
        elif c == 46 and point < 0:
            point = 0
        else:
            break
        i += 1
    if not any_digit:
        return NUMBER_EXPECTED, np.int64(0)
    exponent = np.int64(0)
    if i < end and (buf[i] == 101 or buf[i] == 69):
        if point == 0:  # 1.e5
            return NUMBER_EXPECTED, np.int64(0)
        i += 1
        down = False
        if i < end and (buf[i] == 43 or buf[i] == 45):
            down = buf[i] == 45
            i += 1
        if i >= end:
            return NUMBER_EXPECTED, np.int64(0)
        while i < end and 48 <= buf[i] <= 57:
            if exponent < 1000:
                exponent = exponent * 10 + (np.int64(buf[i]) - 48)
            i += 1
        if down:
            exponent = -exponent
    if i != end:
        return NUMBER_EXPECTED, np.int64(0)
    shift = exponent - max(point, 0) + dropped
    if shift == 0 and scale == 1:
        return OK, -mantissa if negative else mantissa
    value = mantissa * scale if scale == 1 or mantissa < 9_000_000_000_000 else np.int64(-1)
    if value < 0:
        if mantissa > 0 and np.float64(mantissa) * np.float64(scale) * np.float64(10.0) ** np.float64(shift) > 9.2e18:
            return NUMBER_RANGE, np.int64(0)
        real = np.float64(mantissa) * np.float64(10.0) ** np.float64(shift) * np.float64(scale)
        return OK, -np.int64(real + 0.5) if negative else np.int64(real + 0.5)
    while shift < 0 and value != 0:
        if scale == 1 and value % 10 != 0:
            return NUMBER_EXPECTED, np.int64(0)
        if shift == -1:
            value = (value + 5) // 10
        else:
            value //= 10
        shift += 1
    while shift > 0 and value != 0:
        if value > 900_000_000_000_000_000:
            return NUMBER_RANGE, np.int64(0)
        value *= 10
        shift -= 1
    return OK, -value if negative else value


@part
def add_item(
    item: Num, item_start: Num, item_row: Num, item_key: Num, state: Num, buf: Num,
    which: Num, row: Num, begin: Num, n: Num, key: Num,
) -> Num:  # fmt: skip
    """Append buf[begin : begin + n] to a list of this row; False when the block's items are full."""
    count = state[ITEMS + which]
    if count >= item.shape[1]:
        return False
    write_view(item, which, count, buf, begin, n)
    item_start[which, count] = begin
    item_row[which, count] = row
    if which == item.shape[0] - 1:
        item_key[count] = key
    state[ITEMS + which] = count + 1
    return True
