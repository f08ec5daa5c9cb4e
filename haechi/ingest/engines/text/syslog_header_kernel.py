"""The header of a syslog line: RFC 3164 and RFC 5424, and what relays and devices make of them."""

import numpy as np

from haechi.ingest.engines.text.cell_kernel import EXTRA, put
from haechi.ingest.engines.text.row_kernel import skip_spaces, token_end
from haechi.model.jit import Num, part

# Places in the spans that `read_header` fills: begin, and end one further; equal where the part is missing.
TIME, HOST, PROGRAM, PID, DATA, MESSAGE = 0, 2, 4, 6, 8, 10
PRIORITY = 12  # one number, -1 where there is none
KIND = 13  # RFC 5424's MSGID
SPANS = 15
INFERRED = b"year,zone"  # what the file's time and the sensor's zone have to say: the one, the other, or both


@part
def _time_end(buf: Num, i: Num, end: Num) -> Num:
    """Where a timestamp at i ends, or i: `Nov 15 23:57:28`, with year or fraction, or one word of ISO 8601 or epoch."""
    c = buf[i]
    if 65 <= c <= 90 and i + 15 <= end and buf[i + 3] == 32 and buf[i + 6] == 32:
        at = i + 7
        if at + 5 <= end and 48 <= buf[at] <= 57 and buf[at + 4] == 32:
            at += 5
        if at + 8 > end or buf[at + 2] != 58 or buf[at + 5] != 58:
            return i
        at += 8
        if at < end and (buf[at] == 46 or buf[at] == 44):
            at += 1
            while at < end and 48 <= buf[at] <= 57:
                at += 1
        return at
    if 48 <= c <= 57:
        at = token_end(buf, i, end)
        if at - i >= 19 and buf[i + 4] == 45 and buf[i + 7] == 45:
            return at - 1 if buf[at - 1] == 58 else at
        # `2020-11-15 23:57:28`
        if at - i == 10 and buf[i + 4] == 45 and buf[i + 7] == 45 and at + 9 <= end and buf[at + 3] == 58:
            return token_end(buf, at + 1, end)
    return i


@part
def time_lacks(buf: Num, begin: Num, end: Num) -> Num:
    """What a timestamp's text leaves to be inferred: 0 nothing, 1 year and zone, 2 the zone, 3 the year."""
    lacks = np.int64(0)
    i = begin
    if 65 <= buf[begin] <= 90 and end - begin >= 15:
        i = begin + 7
        if 48 <= buf[i] <= 57 and buf[i + 4] == 32:
            i += 5
        else:
            lacks = np.int64(1)
        i += 8
    elif end - begin >= 19 and buf[begin + 4] == 45:
        i = begin + 19
    else:
        return lacks  # an epoch
    if i < end and (buf[i] == 46 or buf[i] == 44):
        i += 1
        while i < end and 48 <= buf[i] <= 57:
            i += 1
    zoned = i < end
    if lacks == 1:
        return np.int64(3) if zoned else np.int64(1)
    return np.int64(0) if zoned else np.int64(2)


@part
def put_inferred(cells: Num, buf: Num, begin: Num, end: Num, key: Num, words: Num) -> None:
    """Note what the time's text leaves to be inferred; `words` is where INFERRED stands in buf."""
    lacks = time_lacks(buf, begin, end)
    if lacks == 1:
        put(cells, EXTRA + key, words, np.int64(9))
    elif lacks == 2:
        put(cells, EXTRA + key, words + 5, np.int64(4))
    elif lacks == 3:
        put(cells, EXTRA + key, words, np.int64(4))


@part
def _data_end(buf: Num, i: Num, end: Num) -> Num:
    """Where structured data `[id name="value" ...]...` at i ends; i if it isn't whole (RFC 5424, 6.3)."""
    at = i
    while at < end and buf[at] == 91:
        quoted = False
        at += 1
        while at < end and (quoted or buf[at] != 93):
            if buf[at] == 92 and quoted:
                at += 1
            elif buf[at] == 34:
                quoted = not quoted
            at += 1
        if at >= end:
            return i
        at += 1
    return at


@part
def read_header(buf: Num, begin: Num, end: Num, spans: Num) -> None:
    """Fill `spans` with the parts of the line buf[begin:end]; what has no header is all message."""
    for k in range(SPANS):
        spans[k] = begin
    spans[PRIORITY] = -1
    i = skip_spaces(buf, begin, end)
    modern = False
    if i < end and buf[i] == 60:
        k = i + 1
        priority = np.int64(0)
        while k < end and k - i <= 3 and 48 <= buf[k] <= 57:
            priority = priority * 10 + (np.int64(buf[k]) - 48)
            k += 1
        if k < end and buf[k] == 62 and k > i + 1 and priority <= 191:
            spans[PRIORITY] = priority
            i = k + 1
            if i + 2 < end and 49 <= buf[i] <= 57 and buf[i + 1] == 32:
                modern = True
                i += 2
            elif i < end and buf[i] == 58:
                i += 1
    i = skip_spaces(buf, i, end)
    stop = _time_end(buf, i, end)
    spans[TIME], spans[TIME + 1] = i, stop
    spans[MESSAGE], spans[MESSAGE + 1] = i, end
    if stop == i and not (modern and buf[i] == 45):
        return
    i = stop if stop > i else i + 1
    if i < end and buf[i] == 58:  # Cisco: `Nov 15 23:57:28: %ASA-...`
        i = skip_spaces(buf, i + 1, end)
        spans[MESSAGE] = i
        return
    i = skip_spaces(buf, i, end)
    stop = token_end(buf, i, end)
    if modern or stop == i or buf[stop - 1] != 58:  # else it is a tag: the sender left its host out
        spans[HOST], spans[HOST + 1] = i, stop
        if stop - i == 1 and buf[i] == 45:
            spans[HOST + 1] = i
        i = skip_spaces(buf, stop, end)
    spans[MESSAGE] = i
    if modern or 48 <= buf[spans[TIME]] <= 57:
        stop = token_end(buf, i, end)
        pid = min(stop + 1, end)
        pid_end = token_end(buf, pid, end)
        kind = min(pid_end + 1, end)
        kind_end = token_end(buf, kind, end)
        data = min(kind_end + 1, end)
        if data < end and (buf[data] == 45 or buf[data] == 91):
            data_end = data + 1 if buf[data] == 45 else np.int64(_data_end(buf, data, end))
            if data_end > data and (data_end == end or buf[data_end] == 32):
                if not (stop - i == 1 and buf[i] == 45):
                    spans[PROGRAM], spans[PROGRAM + 1] = i, stop
                if not (pid_end - pid == 1 and buf[pid] == 45):
                    spans[PID], spans[PID + 1] = pid, pid_end
                if not (kind_end - kind == 1 and buf[kind] == 45):
                    spans[KIND], spans[KIND + 1] = kind, kind_end
                if buf[data] == 91:
                    spans[DATA], spans[DATA + 1] = data, data_end
                i = skip_spaces(buf, data_end, end)
                if i + 3 <= end and buf[i] == 0xEF and buf[i + 1] == 0xBB and buf[i + 2] == 0xBF:
                    i += 3
                spans[MESSAGE] = i
                return
        if modern:
            return
    # RFC 3164: a tag, then `[pid]:` or `:` and a space; devices leave it out
    stop = i
    while stop < end and stop - i < 64 and buf[stop] != 32 and buf[stop] != 58 and buf[stop] != 91:
        stop += 1
    k = stop
    if k < end and buf[k] == 91:
        k += 1
        while k < end and k - stop < 24 and buf[k] != 93 and buf[k] != 32:
            k += 1
        if k >= end or buf[k] != 93:
            return
        k += 1
    if k < end and buf[k] == 58:
        k += 1
    elif k == stop:
        return
    if stop == i or (k < end and buf[k] != 32):
        return
    if buf[stop] == 91:
        spans[PID], spans[PID + 1] = stop + 1, k - 1
        while spans[PID + 1] > stop + 1 and buf[spans[PID + 1]] != 93:
            spans[PID + 1] -= 1
    spans[PROGRAM], spans[PROGRAM + 1] = i, stop
    spans[MESSAGE] = skip_spaces(buf, k, end)
