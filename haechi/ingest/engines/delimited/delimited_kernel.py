"""The scanner of delimited text: Zeek's TSV and CSV (RFC 4180). Columns go to slots by a table, see `delimited_table`.

Bytes that end or alter a field (separator, quote or backslash, control characters) are found 64 at a time. A record
that can't be read is refused alone. Where the block's lists or its arena are full the scan stops before the record,
for a fresh block holds it.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.engines.json.json_kernel import AS_ITEM, AS_NUMBER, AS_TEXT, UNWANTED, line_end
from haechi.ingest.refusal import (
    AFTER_VALUE,
    ARENA_FULL,
    BAD_UTF8,
    CONTROL_CHARACTER,
    NO_HEADER,
    OK,
    TOO_FEW_FIELDS,
    TOO_LONG,
    TOO_MANY_FIELDS,
    UNTERMINATED,
)
from haechi.ingest.text_kernel import (
    add_item,
    ascii_only,
    has_room,
    is_valid,
    parse_number,
    set_text,
    set_valid,
    utf8_valid,
)
from haechi.model.block import ARENA, BAD, BLANK, ITEMS, LINES, LIST, POSITION, ROWS, TEXT, Arrays
from haechi.model.jit import Num, find_any, inlined, kernel, load64, part, trailing_zeros

U = np.uint64
_NTEXT, _EXTRA, _NLISTS = len(TEXT), LIST.index("extra"), len(LIST)
_BACKSLASH, _NEWLINE, _CR, _TAB, _COMMENT = np.uint8(92), np.uint8(10), np.uint8(13), np.uint8(9), np.uint8(35)
AS_BOOL = 6  # an extra cell: Zeek's T and F as true and false
LONGEST_RECORD = 1 << 20  # bytes of a record that spans lines; a longer one is refused
LONGEST_LEFT = 3 << 20  # bytes of an unfinished record that are left for the next scan: fewer than one is given


class ColumnTable(NamedTuple):
    """How one log is written, and where each of its columns goes."""

    separator: np.uint8
    mark: np.uint8  # the quote (CSV), or a backslash (Zeek's \\xNN)
    comments: bool  # lines that begin with # go back to the caller
    element: np.uint8  # separates the elements of a set
    unset: npt.NDArray[np.uint64]  # texts of at most eight bytes that stand for no value
    unset_length: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]  # [columns] UNWANTED, AS_TEXT, AS_NUMBER, AS_ITEM, AS_EXTRA, AS_BOOL
    target: npt.NDArray[np.int16]  # [columns] text or num slot, list, key number
    scale: npt.NDArray[np.int64]  # [columns]
    is_set: npt.NDArray[np.bool_]  # [columns] a set or vector: a text cell takes its first element


@part
def _hex(c: Num) -> Num:
    if 48 <= c <= 57:
        return np.int64(c) - 48
    if 97 <= c <= 102:
        return np.int64(c) - 87
    return np.int64(c) - 55 if 65 <= c <= 70 else np.int64(-1)


@part
def _decode(buf: Num, state: Num, begin: Num, end: Num, mark: Num) -> Num:
    r"""(code, begin, length) of a field without its escapes: `\xNN` and `\\` of Zeek, doubled quotes of CSV.

    What isn't text stays as the log has it, as in Zeek's own JSON logs: control characters, bytes that aren't UTF-8.
    """
    if not has_room(buf, state, end - begin):
        return ARENA_FULL, begin, end - begin
    o: Num = state[ARENA]
    first = o
    i: Num = begin
    while i < end:
        c = buf[i]
        if c == mark and i + 1 < end:
            if buf[i + 1] == mark:
                i += 1
            elif mark == _BACKSLASH and buf[i + 1] == 120 and i + 3 < end:
                high, low = _hex(buf[i + 2]), _hex(buf[i + 3])
                byte = high * 16 + low
                if high >= 0 and low >= 0 and (byte >= 32 or (8 <= byte <= 13 and byte != 11)):
                    c = np.uint8(byte)
                    i += 3
        buf[o] = c
        o += 1
        i += 1
    if mark == _BACKSLASH and not utf8_valid(buf, first, o - first):
        return OK, begin, end - begin
    state[ARENA] = o
    return OK, first, o - first


@inlined
def _is_unset(buf: Num, begin: Num, n: Num, unset: Num, unset_length: Num) -> Num:
    found = False
    if n <= 8:
        word = load64(buf, begin)
        if n < 8:
            word &= (U(1) << U(8 * n)) - U(1)
        for k in range(unset.shape[0]):
            found |= unset_length[k] == n and unset[k] == word
    return found


@part
def _elements(
    item: Num, item_start: Num, item_row: Num, item_key: Num, state: Num, buf: Num,
    target: Num, row: Num, begin: Num, end: Num, element: Num, mark: Num, escaped: Num,
) -> Num:  # fmt: skip
    """Add the elements of a set to a list of this row; a refusal's code."""
    a: Num = begin
    while a <= end:
        b: Num = a
        while b < end and buf[b] != element:
            b += 1
        code, at, n = OK, a, b - a
        if escaped:
            code, at, n = _decode(buf, state, a, b, mark)
        if code == OK and not ascii_only(buf, at, n) and not utf8_valid(buf, at, n):
            code = BAD_UTF8
        if (
            code == OK
            and n > 0
            and not add_item(item, item_start, item_row, item_key, state, buf, target, row, at, n, 0)
        ):
            code = ARENA_FULL
        if code != OK:
            return code
        a = b + 1
    return OK


@part
def _word(buf: Num, state: Num, true: Num) -> Num:
    """Write `true` or `false` into the arena (which has room for a field): (begin, length)."""
    o: Num = state[ARENA]
    n = 4 if true else 5
    letters = (116, 114, 117, 101) if true else (102, 97, 108, 115)
    for k in range(4):
        buf[o + k] = letters[k]
    buf[o + 4] = 101
    state[ARENA] = o + n
    return o, n


@part
def _record_end(buf: Num, begin: Num, end: Num, separator: Num, mark: Num, doomed: Num) -> Num:
    """(code, place, line ends before it) of the newline that ends a CSV record.

    Not OK where a quote isn't closed: UNTERMINATED runs to the end, AFTER_VALUE ends amid the text of a later line.
    `doomed` is the place where an earlier record so ended. All lines up to it end inside quotes then, and one of a later
    record that does will go the same way: it isn't gone again, or many such lines would take the square of their time.
    """
    newlines: Num = np.int64(0)
    opened: Num = np.int64(0)  # line ends before the field's quote
    quoted, fresh = False, True
    i: Num = begin
    while i < end:
        c = buf[i]
        if quoted:
            if c == _NEWLINE and i < doomed:
                return UNTERMINATED if doomed == end else AFTER_VALUE, doomed, newlines
            if c == _NEWLINE:
                newlines += 1
            elif c == mark and buf[i + 1] == mark:
                i += 1
            elif c == mark:
                quoted = False
                after = buf[i + 1]
                if newlines > opened and after != separator and after != _NEWLINE and after != _CR:
                    return AFTER_VALUE, i, newlines
        elif c == _NEWLINE:
            return OK, i, newlines
        elif c == mark and fresh:
            quoted, opened = True, newlines
        fresh = c == separator
        i += 1
    return UNTERMINATED, end, newlines


@kernel
def scan_delimited(a: Arrays, t: ColumnTable, end: Num, max_rows: Num, last: Num) -> Num:
    """Scan from state[POSITION] to at most `end`, `max_rows` rows, a comment or a full block; returns the row count.

    buf[end - 1] is a newline and PADDING bytes follow. Lines that begin no record (empty ones, the further lines of a
    quoted field) are counted as blank, so that rows, refused and blank lines add up to the lines.
    """
    buf, text, start, num, valid, state = a.buf, a.text, a.start, a.num, a.valid, a.state
    item, item_start, item_row, item_key = a.item, a.item_start, a.item_row, a.item_key
    kinds, targets, scales, is_set = t.kind, t.target, t.scale, t.is_set
    unset, unset_length = t.unset, t.unset_length
    separator, mark, comments, element = t.separator, t.mark, t.comments, t.element
    columns = kinds.shape[0]
    quoting = mark != _BACKSLASH
    i: Num = state[POSITION]
    row: Num = state[ROWS]
    bad: Num = state[BAD]
    lines: Num = state[LINES]
    blank: Num = state[BLANK]
    bad_capacity = a.bad_at.shape[0]
    items = a.work[2]
    doomed: Num = np.int64(0)
    k: Num = np.int64(0)
    base: Num = i
    mask: Num = find_any(buf, i, separator, mark)
    while i < end and row < max_rows and bad < bad_capacity:
        c = buf[i]
        if c == 0xEF and buf[i + 1] == 0xBB and buf[i + 2] == 0xBF:  # a byte order mark, also of a file put behind
            i += 3
            c = buf[i]
        begin = i
        if c == _NEWLINE or (c == _CR and buf[i + 1] == _NEWLINE):
            i += 1 if c == _NEWLINE else 2
            base = i
            mask = find_any(buf, base, separator, mark)
            lines += 1
            blank += 1
            continue
        if comments and c == _COMMENT:
            break
        for k in range(_NLISTS):
            items[k] = state[ITEMS + k]
        code: Num = OK
        field: Num = -1
        column: Num = np.int64(0)
        newlines: Num = np.int64(0)
        if columns == 0:
            code = NO_HEADER
        while code == OK:
            # one field: find its end, and whether it is quoted or escaped
            left: Num = i
            right: Num = i
            escaped, quoted = False, False
            closing: Num = np.uint8(0)
            while True:
                while mask == U(0):
                    base += 64
                    mask = find_any(buf, base, separator, mark)
                p: Num = base + np.int64(trailing_zeros(mask))
                mask &= mask - U(1)
                c = buf[p]
                if c == mark and not quoting:
                    escaped = True
                    continue
                if c == mark:
                    if p == left and not quoted:
                        quoted = True
                    elif quoted and buf[p + 1] == mark:
                        escaped = True
                        while mask == U(0):
                            base += 64
                            mask = find_any(buf, base, separator, mark)
                        mask &= mask - U(1)
                    elif quoted:
                        right = p
                        i = p + 1
                        closing = buf[i]
                        if closing == _CR and buf[i + 1] == _NEWLINE:
                            i += 1
                            closing = _NEWLINE
                        if closing != separator and closing != _NEWLINE:
                            code = AFTER_VALUE
                        else:
                            base = i + 1
                            mask = find_any(buf, base, separator, mark)
                        left += 1
                        break
                    continue
                if quoted:
                    if c == _NEWLINE:
                        newlines += 1
                        if p + 1 >= end:
                            code = UNTERMINATED
                        elif p - begin > LONGEST_RECORD:
                            code = TOO_LONG
                    elif c < 32 and c != _TAB and c != _CR:
                        code = CONTROL_CHARACTER
                    if code != OK:
                        i = p
                        break
                    continue
                if c == separator or c == _NEWLINE:
                    right = p
                    i = p
                    closing = c
                    break
                if c == _CR and buf[p + 1] == _NEWLINE:
                    right = p
                    i = p + 1
                    closing = _NEWLINE
                    while mask == U(0):
                        base += 64
                        mask = find_any(buf, base, separator, mark)
                    mask &= mask - U(1)
                    break
                if c < 32 and c != _TAB:
                    i = p
                    code = CONTROL_CHARACTER
                    break
            if code != OK:
                break
            if column >= columns:
                code = TOO_MANY_FIELDS
                break
            kind = kinds[column]
            n: Num = right - left
            if kind != UNWANTED and n > 0 and not _is_unset(buf, left, n, unset, unset_length):
                target = np.int64(targets[column])
                if kind == AS_NUMBER:
                    if not is_valid(valid, _NTEXT + target, row):
                        value: Num = np.int64(0)
                        k = left
                        if n <= 18 and scales[column] == 1:
                            while 48 <= buf[k] <= 57 and k < right:
                                value = value * 10 + (np.int64(buf[k]) - 48)
                                k += 1
                        if k != right:
                            code, value = parse_number(buf, left, right, scales[column])
                        if code != OK:
                            field = _NTEXT + target
                            break
                        num[target, row] = value
                        set_valid(valid, _NTEXT + target, row)
                elif kind == AS_ITEM:
                    code = _elements(
                        item, item_start, item_row, item_key, state, buf,
                        target, row, left, right, element if is_set[column] else separator, mark, escaped,
                    )  # fmt: skip
                else:
                    if is_set[column]:
                        k = left
                        while k < right and buf[k] != element:
                            k += 1
                        n = k - left
                    if kind == AS_BOOL:
                        if not has_room(buf, state, 8):
                            code = ARENA_FULL
                        else:
                            left, n = _word(buf, state, buf[left] == 84)
                    elif escaped:
                        code, left, n = _decode(buf, state, left, left + n, mark)
                    if code == OK and not ascii_only(buf, left, n) and not utf8_valid(buf, left, n):
                        code = BAD_UTF8
                    if code == OK:
                        if kind == AS_TEXT:
                            if n > 0 and not is_valid(valid, target, row):
                                set_text(text, start, valid, buf, target, row, left, n)
                        elif n > 0 and not add_item(
                            item, item_start, item_row, item_key, state, buf, _EXTRA, row, left, n, target
                        ):
                            code = ARENA_FULL
                    if code != OK and kind == AS_TEXT:
                        field = target
                if code != OK:
                    break
            column += 1
            if closing == _NEWLINE:
                if column < columns:
                    code = TOO_FEW_FIELDS
                break
            i += 1
        if code == OK:
            a.offset[row] = begin
            a.length[row] = i - begin - (buf[i - 1] == _CR)
            row += 1
        else:
            for k in range(valid.shape[0]):
                valid[k, row >> 3] &= np.uint8(255 ^ (1 << (row & 7)))
            for k in range(_NLISTS):
                state[ITEMS + k] = items[k]
            if code == ARENA_FULL and row > 0:
                i = begin
                break
            # Whatever is wrong, the record goes on to its real end: nothing in its quoted cells begins another one.
            newlines = np.int64(0)
            if quoting:
                ending, i, newlines = _record_end(buf, begin, end, separator, mark, doomed)
                if ending == UNTERMINATED and not last and end - begin <= LONGEST_LEFT:
                    i = begin
                    break
                if ending != OK:
                    # a quote that isn't closed: its line alone is refused, the next one begins a record
                    code, newlines, doomed = UNTERMINATED, np.int64(0), i
                    i = line_end(buf, begin)
            else:
                i = line_end(buf, begin)
            base = i + 1
            mask = find_any(buf, base, separator, mark)
            a.bad_at[bad] = begin
            a.bad_length[bad] = i - begin - (buf[i - 1] == _CR)
            a.bad_code[bad] = code
            a.bad_field[bad] = field
            bad += 1
        i += 1
        lines += 1 + newlines
        blank += newlines
    state[POSITION] = i
    state[ROWS] = row
    state[BAD] = bad
    state[LINES] = lines
    state[BLANK] = blank
    return row
