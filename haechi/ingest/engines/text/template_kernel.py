"""Free text by templates: literals and captures, tried in order. No backtracking, so a line's cost is bounded.

An outsider chooses the user name of a failed login, and may put ` from 192.0.2.1 port 22` into it: captures that an
outsider fills end at the *last* place where the text behind them stands, so that what the daemon wrote counts.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.ingest.engines.text.cell_kernel import EXTRA, digits, put
from haechi.ingest.engines.text.row_kernel import same_bytes
from haechi.model.address_kernel import parse_ipv4, parse_ipv6
from haechi.model.block import T
from haechi.model.jit import Num, inlined, load64, part

U = np.uint64
_SRC, _USER = T["src_addr"], T["user"]

END, SKIP, WORDS, LAST, HOST, DIGITS, USER_HOST = range(7)  # kinds of capture


class TemplateTable(NamedTuple):
    """Templates of one format, by program. A segment is a literal and the capture behind it."""

    program_low: npt.NDArray[np.uint64]  # [programs] the first eight bytes of the name
    program_high: npt.NDArray[np.uint64]  # the next eight
    program: npt.NDArray[np.int64]  # [programs + 1, 7] length, first and last template; source_type, app_proto in words
    template: npt.NDArray[np.int64]  # [templates, 6] segments first, last; begin and length of signature and action
    segment: npt.NDArray[np.int64]  # [segments, 4] begin of the literal in `text`, its length, kind, target
    text: npt.NDArray[np.uint8]  # all literals
    host_key: np.int64  # extra keys: a host that is no address, the message of a line that no template fits
    message_key: np.int64


@inlined
def find_program(buf: Num, begin: Num, n: Num, low: Num, high: Num, program: Num) -> Num:
    """The program's number, or -1."""
    found = np.int64(-1)
    if 0 < n <= 16:
        one, two = load64(buf, begin), U(0)
        if n < 8:
            one &= (U(1) << U(8 * n)) - U(1)
        elif n > 8:
            two = load64(buf, begin + 8)
            if n < 16:
                two &= (U(1) << U(8 * (n - 8))) - U(1)
        for k in range(low.shape[0]):
            if low[k] == one and high[k] == two and program[k, 0] == n:
                found = np.int64(k)
                break
    return found


@part
def match_template(
    buf: Num, begin: Num, end: Num, first: Num, last: Num, template: Num, segment: Num, text: Num, spans: Num
) -> Num:
    """The first template that buf[begin:end] fits, or -1; spans[2k], spans[2k + 1] are what its captures hold.

    What stands behind the template's end is left aside: newer versions of a daemon add to their messages.
    """
    for number in range(first, last):
        i = begin
        fits = True
        s0, s1 = template[number, 0], template[number, 1]
        for s in range(s0, s1):
            n = segment[s, 1]
            if i + n > end or not same_bytes(buf, i, text, segment[s, 0], n):
                fits = False
                break
            i += n
            kind = segment[s, 2]
            if kind == END:
                break
            stop = i
            if kind == DIGITS:
                while stop < end and 48 <= buf[stop] <= 57 and stop - i < 18:
                    stop += 1
                fits = stop > i
            elif kind == HOST:
                while stop < end and buf[stop] != 32 and buf[stop] != 93:
                    stop += 1
                if stop < end and stop - i > 1 and (buf[stop - 1] == 58 or buf[stop - 1] == 44):
                    stop -= 1
            else:
                following = segment[s + 1, 1] if s + 1 < s1 else np.int64(0)
                step = np.int64(1)
                if following == 0:
                    stop = end
                elif kind == LAST or kind == USER_HOST:
                    stop = end - following
                    step = np.int64(-1)
                if following > 0:
                    where = segment[s + 1, 0]
                    while stop >= i and stop + following <= end and not same_bytes(buf, stop, text, where, following):
                        stop += step
                    fits = stop >= i and stop + following <= end
            if not fits:
                break
            spans[2 * (s - s0)] = i
            spans[2 * (s - s0) + 1] = stop
            i = stop
        if fits:
            return np.int64(number)
    return np.int64(-1)


@part
def put_host(cells: Num, buf: Num, begin: Num, n: Num, key: Num) -> None:
    """The source, if it is an address; a name goes to `extra`."""
    fits, _value = parse_ipv4(buf, begin, begin + n)
    if not fits:
        fits, _high, _low = parse_ipv6(buf, begin, begin + n)
    put(cells, np.int64(_SRC) if fits else EXTRA + key, begin, n)


@part
def put_captures(cells: Num, buf: Num, s0: Num, s1: Num, segment: Num, spans: Num, host_key: Num) -> None:
    """Note what a template's captures hold."""
    for s in range(s0, s1):
        kind, target = segment[s, 2], segment[s, 3]
        if kind == END or kind == SKIP or target < 0:
            continue
        begin, stop = spans[2 * (s - s0)], spans[2 * (s - s0) + 1]
        value = begin
        n = stop - begin
        if kind == USER_HOST:
            at = stop
            while at > begin and buf[at - 1] != 32:
                at -= 1
            put_host(cells, buf, at, stop - at, host_key)
            n = at - 1 - begin
        elif kind == HOST:
            put_host(cells, buf, begin, n, host_key)
            continue
        elif kind == DIGITS:
            value = digits(buf, begin, stop)
        put(cells, target, value, n)
