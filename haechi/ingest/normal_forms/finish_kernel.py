"""What an engine read becomes what the schema means: time, addresses, names, URLs and digests in their normal forms.

Runs on a block's new rows while they are in cache. A cell whose normal form takes Unicode or URL rules is put on the
slow list (`block.slow_row`, `slow_slot`) and done by `ingest.finish`; the share is counted and shown. A row that can't
be, or that the arena has no room for, is marked in `error`: it is left out of the columns and quarantined.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi.ingest.normal_forms.name_kernel import plain_mail, settle_mail, settle_name, settle_url
from haechi.ingest.normal_forms.rewrite_kernel import Cells, has_capital, lower, lower_short, put, room, without_colons
from haechi.ingest.normal_forms.time_kernel import MICRO, TimeRule, parse_time, usual_time
from haechi.ingest.refusal import ARENA_FULL, BAD_ADDRESS, BAD_PORT, IMPOSSIBLE_DAY, NO_TIME, NUMBER_RANGE, OK
from haechi.ingest.text_kernel import (
    ascii_only,
    clear_valid,
    has_room,
    is_valid,
    set_valid,
    text_length,
    write_view,
)
from haechi.model.address_kernel import parse_ipv4, parse_ipv6, write_ipv4, write_ipv6
from haechi.model.block import ACTIVITIES, ARENA, FULL, ITEMS, ROWS, SLOW, TEXT, Arrays, L, N, T
from haechi.model.clock import DAY
from haechi.model.event import EVENT_SCHEMA, Activity
from haechi.model.jit import Num, inlined, kernel, load64, part

U = np.uint64
_HIGH_BITS = np.uint64(0x8080808080808080)
# As np.int64 and not as Python's int: Numba compiles a kernel's parts anew for each literal.
_TIME, _SRC, _DST, _DOMAIN, _SNI, _URL, _MAIL, _TYPE, _PROTO, _ACTION, _CERT, _FIRST_DIGEST, _LAST_DIGEST = map(
    np.int64,
    [
        *(T[name] for name in ("time", "src_addr", "dst_addr", "domain", "sni", "url", "mail_from", "source_type")),
        *(T[name] for name in ("proto", "action", "cert", "ja3", "sha512")),
    ],
)
_TS, _TS_OFFSET, _SRC_PORT, _DST_PORT, _SEVERITY, _URL_PORT = map(
    np.int64, [N[name] for name in ("ts", "ts_offset", "src_port", "dst_port", "severity", "url_port")]
)
_HTTP = np.uint8(ACTIVITIES.index(Activity.HTTP))
# Numbers that the lake keeps in 32 bits; of the offset and the ports more is known.
_NARROW = np.array(
    [
        slot
        for name, slot in N.items()
        if name in EVENT_SCHEMA.names
        and EVENT_SCHEMA.field(name).type == pa.int32()
        and slot not in (_TS_OFFSET, _SRC_PORT, _DST_PORT)
    ]
)
_NTEXT, _ANSWERS, _MAIL_TO = np.int64(len(TEXT)), np.int64(L["answers"]), np.int64(L["mail_to"])
_SOURCE, _DESTINATION = np.int64(0), np.int64(1)
_LONGEST_ADDRESS = np.int64(48)
_NO_FIELD = np.int64(-1)
_WIDEST = np.int64(2**31 - 1)


class PartyTable(NamedTuple):
    """Who owns which addresses: sorted, disjoint stretches; from `first` on it is `party` (0: nobody known)."""

    first4: npt.NDArray[np.uint64]
    party4: npt.NDArray[np.int32]
    first6_high: npt.NDArray[np.uint64]
    first6_low: npt.NDArray[np.uint64]
    party6: npt.NDArray[np.int32]


class Meaning(NamedTuple):
    """A reader's own vocabulary: its record types as activities, its severities as OCSF's."""

    type_low: npt.NDArray[np.uint64]  # Arrow string views of the record types, at most 12 bytes each
    type_high: npt.NDArray[np.uint64]
    activity: npt.NDArray[np.uint8]
    default: np.uint8
    severity: npt.NDArray[np.int64]  # index: the format's severity; empty: it is OCSF's already
    tls_port: np.int64  # a request to this port came by TLS; 0: the log shows none that did


@inlined
def find4(p: PartyTable, value: Num) -> Num:
    low, high = 0, p.first4.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if p.first4[middle] <= value:
            low = middle + 1
        else:
            high = middle
    return p.party4[low - 1] if low > 0 else np.int32(0)


@part
def find6(p: PartyTable, x: Num, y: Num) -> Num:
    low, high = 0, p.first6_high.shape[0]
    while low < high:
        middle = (low + high) >> 1
        if p.first6_high[middle] < x or (p.first6_high[middle] == x and p.first6_low[middle] <= y):
            low = middle + 1
        else:
            high = middle
    return p.party6[low - 1] if low > 0 else np.int32(0)


@part
def _canonical_text(c: Cells, slot: Num, row: Num, begin: Num, n: Num, four: Num, high: Num, low: Num) -> None:
    """Put the address's normal text in place of the log's, if they differ."""
    if not room(c, slot, _LONGEST_ADDRESS):
        return
    o = c.state[ARENA]
    end = write_ipv4(c.buf, o, low) if four else write_ipv6(c.buf, o, high, low)
    same = end - o == n
    k = 0
    while same and k < n:
        same = c.buf[o + k] == c.buf[begin + k]
        k += 1
    if not same:
        c.state[ARENA] = end
        put(c, slot, row, o, end - o)


@part
def _address6(c: Cells, addr: Num, family: Num, side: Num, slot: Num, row: Num, begin: Num, n: Num) -> Num:
    ok, high, low = parse_ipv6(c.buf, begin, begin + n)
    if not ok:
        return BAD_ADDRESS
    mapped = high == U(0) and low >> U(32) == U(0xFFFF)
    if mapped:
        high, low = U(0), low & U(0xFFFFFFFF)
    family[side, row] = 4 if mapped else 6
    addr[side, row, 0] = high
    addr[side, row, 1] = low
    _canonical_text(c, slot, row, begin, n, mapped, high, low)
    return OK


@inlined
def _address(c: Cells, addr: Num, family: Num, side: Num, slot: Num, row: Num) -> Num:
    family[side, row] = 0
    if not is_valid(c.valid, slot, row):
        return OK
    begin = np.int64(c.start[slot, row])
    n = text_length(c.text, slot, row)
    four, value = parse_ipv4(c.buf, begin, begin + n)
    if four:
        family[side, row] = 4
        addr[side, row, 0] = U(0)
        addr[side, row, 1] = value
        return OK
    return _address6(c, addr, family, side, slot, row, begin, n)


@inlined
def _time(c: Cells, num: Num, rule: TimeRule, row: Num, year: Num, day: Num, midnight: Num) -> Num:
    """The row's time: (code, year, day, midnight). The last three are the memory of the row before.

    They hold the bytes of an ISO date (`2026-11-`, `01T`) and its local midnight: a log's next line mostly has the same
    date, and then only the time of day is read. `year` is 0 where nothing is remembered.
    """
    if not is_valid(c.valid, _TIME, row):
        return NO_TIME, year, day, midnight
    buf, begin, n = c.buf, np.int64(c.start[_TIME, row]), text_length(c.text, _TIME, row)
    end = begin + n
    first, second = load64(buf, begin), load64(buf, begin + 8) & U(0xFFFFFF)
    known = n >= 27 and first == year and second == day
    value, minutes = np.int64(0), np.int64(0)
    if known:
        known, of_day, minutes = usual_time(buf, begin + 11, end)
        value = midnight + of_day - minutes * 60 * MICRO
    if not known:
        code, value, minutes, _inferred = parse_time(buf, begin, end, rule)
        if code != OK:
            return code, year, day, midnight
        # not from a leap second, 23:59:60, whose value lies on the next day
        dated = n >= 20 and buf[begin + 4] == 45 and buf[begin + 7] == 45 and buf[begin + 10] == 84
        if dated and buf[begin + 17] != 54:
            local = value + minutes * 60 * MICRO
            year, day, midnight = first, second, local - local % DAY
    if value < rule.oldest or value > rule.latest:
        return IMPOSSIBLE_DAY, year, day, midnight
    num[_TS, row] = value
    num[_TS_OFFSET, row] = minutes
    set_valid(c.valid, _NTEXT + _TS, row)
    set_valid(c.valid, _NTEXT + _TS_OFFSET, row)
    return OK, year, day, midnight


@inlined
def _narrow(c: Cells, num: Num, row: Num) -> Num:
    """Whether the numbers fit the lake's columns: (code, field)."""
    for k in range(_NARROW.shape[0]):
        slot = _NARROW[k]
        if is_valid(c.valid, _NTEXT + slot, row) and not -_WIDEST - 1 <= num[slot, row] <= _WIDEST:
            return NUMBER_RANGE, _NTEXT + slot
    return OK, _NO_FIELD


@inlined
def _server_port(c: Cells, num: Num, row: Num, activity: Num) -> Num:
    """The port for the row's URL: as the Host header has it, else a request's own destination; 0 if nothing says it.

    An alert or a file may be of the server's answer: its destination is the client.
    """
    if is_valid(c.valid, _NTEXT + _URL_PORT, row):
        return num[_URL_PORT, row]
    if activity == _HTTP and is_valid(c.valid, _NTEXT + _DST_PORT, row):
        return num[_DST_PORT, row]
    return np.int64(0)


@inlined
def _ends(c: Cells, num: Num, addr: Num, family: Num, row: Num) -> Num:
    """Addresses and ports of a row: (code, field)."""
    code = _address(c, addr, family, _SOURCE, _SRC, row)
    if code != OK:
        return code, _SRC
    code = _address(c, addr, family, _DESTINATION, _DST, row)
    if code != OK:
        return code, _DST
    for slot in range(_SRC_PORT, _DST_PORT + 1):
        if is_valid(c.valid, _NTEXT + slot, row) and not 0 <= num[slot, row] <= 65535:
            return BAD_PORT, _NTEXT + slot
    return OK, _NO_FIELD


@kernel
def finish_rows(a: Arrays, m: Meaning, rule: TimeRule, p: PartyTable, first_row: Num) -> Num:
    """Bring rows first_row .. state[ROWS] into normal form; returns how many are marked as refused.

    A row that the engine has marked stays so.
    """
    c = Cells(a.text, a.start, a.valid, a.buf, a.state)
    num, valid, addr, family, error, error_field = a.num, a.valid, a.addr, a.family, a.error, a.error_field
    slow_row, slow_slot = a.slow_row, a.slow_slot
    refused = 0
    year, day, midnight = U(0), U(0), np.int64(0)
    for row in range(first_row, a.state[ROWS]):
        if error[row] != OK:
            refused += 1
            continue
        a.state[FULL] = 0
        code, year, day, midnight = _time(c, num, rule, row, year, day, midnight)
        field = _TIME
        if code == OK:
            code, field = _ends(c, num, addr, family, row)
        if code == OK:
            code, field = _narrow(c, num, row)
        error[row] = code
        error_field[row] = field
        if code != OK:
            refused += 1
            continue
        # whose network: the target's if it is known, else the source's
        party = np.int32(0)
        for side in (1, 0):
            if party == 0:
                if family[side, row] == 4:
                    party = find4(p, addr[side, row, 1])
                elif family[side, row] == 6:
                    party = find6(p, addr[side, row, 0], addr[side, row, 1])
        a.party[row] = party
        if is_valid(valid, _DOMAIN, row):
            settle_name(c, slow_row, slow_slot, _DOMAIN, row)
        if is_valid(valid, _SNI, row):
            settle_name(c, slow_row, slow_slot, _SNI, row)
        # the reader's vocabulary
        activity = m.default
        if is_valid(valid, _TYPE, row):
            low, high = c.text[_TYPE, row, 0], c.text[_TYPE, row, 1]
            for k in range(m.type_low.shape[0]):
                if low == m.type_low[k] and high == m.type_high[k]:
                    activity = m.activity[k]
                    break
        a.activity[row] = activity
        if is_valid(valid, _URL, row):
            port = _server_port(c, num, row, activity)
            settle_url(c, slow_row, slow_slot, row, port, port != 0 and port == m.tls_port)
        if is_valid(valid, _MAIL, row):
            settle_mail(c, slow_row, slow_slot, row)
        if is_valid(valid, _CERT, row):
            without_colons(c, _CERT, row)
        for slot in range(_FIRST_DIGEST, _LAST_DIGEST + 1):
            if is_valid(valid, slot, row):
                lower(c, slot, row)
        if is_valid(valid, _PROTO, row):
            lower_short(c, _PROTO, row)
        if is_valid(valid, _ACTION, row):
            lower_short(c, _ACTION, row)
        if a.state[FULL] != 0:
            error[row] = ARENA_FULL
            error_field[row] = a.state[FULL] - 1
            refused += 1
            continue
        if m.severity.shape[0] > 0 and is_valid(valid, _NTEXT + _SEVERITY, row):
            found = num[_SEVERITY, row]
            if 0 <= found < m.severity.shape[0]:
                num[_SEVERITY, row] = m.severity[found]
            else:
                clear_valid(valid, _NTEXT + _SEVERITY, row)
    return refused


@kernel
def finish_items(a: Arrays, which: Num, first: Num) -> Num:
    """Normal forms of the list elements from `first` on: addresses are read, names and mail addresses made lower case.

    Unicode names, and mail addresses with more around them, go on the slow list as slot TEXT + list, row element.
    Returns how many rows were marked as refused, for the arena had no room for their elements.
    """
    refused = 0
    buf, state, item, item_start, item_addr = a.buf, a.state, a.item, a.item_start, a.item_addr
    slow_row, slow_slot = a.slow_row, a.slow_slot
    for k in range(first, state[ITEMS + which]):
        begin, n = np.int64(item_start[which, k]), np.int64(item[which, k, 0] & U(0xFFFFFFFF))
        plain = True
        if which == _MAIL_TO:
            plain, left, bare = plain_mail(buf, begin, n)
            if plain and bare != n:
                begin, n = left, bare
                item_start[which, k] = begin
                write_view(item, which, k, buf, begin, n)
        if which == _ANSWERS:
            item_addr[k, 0] = U(0)
            four, value = parse_ipv4(buf, begin, begin + n)
            if four:
                item_addr[k, 0], item_addr[k, 1], item_addr[k, 2] = U(4), U(0), value
                continue
            ok, high, low = parse_ipv6(buf, begin, begin + n)
            if ok:
                item_addr[k, 0], item_addr[k, 1], item_addr[k, 2] = U(6), high, low
                continue
            if n > 1 and buf[begin + n - 1] == 46:
                n -= 1
                write_view(item, which, k, buf, begin, n)
        if has_capital(buf, begin, n):
            if not has_room(buf, state, n):
                row = a.item_row[which, k]
                if a.error[row] == OK:
                    a.error[row] = ARENA_FULL
                    a.error_field[row] = _NO_FIELD
                    refused += 1
                continue
            o = state[ARENA]
            for i in range(n):
                byte = buf[begin + i]
                buf[o + i] = byte + 32 if 65 <= byte <= 90 else byte
            state[ARENA] = o + n
            item_start[which, k] = o
            write_view(item, which, k, buf, o, n)
        if which == _ANSWERS:
            plain = ascii_only(buf, begin, n)
        if not plain:
            slow_row[state[SLOW]] = k
            slow_slot[state[SLOW]] = _NTEXT + which
            state[SLOW] += 1
    return refused
