r"""The scanner of web servers' access logs: Common Log Format and `combined`, of Apache and nginx, with or without vhost.

`client ident user [time] "request" status bytes "referrer" "user agent"`; what stands behind is left aside. Apache
escapes quotes, backslashes and control characters, nginx writes `\xNN`; both are decoded where text comes of it.
"""

import numpy as np

from haechi.ingest.engines.text.cell_kernel import EXTRA, NUMBER, digits, fill_row, put
from haechi.ingest.engines.text.row_kernel import line_bounds, skip_spaces, token_end
from haechi.ingest.engines.text.template_kernel import put_host
from haechi.ingest.refusal import ARENA_FULL, NO_TEMPLATE, OK
from haechi.ingest.text_kernel import has_room, utf8_valid
from haechi.model.block import ARENA, BAD, BLANK, LINES, POSITION, ROWS, Arrays, N, T
from haechi.model.jit import Num, kernel, part

_TIME, _USER, _DOMAIN, _URL, _METHOD, _AGENT = (
    T["time"],
    T["user"],
    T["domain"],
    T["url"],
    T["http_method"],
    T["user_agent"],
)
_STATUS, _BYTES, _PORT = NUMBER + N["http_status"], NUMBER + N["bytes_in"], NUMBER + N["dst_port"]
NAME, REQUEST, REFERRER = range(3)  # extra cells: a client that is no address, a request that is none, the referrer


@part
def _digit(c: Num) -> Num:
    if 48 <= c <= 57:
        return np.int64(c) - 48
    if 97 <= (c | 32) <= 102:
        return np.int64(c | 32) - 87
    return np.int64(-1)


@part
def _put_text(cells: Num, buf: Num, state: Num, target: Num, begin: Num, end: Num) -> Num:
    r"""Note a text, its `\"`, `\\` and `\xNN` decoded if text comes of it; False when the arena is full."""
    if end - begin == 1 and buf[begin] == 45:
        return True
    escaped = False
    for i in range(begin, end):
        escaped |= buf[i] == 92
    if not escaped:
        put(cells, target, begin, end - begin)
        return True
    if not has_room(buf, state, end - begin):
        return False
    o = state[ARENA]
    first = o
    i = begin
    good: Num = True
    while i < end:
        c = buf[i]
        if c == 92 and i + 1 < end:
            following = buf[i + 1]
            if following == 34 or following == 92:
                c = following
                i += 1
            elif following == 120 and i + 3 < end:
                high, low = _digit(buf[i + 2]), _digit(buf[i + 3])
                if high >= 0 and low >= 0:
                    c = np.uint8(high * 16 + low)
                    good = good and c >= 32
                    i += 3
        buf[o] = c
        o += 1
        i += 1
    if good and utf8_valid(buf, first, o - first):
        state[ARENA] = o
        begin, end = first, o
    put(cells, target, begin, end - begin)
    return True


@part
def _quoted_end(buf: Num, i: Num, end: Num) -> Num:
    """The quote that ends the text at i, or -1."""
    while i < end and buf[i] != 34:
        i += 2 if buf[i] == 92 else 1
    return i if i < end else np.int64(-1)


@part
def _put_client(cells: Num, buf: Num, begin: Num, end: Num, name_key: Num) -> Num:
    """Note what stands before the time: `[vhost[:port]] client ident user`; False if that is too little."""
    one_end = token_end(buf, begin, end)
    two = skip_spaces(buf, one_end, end)
    two_end = token_end(buf, two, end)
    three = skip_spaces(buf, two_end, end)
    if three >= end:
        return False
    put_host(cells, buf, begin, one_end - begin, name_key)
    if cells[cells[0, 0], 0] == EXTRA + name_key and two_end - two > 1:
        # The first word is no address: a vhost if the second is one, else a client by name.
        cells[0, 0] -= 1
        put_host(cells, buf, two, two_end - two, name_key)
        if cells[cells[0, 0], 0] != EXTRA + name_key and token_end(buf, three, end) < end:
            colon = one_end
            while colon > begin and buf[colon] != 58:
                colon -= 1
            if colon > begin and buf[colon] == 58:
                port = digits(buf, colon + 1, one_end)
                put(cells, np.int64(_PORT), port, np.int64(port >= 0))
                put(cells, np.int64(_DOMAIN), begin, colon - begin)
            else:
                put(cells, np.int64(_DOMAIN), begin, one_end - begin)
            three = skip_spaces(buf, token_end(buf, three, end), end)
        else:
            cells[0, 0] -= 1
            put(cells, EXTRA + name_key, begin, one_end - begin)
    if end - three > 1 or (end - three == 1 and buf[three] != 45):
        put(cells, np.int64(_USER), three, end - three)
    return True


@part
def _put_request(cells: Num, buf: Num, state: Num, begin: Num, end: Num, request_key: Num) -> Num:
    """Note `GET /path HTTP/1.1`; what isn't so is noted whole. False when the arena is full."""
    method_end = begin
    while method_end < end and (65 <= buf[method_end] <= 90 or buf[method_end] == 95 or buf[method_end] == 45):
        method_end += 1
    last = end
    while last > begin and buf[last - 1] != 32:
        last -= 1
    if method_end == begin or method_end == end or buf[method_end] != 32:
        return _put_text(cells, buf, state, EXTRA + request_key, begin, end)
    if last - 1 > method_end and end - last >= 6 and buf[last] == 72 and buf[last + 4] == 47:
        stop = last - 1
    else:
        stop = end  # HTTP/0.9 has no version
    put(cells, np.int64(_METHOD), begin, method_end - begin)
    return _put_text(cells, buf, state, np.int64(_URL), method_end + 1, stop)


@part
def parse_line(cells: Num, buf: Num, state: Num, begin: Num, end: Num, keys: Num) -> Num:
    """Note what the line buf[begin:end] holds; a code."""
    i = skip_spaces(buf, begin, end)
    head = i
    # ` [` and a day: a user name may hold a bracket
    while i + 4 < end and not (buf[i] == 91 and buf[i - 1] == 32 and 48 <= buf[i + 1] <= 57 and buf[i + 3] == 47):
        i += 1
    if i + 4 >= end:
        return NO_TEMPLATE
    stop = i
    while stop < end and buf[stop] != 93:
        stop += 1
    if stop + 2 >= end or i - 1 <= head or not _put_client(cells, buf, head, i - 1, keys[NAME]):
        return NO_TEMPLATE
    put(cells, np.int64(_TIME), i + 1, stop - i - 1)
    i = skip_spaces(buf, stop + 1, end)
    if i >= end or buf[i] != 34:
        return NO_TEMPLATE
    stop = _quoted_end(buf, i + 1, end)
    if stop < 0:
        return NO_TEMPLATE
    if not _put_request(cells, buf, state, i + 1, stop, keys[REQUEST]):
        return ARENA_FULL
    for target in (_STATUS, _BYTES):
        i = skip_spaces(buf, stop + 1, end)
        stop = token_end(buf, i, end)
        value = digits(buf, i, stop)
        if value < 0 and not (stop - i == 1 and buf[i] == 45):
            return NO_TEMPLATE
        put(cells, np.int64(target), value, np.int64(value >= 0))
        stop -= 1
    stop += 1
    for which in range(2):
        i = skip_spaces(buf, stop, end)
        if i >= end or buf[i] != 34:
            break
        stop = _quoted_end(buf, i + 1, end)
        if stop < 0:
            return NO_TEMPLATE
        if not _put_text(cells, buf, state, EXTRA + keys[REFERRER] if which == 0 else np.int64(_AGENT), i + 1, stop):
            return ARENA_FULL
        stop += 1
    return OK


@kernel
def scan_access(a: Arrays, cells: Num, keys: Num, end: Num, max_rows: Num) -> Num:
    """Scan from state[POSITION] to at most `end`, `max_rows` rows or a full block; returns the row count.

    keys: numbers of the extra cells src_host, request, referrer.
    """
    buf, text, start, num, valid, state = a.buf, a.text, a.start, a.num, a.valid, a.state
    item, item_start, item_row, item_key = a.item, a.item_start, a.item_row, a.item_key
    i: Num = state[POSITION]
    row: Num = state[ROWS]
    bad: Num = state[BAD]
    lines: Num = state[LINES]
    blank: Num = state[BLANK]
    bad_capacity = a.bad_at.shape[0]
    while i < end and row < max_rows and bad < bad_capacity:
        code, begin, stop, newline = line_bounds(buf, i)
        if stop == begin:
            lines += 1
            blank += 1
            i = newline + 1
            continue
        if code == OK:
            cells[0, 0] = 0
            code = parse_line(cells, buf, state, begin, stop, keys)
            if code == OK and not fill_row(
                cells, text, start, num, valid, buf, item, item_start, item_row, item_key, state, row
            ):
                code = ARENA_FULL
        if code == OK:
            a.offset[row] = begin
            a.length[row] = stop - begin
            row += 1
        else:
            if code == ARENA_FULL and row > 0:
                break
            a.bad_at[bad] = begin
            a.bad_length[bad] = stop - begin
            a.bad_code[bad] = code
            a.bad_field[bad] = -1
            bad += 1
        i = newline + 1
        lines += 1
    state[POSITION] = i
    state[ROWS] = row
    state[BAD] = bad
    state[LINES] = lines
    state[BLANK] = blank
    return row
