"""Addresses as text to numbers and back: dotted quad, and IPv6 by RFC 4291 in, RFC 5952 out."""

import numpy as np

from haechi.model.jit import Num, byte_at, inlined, part

U = np.uint64


@inlined
def parse_ipv4(buf: Num, a: Num, b: Num) -> Num:
    """(ok, address) of the dotted quad buf[a:b]; leading zeros are refused, for they are octal to some."""
    value, octet, dots, digits = U(0), np.int64(0), 0, 0
    ok = 7 <= b - a <= 15
    if ok:
        for i in range(a, b):
            c = byte_at(buf, i)
            if 48 <= c <= 57:
                if digits > 0 and octet == 0:
                    ok = False
                octet = octet * 10 + (np.int64(c) - 48)
                digits += 1
            elif c == 46:
                if digits == 0 or octet > 255:
                    ok = False
                value = (value << U(8)) | U(octet)
                octet, digits = 0, 0
                dots += 1
            else:
                ok = False
                break
    ok = ok and dots == 3 and digits > 0 and octet <= 255
    return ok, (value << U(8)) | U(octet)


@part
def parse_ipv6(buf: Num, a: Num, b: Num) -> Num:
    """(ok, high, low) of the IPv6 address buf[a:b]; a zone id (`%eth0`, RFC 4007) is left aside."""
    high, low, left_high, left_low = U(0), U(0), U(0), U(0)  # high, low: the groups since the gap, or since the start
    groups, left, gap = 0, 0, False
    for i in range(a, b):
        if byte_at(buf, i) == 37:
            b = i
            break
    i = a
    if b - a >= 2 and byte_at(buf, a) == 58 and byte_at(buf, a + 1) == 58:
        gap = True
        i = a + 2
    elif b - a < 2:
        return False, U(0), U(0)
    while i < b:
        start, group = i, np.int64(0)
        while i < b and i - start < 5:
            c = np.int64(byte_at(buf, i))
            if 48 <= c <= 57:
                group = group * 16 + (c - 48)
            elif 97 <= c <= 102:
                group = group * 16 + (c - 87)
            elif 65 <= c <= 70:
                group = group * 16 + (c - 55)
            else:
                break
            i += 1
        if i < b and byte_at(buf, i) == 46:
            ok, quad = parse_ipv4(buf, start, b)
            if not ok:
                return False, U(0), U(0)
            high = (high << U(32)) | (low >> U(32))
            low = (low << U(32)) | quad
            groups += 2
            break
        if i == start or i - start > 4:
            return False, U(0), U(0)
        high = (high << U(16)) | (low >> U(48))
        low = (low << U(16)) | U(group)
        groups += 1
        if i == b:
            break
        if byte_at(buf, i) != 58 or i + 1 == b:
            return False, U(0), U(0)
        i += 1
        if byte_at(buf, i) == 58:
            if gap:
                return False, U(0), U(0)
            gap = True
            left, left_high, left_low = groups, high, low
            groups, high, low = 0, U(0), U(0)
            i += 1
    if not gap:
        return groups == 8, high, low
    if left + groups > 7:
        return False, U(0), U(0)
    shift = U((8 - left) * 16)
    if left == 0:
        left_high, left_low = U(0), U(0)
    elif shift >= U(64):
        left_high = left_low << (shift - U(64))
        left_low = U(0)
    else:
        left_high = (left_high << shift) | (left_low >> (U(64) - shift))
        left_low = left_low << shift
    return True, left_high | high, left_low | low


@part
def write_ipv4(out: Num, o: Num, value: Num) -> Num:
    """Write the dotted quad at out[o:]; returns the end."""
    for k in range(4):
        octet = np.int64((value >> U(24 - 8 * k)) & U(255))
        if octet >= 100:
            out[o] = 48 + octet // 100
            o += 1
        if octet >= 10:
            out[o] = 48 + octet // 10 % 10
            o += 1
        out[o] = 48 + octet % 10
        o += 1
        if k < 3:
            out[o] = 46
            o += 1
    return o


@part
def write_ipv6(out: Num, o: Num, high: Num, low: Num) -> Num:
    """Write the RFC 5952 text at out[o:]; returns the end. The first longest run of two or more zero groups is `::`."""
    best, best_length, run, run_length = -1, 1, -1, 0
    for k in range(8):
        word = high if k < 4 else low
        group = (word >> U(48 - 16 * (k & 3))) & U(0xFFFF)
        if group == U(0):
            if run < 0:
                run, run_length = k, 0
            run_length += 1
            if run_length > best_length:
                best, best_length = run, run_length
        else:
            run = -1
    k = 0
    while k < 8:
        if k == best:
            out[o] = 58
            out[o + 1] = 58
            o += 2
            k += best_length
            continue
        if (k > 0 and k != best + best_length) or (k > 0 and best < 0):
            out[o] = 58
            o += 1
        word = high if k < 4 else low
        group = np.int64((word >> U(48 - 16 * (k & 3))) & U(0xFFFF))
        started = False
        for nibble_at in range(4):
            nibble = (group >> (12 - 4 * nibble_at)) & 15
            if nibble != 0 or started or nibble_at == 3:
                out[o] = 48 + nibble if nibble < 10 else 87 + nibble
                o += 1
                started = True
        k += 1
    return o
