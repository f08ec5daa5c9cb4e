"""What the scanners of line formats share: where a line ends, where a word ends, whether bytes are the same."""

import numpy as np

from haechi.ingest.refusal import BAD_UTF8, CONTROL_CHARACTER, OK
from haechi.ingest.text_kernel import ascii_only, utf8_valid
from haechi.model.jit import Num, find_control, inlined, trailing_zeros

U = np.uint64


@inlined
def line_bounds(buf: Num, i: Num) -> Num:
    """(code, first byte behind a byte order mark, end without CR, place of the newline) of the line at i.

    A control character other than tab refuses the line, and so do bytes that aren't UTF-8.
    """
    code = OK
    begin = i
    if buf[i] == 0xEF and buf[i + 1] == 0xBB and buf[i + 2] == 0xBF:
        begin = i + 3
    at = i
    newline = np.int64(-1)
    while newline < 0:
        mask = find_control(buf, at)
        while mask != U(0):
            p = at + np.int64(trailing_zeros(mask))
            c = buf[p]
            if c == 10:
                newline = p
                break
            if c != 9 and (c != 13 or buf[p + 1] != 10):
                code = CONTROL_CHARACTER
            mask &= mask - U(1)
        at += 64
    line_stop = newline
    if line_stop > begin and buf[line_stop - 1] == 13:
        line_stop -= 1
    if code == OK and not ascii_only(buf, begin, line_stop - begin) and not utf8_valid(buf, begin, line_stop - begin):
        code = BAD_UTF8
    return code, begin, line_stop, newline


@inlined
def same_bytes(buf: Num, at: Num, other: Num, begin: Num, n: Num) -> Num:
    """True if buf[at : at + n] equals other[begin : begin + n]."""
    k = 0
    while k < n and buf[at + k] == other[begin + k]:
        k += 1
    return k == n


@inlined
def skip_spaces(buf: Num, i: Num, end: Num) -> Num:
    while i < end and buf[i] == 32:
        i += 1
    return i


@inlined
def token_end(buf: Num, i: Num, end: Num) -> Num:
    """The first space from i on, or the end."""
    while i < end and buf[i] != 32:
        i += 1
    return i
