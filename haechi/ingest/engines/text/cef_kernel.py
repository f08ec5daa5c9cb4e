"""The scanner of CEF, bare or behind a syslog header (ArcSight Common Event Format, version 26).

A value ends where the next ` key=` begins. What a key's own field can't take (a second user, a name for an address) is
kept in `extra` under the key's name.
"""

import numpy as np

from haechi.ingest.engines.text.cell_kernel import EXTRA, NUMBER, digits, fill_row, put
from haechi.ingest.engines.text.key_kernel import LONGEST_KEY, MOST_KEYS, KeyTable, find_key
from haechi.ingest.engines.text.parameter_kernel import UNKNOWN_KEY
from haechi.ingest.engines.text.row_kernel import line_bounds
from haechi.ingest.engines.text.syslog_header_kernel import HOST, TIME, put_inferred, read_header
from haechi.ingest.refusal import ARENA_FULL, NO_TEMPLATE, NO_TIME, OK
from haechi.ingest.text_kernel import has_room
from haechi.model.address_kernel import parse_ipv4, parse_ipv6
from haechi.model.block import ARENA, BAD, BLANK, LINES, POSITION, ROWS, Arrays, N, T
from haechi.model.jit import Num, kernel, load64, part

U = np.uint64
_TIME, _TYPE, _SRC, _DST = T["time"], T["source_type"], T["src_addr"], T["dst_addr"]
_SIGNATURE_ID, _SIGNATURE, _SEVERITY = T["signature_id"], T["signature"], NUMBER + N["severity"]
_MD5, _SHA1, _SHA256, _SHA512 = T["md5"], T["sha1"], T["sha256"], T["sha512"]
_VENDOR, _PRODUCT, _VERSION, _CLASS, _NAME = range(5)
FIRST_TIME, HASH = 200, 210  # targets that cells don't know: rt, start, end (200 to 202), a hash told by its length
KEY_BYTE = np.zeros(256, np.bool_)
for _c in b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-[]":
    KEY_BYTE[_c] = True


@part
def find_cef(buf: Num, begin: Num, end: Num) -> Num:
    """Where the first header field of `CEF:0|` begins, or -1."""
    for i in range(begin, end - 6):
        if buf[i] == 67 and load64(buf, i) & U(0xFFFFFFFF) == U(0x3A464543):
            k = i + 4
            while k < end and (buf[k] == 32 or 48 <= buf[k] <= 57 or buf[k] == 46):
                k += 1
            if k < end and buf[k] == 124:
                return np.int64(k + 1)
    return np.int64(-1)


@part
def put_value(cells: Num, buf: Num, state: Num, target: Num, begin: Num, end: Num) -> Num:
    r"""Note a text without CEF's escapes (`\|`, `\=`, `\\`, `\n`, `\r`); False when the arena is full."""
    escaped = False
    for i in range(begin, end):
        escaped |= buf[i] == 92
    if escaped:
        if not has_room(buf, state, end - begin):
            return False
        o = state[ARENA]
        first = o
        i = begin
        while i < end:
            c = buf[i]
            if c == 92 and i + 1 < end:
                following = buf[i + 1]
                if following == 124 or following == 61 or following == 92:
                    c = following
                    i += 1
                elif following == 110 or following == 114:
                    c = np.uint8(10) if following == 110 else np.uint8(13)
                    i += 1
            buf[o] = c
            o += 1
            i += 1
        state[ARENA] = o
        begin, end = first, o
    put(cells, target, begin, end - begin)
    return True


@part
def severity_of(buf: Num, begin: Num, end: Num) -> Num:
    """OCSF's severity of CEF's 0 to 10, or of its words; 0 where it says none."""
    if begin >= end:
        return np.int64(0)
    c = buf[begin] | 32
    if 48 <= buf[begin] <= 57:
        value = np.int64(buf[begin]) - 48
        if begin + 1 < end and 48 <= buf[begin + 1] <= 57:
            value = value * 10 + (np.int64(buf[begin + 1]) - 48)
        # 0-3 low, 4-6 medium, 7-8 high, 9-10 very high; 0 is informational to those who write it
        return np.int64(1 if value == 0 else 2 if value <= 3 else 3 if value <= 6 else 4 if value <= 8 else 5)
    if c == 108:
        return np.int64(2)
    if c == 109:
        return np.int64(3)
    if c == 104:
        return np.int64(4)
    return np.int64(5 if c == 118 or c == 99 else 1 if c == 105 else 0)


@part
def put_extension(
    cells: Num, buf: Num, state: Num, slot: Num, key_text: Num, key_length: Num, target: Num, spare: Num, seen: Num,
    unknown: Num, begin: Num, end: Num, key_byte: Num, times: Num,
) -> Num:  # fmt: skip
    """Note the extension's values; a code. times[0:6] take begin and end of rt, start, end."""
    taken = U(0)
    mark = unknown[3]
    i = begin
    while i < end and buf[i] == 32:
        i += 1
    key = i
    while i < end and key_byte[buf[i]]:
        i += 1
    equals = i
    while equals < end and buf[equals] == 61 and equals > key:
        value = equals + 1
        stop, next_key, next_equals = end, end, end
        i = value
        while i < end:
            if buf[i] == 92:
                i += 2
                continue
            if buf[i] == 61:
                k = i
                while k > value and key_byte[buf[k - 1]]:
                    k -= 1
                if k < i and k > equals and (buf[k - 1] == 32 or k == value) and (k > value or buf[value - 1] == 32):
                    stop, next_key, next_equals = k - 1, k, i
                    break
            i += 1
        entry = find_key(buf, key, min(equals - key, LONGEST_KEY), slot, key_text, key_length)
        if entry < 0:
            if unknown[2] < MOST_KEYS:
                unknown[0] = key
                unknown[1] = min(equals - key, LONGEST_KEY)
                return UNKNOWN_KEY
            entry = np.int64(MOST_KEYS - 1)
        while stop > value and buf[stop - 1] == 32:
            stop -= 1
        while value < stop and buf[value] == 32:
            value += 1
        if stop - value >= 2 and buf[value] == 34 and buf[stop - 1] == 34:
            value += 1
            stop -= 1
        if stop > value and seen[entry] != mark:
            seen[entry] = mark
            where = target[entry]
            number = np.int64(-1)
            n = stop - value
            if where == _SRC or where == _DST:
                fits, _value = parse_ipv4(buf, value, stop)
                if not fits:
                    fits, _high, _low = parse_ipv6(buf, value, stop)
                if not fits:
                    where = spare[entry]
            elif FIRST_TIME <= where < HASH:
                if n >= 8:
                    times[2 * (where - FIRST_TIME)] = value
                    times[2 * (where - FIRST_TIME) + 1] = stop
                where = spare[entry]
            elif where == HASH:
                where = spare[entry]
                where = np.int64(_MD5) if n == 32 else np.int64(_SHA1) if n == 40 else where
                where = np.int64(_SHA256) if n == 64 else np.int64(_SHA512) if n == 128 else where
            elif NUMBER <= where < EXTRA:
                number = np.int64(digits(buf, value, stop))
                if number < 0:
                    where = spare[entry]
            if where < EXTRA:
                bit = U(1) << U(where if where < NUMBER else where - NUMBER + 32)
                if taken & bit != U(0):
                    where = spare[entry]
                taken |= bit
            if where < EXTRA and where >= NUMBER:
                put(cells, where, number, np.int64(1))
            elif not put_value(cells, buf, state, where, value, stop):
                return ARENA_FULL
        key, equals = next_key, next_equals
    return OK


@kernel
def scan_cef(a: Arrays, k: KeyTable, cells: Num, keys: Num, key_byte: Num, words: Num, end: Num, max_rows: Num) -> Num:
    """Scan from state[POSITION] to at most `end`, `max_rows` rows, an unknown key or a full block; returns the row count.

    `words` is where INFERRED stands in buf; keys: numbers of the extra cells host, vendor, product version, ts_inferred.
    """
    buf, text, start, num, valid, state = a.buf, a.text, a.start, a.num, a.valid, a.state
    item, item_start, item_row, item_key = a.item, a.item_start, a.item_row, a.item_key
    spans, times = a.work[0], a.work[1]
    i: Num = state[POSITION]
    row: Num = state[ROWS]
    bad: Num = state[BAD]
    lines: Num = state[LINES]
    blank: Num = state[BLANK]
    bad_capacity = a.bad_at.shape[0]
    while i < end and row < max_rows and bad < bad_capacity:
        code, begin, stop, newline = line_bounds(buf, i)
        field: Num = -1
        if stop == begin:
            lines += 1
            blank += 1
            i = newline + 1
            continue
        at: Num = np.int64(-1)
        if code == OK:
            at = find_cef(buf, begin, stop)
            if at < 0:
                code = NO_TEMPLATE
        if code == OK:
            cells[0, 0] = 0
            k.unknown[3] += 1
            read_header(buf, begin, at, spans)
            for part_number in range(6):
                times[part_number] = 0
            p: Num = at
            for column in range(6):
                left = p
                while p < stop and buf[p] != 124:
                    p += 2 if buf[p] == 92 else 1
                if p >= stop:
                    if column < 5:
                        code = NO_TEMPLATE
                        break
                    p = stop
                target: Num = EXTRA + keys[1]
                if column == _PRODUCT:
                    target = np.int64(_TYPE)
                elif column == _VERSION:
                    target = EXTRA + keys[2]
                elif column == _CLASS:
                    target = np.int64(_SIGNATURE_ID)
                elif column == _NAME:
                    target = np.int64(_SIGNATURE)
                elif column > _NAME:
                    found = severity_of(buf, left, p)
                    put(cells, np.int64(_SEVERITY), found, np.int64(found > 0))
                    p += 1
                    break
                if not put_value(cells, buf, state, target, left, p):
                    code = ARENA_FULL
                p += 1
            if code == OK:
                put(cells, EXTRA + keys[0], spans[HOST], spans[HOST + 1] - spans[HOST])
                code = put_extension(
                    cells, buf, state, k.slot, k.text, k.length, k.target, k.spare, k.seen, k.unknown,
                    p, stop, key_byte, times,
                )  # fmt: skip
            if code == OK:
                which = np.int64(0)
                while which < 3 and times[2 * which + 1] == 0:
                    which += 1
                if which < 3:
                    spans[TIME], spans[TIME + 1] = times[2 * which], times[2 * which + 1]
                put_inferred(cells, buf, spans[TIME], spans[TIME + 1], keys[3], words)
                put(cells, np.int64(_TIME), spans[TIME], spans[TIME + 1] - spans[TIME])
                if spans[TIME + 1] == spans[TIME]:
                    code = NO_TIME
                    field = _TIME
            if code == OK and not fill_row(
                cells, text, start, num, valid, buf, item, item_start, item_row, item_key, state, row
            ):
                code = ARENA_FULL
        if code == OK:
            a.offset[row] = begin
            a.length[row] = stop - begin
            row += 1
        else:
            if code == UNKNOWN_KEY or (code == ARENA_FULL and row > 0):
                break
            a.bad_at[bad] = begin
            a.bad_length[bad] = stop - begin
            a.bad_code[bad] = code
            a.bad_field[bad] = field
            bad += 1
        i = newline + 1
        lines += 1
    state[POSITION] = i
    state[ROWS] = row
    state[BAD] = bad
    state[LINES] = lines
    state[BLANK] = blank
    return row
