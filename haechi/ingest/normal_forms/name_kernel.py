"""Names, mail addresses and URLs of a row in their normal forms, where that takes no Unicode or URL rules."""

import numpy as np

from haechi.ingest.normal_forms.rewrite_kernel import Cells, later, lower, put, room, write_lower
from haechi.ingest.text_kernel import clear_valid, is_valid, text_length
from haechi.model.address_kernel import parse_ipv4
from haechi.model.block import ARENA, T
from haechi.model.jit import Num, byte_at, inlined, part, store64

U = np.uint64

# As np.int64 and not as Python's int: Numba compiles a kernel's parts anew for each literal.
_DOMAIN, _URL, _MAIL = np.int64(T["domain"]), np.int64(T["url"]), np.int64(T["mail_from"])

# Bytes that stand in a normal name; and those that a URL's path and query keep as they are (WHATWG URL, 1.3).
_NAME_KIND = np.full(256, 2, np.uint8)  # 0: normal, 1: a capital letter, 2: neither
_URL_BYTE = np.zeros(256, np.bool_)
_MAIL_BYTE = np.zeros(256, np.bool_)  # of the name before @: RFC 5321's atoms and the dot
for _c in range(0x21, 0x7F):
    _NAME_KIND[_c] = 0 if chr(_c) in "abcdefghijklmnopqrstuvwxyz0123456789-_." else 1 if "A" <= chr(_c) <= "Z" else 2
    _MAIL_BYTE[_c] = chr(_c).isalnum() or chr(_c) in ".!#$%&'*+/=?^_`{|}~-"
    _URL_BYTE[_c] = chr(_c) not in "\"#'<>\\^`{|}"


@inlined
def settle_name(c: Cells, slow_row: Num, slow_slot: Num, slot: Num, row: Num) -> None:
    """A host name: lower case, no trailing dot; Unicode and A-labels that were not checked yet go the slow way.

    What is no name by the rules is matched too, by its end: so its letters and its dot are put right all the same.
    """
    n = text_length(c.text, slot, row)
    begin = np.int64(c.start[slot, row])
    kinds, hyphens = 0, False
    for i in range(begin, begin + n):
        kinds |= _NAME_KIND[byte_at(c.buf, i)]
        hyphens |= byte_at(c.buf, i) == 45 and byte_at(c.buf, i + 1) == 45
    if byte_at(c.buf, begin + n - 1) == 46:
        n -= 1
        if n == 0:
            clear_valid(c.valid, slot, row)
            return
        put(c, slot, row, begin, n)
    if kinds & 1:
        write_lower(c, slot, row, begin, n)
    if kinds & 2 or hyphens or n > 253:
        later(c, slow_row, slow_slot, slot, row)


@part
def plain_mail(buf: Num, begin: Num, n: Num) -> Num:
    """(plain, begin, length) of a mail address, angle brackets taken off.

    Plain is `name@domain` of letters, digits and RFC 5321's atoms: its normal form is the same in lower case.
    """
    if n > 2 and byte_at(buf, begin) == 60 and byte_at(buf, begin + n - 1) == 62:
        begin += 1
        n -= 2
    at, plain = np.int64(-1), n < 254
    for i in range(begin, begin + n):
        byte = byte_at(buf, i)
        if byte == 64:
            plain = plain and at < 0
            at = np.int64(i)
        elif at >= 0:
            plain = plain and _NAME_KIND[byte] < 2 and not (byte == 45 and byte_at(buf, i - 1) == 45)
        else:
            plain = plain and _MAIL_BYTE[byte]
    last = byte_at(buf, begin + n - 1)
    # a name before @ of more than 64 bytes is none; a host that ends in a dot or a digit takes the domain's rules
    plain = plain and begin < at <= begin + 64 and at + 1 < begin + n and last != 46 and not 48 <= last <= 57
    return plain and byte_at(buf, at + 1) != 46 and byte_at(buf, at + 1) != 45, begin, n


@inlined
def settle_mail(c: Cells, slow_row: Num, slow_slot: Num, row: Num) -> None:
    n = text_length(c.text, _MAIL, row)
    plain, begin, bare = plain_mail(c.buf, np.int64(c.start[_MAIL, row]), n)
    if plain and bare != n:
        put(c, _MAIL, row, begin, bare)
    lower(c, _MAIL, row)
    if not plain:
        later(c, slow_row, slow_slot, _MAIL, row)


@part
def plain_path(buf: Num, begin: Num, n: Num) -> Num:
    """True if the URL parser would leave this path and query as they are."""
    if n == 0 or byte_at(buf, begin) != 47:
        return False
    before = np.uint8(0)
    for i in range(begin, begin + n):
        byte = byte_at(buf, i)
        if not _URL_BYTE[byte]:
            return False
        # `/.`, `/..` and `/%2e` would be resolved
        if before == 47 and (
            byte == 46 or (byte == 37 and byte_at(buf, i + 1) == 50 and (byte_at(buf, i + 2) | 32) == 101)
        ):
            return False
        before = byte
    return True


@part
def has_port(buf: Num, begin: Num, n: Num) -> Num:
    """True if a host ends in `:` and digits."""
    i = begin + n - 1
    while i > begin and 48 <= byte_at(buf, i) <= 57:
        i -= 1
    return byte_at(buf, i) == 58


@part
def settle_url(c: Cells, slow_row: Num, slow_slot: Num, row: Num, port: Num, tls: Num) -> None:
    """A path with a known host becomes a whole URL; what isn't provably in WHATWG form goes the slow way.

    `port` is the server's; it is left out where it is none, the scheme's own, or behind the host already.
    """
    n = text_length(c.text, _URL, row)
    begin = np.int64(c.start[_URL, row])
    buf = c.buf
    if byte_at(buf, begin) != 47:
        later(c, slow_row, slow_slot, _URL, row)
        return
    if not is_valid(c.valid, _DOMAIN, row):
        return  # a path alone: kept, it can't match a URL
    host_n = text_length(c.text, _DOMAIN, row)
    host = np.int64(c.start[_DOMAIN, row])
    if not room(c, _URL, 8 + host_n + 6 + n):
        return
    plain = plain_path(buf, begin, n)
    if 48 <= byte_at(buf, host + host_n - 1) <= 57:
        # A host that ends in a number is an IPv4 address to the URL parser, in forms that only it knows.
        four, _value = parse_ipv4(buf, host, host + host_n)
        plain = plain and four
    o = c.state[ARENA]
    store64(buf, o, U(0x2F2F3A7370747468) if tls else U(0x2F2F3A70747468))  # https:// or http://
    end = o + (8 if tls else 7)
    for i in range(host_n):
        plain = plain and _NAME_KIND[byte_at(buf, host + i)] == 0
        buf[end + i] = byte_at(buf, host + i)
    end += host_n
    if 0 < port <= 65535 and port != (443 if tls else 80) and not has_port(buf, host, host_n):
        buf[end] = 58
        end += 1
        unit = np.int64(10000)
        while unit > port:
            unit //= 10
        while unit > 0:
            buf[end] = 48 + port // unit % 10
            end += 1
            unit //= 10
    for i in range(n):
        buf[end + i] = byte_at(buf, begin + i)
    end += n
    c.state[ARENA] = end
    put(c, _URL, row, o, end - o)
    if not plain:
        later(c, slow_row, slow_slot, _URL, row)
