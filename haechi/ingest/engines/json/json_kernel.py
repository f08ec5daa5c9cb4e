"""The JSON lines scanner: one pass, the grammar checked, only the wanted paths kept (RFC 8259).

Texts that aren't kept are passed over: their escapes and their UTF-8 stay unchecked.
A field table (see `json_table`) says which path goes where. Strings are found 32 bytes at a time; a record that can't
be read is named by place and reason, and the scan goes on with the next line. Two objects on one line are two records.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.refusal import (
    AFTER_VALUE,
    ARENA_FULL,
    BAD_LITERAL,
    BAD_UTF8,
    BRACKET,
    COLON_EXPECTED,
    CONTROL_CHARACTER,
    DUPLICATE_KEY,
    KEY_EXPECTED,
    NOT_OBJECT,
    NUMBER_EXPECTED,
    NUMBER_RANGE,
    OK,
    TEXT_EXPECTED,
    TOO_DEEP,
    UNTERMINATED,
)
from haechi.ingest.text_kernel import (
    add_item,
    ascii_only,
    is_valid,
    parse_number,
    set_text,
    set_valid,
    unescape,
    utf8_valid,
)
from haechi.model.block import BAD, BLANK, ITEMS, LINES, LIST, POSITION, ROWS, TEXT, Arrays
from haechi.model.jit import Num, byte_at, find_newline, find_string_end, inlined, kernel, load64, trailing_zeros

U = np.uint64
SLOTS = 4096  # of the key table; a power of two
UNWANTED, AS_TEXT, AS_NUMBER, AS_ITEM, AS_EXTRA, AS_OBJECT = range(6)
DEEPEST = 64
_WHOLE = np.int64(1)  # the scale of a count
C1, C2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_NTEXT, _EXTRA, _NLISTS = len(TEXT), LIST.index("extra"), len(LIST)


class FieldTable(NamedTuple):
    """Wanted keys, by (context, key). `slot` is an open-addressed table of entry numbers, -1 where free."""

    slot: npt.NDArray[np.int16]
    first: npt.NDArray[np.uint64]  # first eight bytes of the key
    last: npt.NDArray[np.uint64]  # last eight bytes, of keys longer than eight
    length: npt.NDArray[np.int64]
    context: npt.NDArray[np.int64]  # of the object that the key stands in
    kind: npt.NDArray[np.uint8]
    target: npt.NDArray[np.int16]  # text or num slot, list, extra key or the object's own context
    scale: npt.NDArray[np.int64]  # numbers: times this


@inlined
def key_hash(first: Num, last: Num, length: Num, context: Num) -> Num:
    return ((first ^ (last * C2) ^ (U(length) << U(8)) ^ U(context)) * C1) >> U(52)


@inlined
def string_end(buf: Num, i: Num) -> Num:
    """The first quote, backslash or control character from i on."""
    while True:
        found = find_string_end(buf, i)
        if found != U(0):
            return i + np.int64(trailing_zeros(found))
        i += 32


@inlined
def line_end(buf: Num, i: Num) -> Num:
    """The first newline from i on; the chunk ends with one."""
    while True:
        found = find_newline(buf, i)
        if found != U(0):
            return i + np.int64(trailing_zeros(found))
        i += 64


@inlined
def skip_space(buf: Num, i: Num) -> Num:
    while byte_at(buf, i) <= 32:
        if byte_at(buf, i) != 32 and byte_at(buf, i) != 9 and byte_at(buf, i) != 13:
            break
        i += 1
    return i


@kernel
def scan_json(a: Arrays, t: FieldTable, end: Num, max_rows: Num) -> Num:
    """Scan from state[POSITION] to at most `end`, `max_rows` rows or a full block; returns the row count.

    buf[end - 1] is a newline and at least PADDING bytes follow. Refused records go to the bad_* arrays.
    """
    buf, text, start, num, valid, state = a.buf, a.text, a.start, a.num, a.valid, a.state
    item, item_start, item_row, item_key = a.item, a.item_start, a.item_row, a.item_key
    slot, first_word, last_word, key_length, in_context = t.slot, t.first, t.last, t.length, t.context
    i, row, bad, lines, blank = state[POSITION], state[ROWS], state[BAD], state[LINES], state[BLANK]
    bad_capacity = a.bad_at.shape[0]
    objects = a.work[0]  # context of the open container, -1 for one that holds nothing wanted
    arrays = a.work[1]  # -1: an object; else the entry that the array's elements go to, or -2
    items = a.work[2]
    at_line_start = i == 0 or byte_at(buf, i - 1) == 10
    while i < end and row < max_rows and bad < bad_capacity:
        i = skip_space(buf, i)
        if byte_at(buf, i) == 10:
            blank += at_line_start
            lines += 1
            i += 1
            at_line_start = True
            continue
        begin = i
        at_line_start = False
        for k in range(_NLISTS):
            items[k] = state[ITEMS + k]
        code, field = OK, -1
        seen_low, seen_high = U(0), U(0)
        depth, inside_array = 0, 0
        if byte_at(buf, i) != 123:
            code = NOT_OBJECT
        else:
            objects[0] = 0
            arrays[0] = -1
            depth = 1
            i += 1
        fresh = True  # directly behind an opening bracket
        while code == OK:
            i = skip_space(buf, i)
            c = byte_at(buf, i)
            # behind a value or an opening bracket: close, or go on
            if c == 125 or c == 93:
                is_object = arrays[depth - 1] == -1
                if is_object != (c == 125):
                    code = BRACKET
                    break
                depth -= 1
                inside_array -= not is_object
                i += 1
                fresh = False
                if depth == 0:
                    break
                continue
            if not fresh:
                if c != 44:
                    code = UNTERMINATED if c == 10 else AFTER_VALUE
                    break
                i = skip_space(buf, i + 1)
                c = byte_at(buf, i)
            fresh = False
            entry = -1
            context = objects[depth - 1]
            if arrays[depth - 1] == -1:
                if c != 34:
                    code = UNTERMINATED if c == 10 else KEY_EXPECTED
                    break
                key = i + 1
                i = string_end(buf, key)
                while (
                    byte_at(buf, i) == 92 and byte_at(buf, i + 1) != 10
                ):  # a line that is cut off in an escape ends here
                    i = string_end(buf, i + 2)
                if byte_at(buf, i) != 34:
                    code = UNTERMINATED if byte_at(buf, i) == 10 or byte_at(buf, i) == 92 else CONTROL_CHARACTER
                    break
                if context >= 0:
                    n = i - key
                    first = load64(buf, key)
                    last = U(0)
                    if n < 8:
                        first &= (U(1) << U(8 * n)) - U(1)
                    elif n > 8:
                        last = load64(buf, i - 8)
                    h = key_hash(first, last, n, context)
                    while slot[h] >= 0:
                        e = slot[h]
                        if (
                            first_word[e] == first
                            and last_word[e] == last
                            and key_length[e] == n
                            and in_context[e] == context
                        ):
                            entry = np.int64(e)
                            break
                        h = (h + U(1)) & U(SLOTS - 1)
                    if entry >= 0 and inside_array == 0:
                        mark = U(1) << U(entry & 63)
                        if entry < 64:
                            if seen_low & mark != U(0):
                                code = DUPLICATE_KEY
                            seen_low |= mark
                        else:
                            if seen_high & mark != U(0):
                                code = DUPLICATE_KEY
                            seen_high |= mark
                        if code != OK:
                            break
                i = skip_space(buf, i + 1)
                if byte_at(buf, i) != 58:
                    code = UNTERMINATED if byte_at(buf, i) == 10 else COLON_EXPECTED
                    break
                i = skip_space(buf, i + 1)
                c = byte_at(buf, i)
            elif arrays[depth - 1] >= 0:
                entry = arrays[depth - 1]
            kind = np.int64(t.kind[entry]) if entry >= 0 else UNWANTED
            target = np.int64(t.target[entry]) if entry >= 0 else 0
            if c == 34:
                begin_text = i + 1
                i = string_end(buf, begin_text)
                if kind == UNWANTED or kind == AS_OBJECT:
                    while byte_at(buf, i) == 92 and byte_at(buf, i + 1) != 10:
                        i = string_end(buf, i + 2)
                    if byte_at(buf, i) != 34:
                        code = UNTERMINATED if byte_at(buf, i) == 10 or byte_at(buf, i) == 92 else CONTROL_CHARACTER
                        break
                    i += 1
                    continue
                escaped = byte_at(buf, i) == 92
                while byte_at(buf, i) == 92 and byte_at(buf, i + 1) != 10:
                    i = string_end(buf, i + 2)
                if byte_at(buf, i) != 34:
                    code = UNTERMINATED if byte_at(buf, i) == 10 or byte_at(buf, i) == 92 else CONTROL_CHARACTER
                    break
                n = i - begin_text
                if escaped:
                    code, begin_text, n = unescape(buf, state, begin_text, i)
                    if code != OK:
                        field = target if kind == AS_TEXT else -1
                        break
                i += 1
                if not ascii_only(buf, begin_text, n) and not utf8_valid(buf, begin_text, n):
                    code = BAD_UTF8
                    field = target if kind == AS_TEXT else -1
                    break
                if kind == AS_TEXT:
                    if n > 0 and not is_valid(valid, target, row):
                        set_text(text, start, valid, buf, target, row, begin_text, n)
                elif kind == AS_NUMBER:
                    if n > 0 and not is_valid(valid, _NTEXT + target, row):
                        code, value = parse_number(buf, begin_text, begin_text + n, t.scale[entry])
                        if code != OK:
                            field = _NTEXT + target
                            break
                        num[target, row] = value
                        set_valid(valid, _NTEXT + target, row)
                elif n > 0 and not add_item(
                    item, item_start, item_row, item_key, state, buf,
                    _EXTRA if kind == AS_EXTRA else target, row, begin_text, n, target,
                ):  # fmt: skip
                    code = ARENA_FULL
                    break
            elif c == 123 or c == 91:
                if depth >= DEEPEST:
                    code = TOO_DEEP
                    break
                if c == 91:
                    arrays[depth] = entry if kind != UNWANTED else -2
                    objects[depth] = -1
                    inside_array += 1
                else:
                    arrays[depth] = -1
                    objects[depth] = target if kind == AS_OBJECT else -1
                    if kind != UNWANTED and kind != AS_OBJECT and inside_array == 0:
                        code = TEXT_EXPECTED
                        field = target if kind == AS_TEXT else -1
                        break
                depth += 1
                fresh = True
                i += 1
            else:
                begin_text = i
                while (
                    (byte_at(buf, i) > 44 or byte_at(buf, i) == 43) and byte_at(buf, i) != 93 and byte_at(buf, i) != 125
                ):
                    i += 1
                n = i - begin_text
                digit_first = 48 <= c <= 57 or c == 45
                if not digit_first:
                    if n == 4 and load64(buf, begin_text) & U(0xFFFFFFFF) == U(0x6C6C756E):  # null
                        continue
                    is_true = n == 4 and load64(buf, begin_text) & U(0xFFFFFFFF) == U(0x65757274)
                    is_false = n == 5 and load64(buf, begin_text) & U(0xFFFFFFFFFF) == U(0x65736C6166)
                    if not is_true and not is_false:
                        code = UNTERMINATED if byte_at(buf, i) == 10 else BAD_LITERAL
                        field = target if kind == AS_TEXT else (_NTEXT + target if kind == AS_NUMBER else -1)
                        break
                    if kind == AS_NUMBER:
                        code = NUMBER_EXPECTED
                        field = _NTEXT + target
                        break
                if kind == AS_NUMBER and n <= 18 and t.scale[entry] == 1:
                    value = np.int64(0)
                    k = begin_text
                    while 48 <= byte_at(buf, k) <= 57:
                        value = value * 10 + (np.int64(byte_at(buf, k)) - 48)
                        k += 1
                    if k != i or (n > 1 and c == 48):
                        code, value = parse_number(buf, begin_text, i, _WHOLE)
                        first = begin_text + (c == 45)
                        zero_first = byte_at(buf, first) == 48 and 48 <= byte_at(buf, first + 1) <= 57
                        bare_point = byte_at(buf, first) == 46 or byte_at(buf, i - 1) == 46
                        if code != OK or zero_first or bare_point:
                            code = NUMBER_EXPECTED if code == OK else code
                            field = _NTEXT + target
                            break
                    if not is_valid(valid, _NTEXT + target, row):
                        num[target, row] = value
                        set_valid(valid, _NTEXT + target, row)
                    continue
                if digit_first:
                    k = begin_text + (c == 45)
                    zero_first = byte_at(buf, k) == 48 and 48 <= byte_at(buf, k + 1) <= 57
                    bare_point = byte_at(buf, i - 1) == 46 or byte_at(buf, k) == 46
                    if zero_first or bare_point:  # 01, 1. and -.0 are no JSON
                        code = NUMBER_EXPECTED
                        field = _NTEXT + target if kind == AS_NUMBER else -1
                        break
                    scale = t.scale[entry] if kind == AS_NUMBER else np.int64(1000)
                    checked, value = parse_number(buf, begin_text, i, scale)
                    if checked == NUMBER_EXPECTED or (checked == NUMBER_RANGE and kind == AS_NUMBER):
                        code = checked
                        field = _NTEXT + target if kind == AS_NUMBER else -1
                        break
                    if kind == AS_NUMBER and not is_valid(valid, _NTEXT + target, row):
                        num[target, row] = value
                        set_valid(valid, _NTEXT + target, row)
                if kind == AS_TEXT:
                    if not is_valid(valid, target, row):
                        set_text(text, start, valid, buf, target, row, begin_text, n)
                elif (kind == AS_ITEM or kind == AS_EXTRA) and not add_item(
                    item, item_start, item_row, item_key, state, buf,
                    _EXTRA if kind == AS_EXTRA else target, row, begin_text, n, target,
                ):  # fmt: skip
                    code = ARENA_FULL
                    break
        if code == OK:
            a.offset[row] = begin
            a.length[row] = i - begin
            row += 1
            i = skip_space(buf, i)
            if byte_at(buf, i) == 123 or byte_at(buf, i) == 10:
                continue
            # Something else stands behind the object: the object counts, the rest of the line is refused.
            begin = i
            code = AFTER_VALUE
        else:
            for k in range(valid.shape[0]):
                valid[k, row >> 3] &= np.uint8(255 ^ (1 << (row & 7)))
            for k in range(_NLISTS):
                state[ITEMS + k] = items[k]
            if code == ARENA_FULL and row > 0:
                i = begin  # a fresh block holds it
                break
        i = line_end(buf, i)
        a.bad_at[bad] = begin
        a.bad_length[bad] = i - begin
        a.bad_code[bad] = code
        a.bad_field[bad] = field
        bad += 1
    state[POSITION] = i
    state[ROWS] = row
    state[BAD] = bad
    state[LINES] = lines
    state[BLANK] = blank
    return row
