"""A block's rows against the index: which value hit which column. Reads arrays, writes hits; no catalog, no I/O.

Exact values (names, URLs, digests, mail addresses) stand in one open-addressed hash table with their type in the seed;
a Bloom word answers most misses with one load, and every hash hit is checked byte for byte. A name is hashed from its
end, so one walk finds it and all its parent domains. Addresses: a bitmap by /24 (IPv4) or the Bloom words (IPv6)
first, then one sorted run for each prefix length, so that every net that holds the address is found.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.model.block import ITEMS, TEXT, Arrays, L, N, T
from haechi.model.jit import Num, inlined, kernel, part

U = np.uint64
FNV = np.uint64(0x100000001B3)
# np.int64 and not Python's int: Numba compiles a kernel's parts anew for each literal.
DOMAIN, URL, EMAIL, MD5, SHA1, SHA256, SHA512, JA3, JA4, CERT = map(np.int64, range(10))
EXACT_TYPES = ("domain", "url", "email", "md5", "sha1", "sha256", "sha512", "ja3", "ja4", "cert")

# Hit fields: text slots, then lists
FIELD_ANSWERS, FIELD_MAIL_TO = len(TEXT) + L["answers"], len(TEXT) + L["mail_to"]
_LOW32 = np.uint64(0xFFFFFFFF)
_TS = N["ts"]
_SRC, _DST, _NO_ITEM = np.int64(T["src_addr"]), np.int64(T["dst_addr"]), np.int64(-1)
_WHOLE = np.bool_(True)  # the whole name was looked up, not a parent of it
_ANSWERS, _MAIL_TO = L["answers"], L["mail_to"]


class IndexArrays(NamedTuple):
    """The index file's sections. Entry numbers run over all values; `value_id[entry]` is the catalog's id."""

    seeds: npt.NDArray[np.uint64]  # [EXACT_TYPES + 2] the last two: IPv4, IPv6
    slots: npt.NDArray[np.uint64]  # high half of the hash, entry + 1 in the low half; 0 free
    bloom: npt.NDArray[np.uint64]
    data: npt.NDArray[np.uint8]  # normal forms of the exact values, one after the other
    at: npt.NDArray[np.int64]  # [entries + 1] where each begins in data
    kind: npt.NDArray[np.uint8]  # [entries] index into EXACT_TYPES, 255 for addresses
    exact_only: npt.NDArray[np.bool_]  # [entries] a public suffix: its sub-domains don't match
    value_id: npt.NDArray[np.int64]
    valid_from: npt.NDArray[np.int64]
    valid_until: npt.NDArray[np.int64]
    near4: npt.NDArray[np.uint64]  # [2**18] bitmap of the /24s that hold or touch an IPv4 value
    prefix4: npt.NDArray[np.int64]  # prefix lengths that occur
    run4: npt.NDArray[np.int64]  # [prefixes + 1] where each one's run begins
    net4: npt.NDArray[np.uint64]
    entry4: npt.NDArray[np.int32]
    prefix6: npt.NDArray[np.int64]
    run6: npt.NDArray[np.int64]
    net6_high: npt.NDArray[np.uint64]
    net6_low: npt.NDArray[np.uint64]
    entry6: npt.NDArray[np.int32]


class Hits(NamedTuple):
    """What was found, in row order: row, field (a text slot, or len(TEXT) + list slot), index entry, list item."""

    row: npt.NDArray[np.int32]
    field: npt.NDArray[np.int16]
    entry: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]  # of list fields: which element, else -1
    count: npt.NDArray[np.int64]  # [1]


@inlined
def mix(h: Num) -> Num:
    """Spread a hash over all bits (Evans's rrmxmx-style finaliser); never 0."""
    h ^= h >> U(32)
    h *= U(0xD6E8FEB86659FD93)
    h ^= h >> U(32)
    h *= U(0xD6E8FEB86659FD93)
    h ^= h >> U(32)
    return h | U(1)


@inlined
def bloom_word(h: Num) -> Num:
    return (U(1) << ((h >> U(1)) & U(63))) | (U(1) << ((h >> U(7)) & U(63))) | (U(1) << ((h >> U(13)) & U(63)))


@inlined
def maybe(h: Num, bloom: Num) -> Num:
    word = bloom_word(h)
    return bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] & word == word


@inlined
def address_hash(seed: Num, prefix: Num, high: Num, low: Num) -> Num:
    return mix((seed ^ high ^ (U(prefix) << U(56))) * FNV + low)


@kernel
def hash_values(data: Num, at: Num, kind: Num, seeds: Num, out: Num) -> None:
    """Hashes of all exact values; those of other kinds are left alone."""
    for i in range(kind.shape[0]):
        if kind[i] == 255:
            continue
        h = seeds[kind[i]]
        for j in range(at[i + 1] - 1, at[i] - 1, -1):
            h = (h ^ U(data[j])) * FNV
        out[i] = mix(h)


@kernel
def fill_table(hashes: Num, kind: Num, slots: Num, bloom: Num) -> None:
    """Put all exact values into the table and the Bloom words."""
    mask = U(slots.shape[0] - 1)
    for i in range(kind.shape[0]):
        if kind[i] == 255:
            continue
        h = hashes[i]
        bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] |= bloom_word(h)
        at = h & mask
        while slots[at] != U(0):
            at = (at + U(1)) & mask
        slots[at] = (h & ~_LOW32) | U(i + 1)


@kernel
def fill_nets(net4: Num, prefixes: Num, near4: Num, high: Num, low: Num, prefix6: Num, seed6: Num, bloom: Num) -> None:
    """Mark the /24s of the IPv4 nets, and the IPv6 nets in the Bloom words."""
    for i in range(net4.shape[0]):
        block = net4[i] >> U(8)
        last = (net4[i] + (U(1) << U(32 - prefixes[i])) - U(1)) >> U(8)
        while block <= last:
            near4[block >> U(6)] |= U(1) << (block & U(63))
            block += U(1)
    for i in range(high.shape[0]):
        h = address_hash(seed6, prefix6[i], high[i], low[i])
        bloom[(h >> U(36)) & U(bloom.shape[0] - 1)] |= bloom_word(h)


@part
def _confirm(h: Num, slots: Num, data: Num, at: Num, kind: Num, wanted: Num, buf: Num, begin: Num, end: Num) -> Num:
    """The entry whose bytes are buf[begin:end], or -1."""
    mask = U(slots.shape[0] - 1)
    place = h & mask
    while slots[place] != U(0):
        if slots[place] & ~_LOW32 == h & ~_LOW32:
            entry = np.int64(slots[place] & _LOW32) - 1
            first = at[entry]
            n = end - begin
            same = np.int64(kind[entry]) == wanted and at[entry + 1] - first == n
            j = 0
            while same and j < n:
                same = data[first + j] == buf[begin + j]
                j += 1
            if same:
                return entry
        place = (place + U(1)) & mask
    return np.int64(-1)


@inlined
def _record(hits: Hits, row: Num, field: Num, entry: Num, item: Num) -> None:
    k = hits.count[0]
    hits.row[k] = row
    hits.field[k] = field
    hits.entry[k] = entry
    hits.item[k] = item
    hits.count[0] = k + 1


@part
def _in_window(x: IndexArrays, entry: Num, ts: Num) -> Num:
    return entry >= 0 and x.valid_from[entry] <= ts <= x.valid_until[entry]


@part
def _hit(
    x: IndexArrays,
    hits: Hits,
    h: Num,
    wanted: Num,
    buf: Num,
    at: Num,
    end: Num,
    whole: Num,
    row: Num,
    field: Num,
    ts: Num,
    item: Num,
) -> None:
    entry = _confirm(h, x.slots, x.data, x.at, x.kind, wanted, buf, at, end)
    if _in_window(x, entry, ts) and (whole or not x.exact_only[entry]):
        _record(hits, row, field, entry, item)


@inlined
def _exact(
    x: IndexArrays, hits: Hits, wanted: Num, buf: Num, begin: Num, n: Num, row: Num, field: Num, ts: Num, item: Num
) -> None:
    h = x.seeds[wanted]
    for j in range(begin + n - 1, begin - 1, -1):
        h = (h ^ U(buf[j])) * FNV
    h = mix(h)
    if maybe(h, x.bloom):
        _hit(x, hits, h, wanted, buf, begin, begin + n, _WHOLE, row, field, ts, item)


@inlined
def _name(x: IndexArrays, hits: Hits, buf: Num, begin: Num, n: Num, row: Num, field: Num, ts: Num, item: Num) -> None:
    """A name and all its parents, from the last label on; `@` ends a mail address's domain."""
    h = x.seeds[DOMAIN]
    bloom = x.bloom
    for j in range(begin + n - 1, begin - 1, -1):
        byte = buf[j]
        if byte == 46 or byte == 64:
            m = mix(h)
            if maybe(m, bloom):
                _hit(x, hits, m, DOMAIN, buf, j + 1, begin + n, byte == 64, row, field, ts, item)
            if byte == 64:
                return
        h = (h ^ U(byte)) * FNV
    m = mix(h)
    if maybe(m, bloom):
        _hit(x, hits, m, DOMAIN, buf, begin, begin + n, _WHOLE, row, field, ts, item)


@part
def _nets4(x: IndexArrays, hits: Hits, value: Num, row: Num, field: Num, ts: Num, item: Num) -> None:
    for g in range(x.prefix4.shape[0]):
        shift = U(32 - x.prefix4[g])
        net = (value >> shift) << shift
        low, high = x.run4[g], x.run4[g + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if x.net4[middle] < net:
                low = middle + 1
            else:
                high = middle
        while low < end and x.net4[low] == net:
            if _in_window(x, np.int64(x.entry4[low]), ts):
                _record(hits, row, field, np.int64(x.entry4[low]), item)
            low += 1


@inlined
def _net6(prefix: Num, high: Num, low: Num) -> Num:
    """The net of that prefix length (1 to 128) that holds the address."""
    if prefix <= 64:
        return (high >> U(64 - prefix)) << U(64 - prefix), U(0)
    return high, (low >> U(128 - prefix)) << U(128 - prefix)


@part
def _nets6(x: IndexArrays, hits: Hits, high_word: Num, low_word: Num, row: Num, field: Num, ts: Num, item: Num) -> None:
    for g in range(x.prefix6.shape[0]):
        prefix = x.prefix6[g]
        net_high, net_low = _net6(prefix, high_word, low_word)
        low, high = x.run6[g], x.run6[g + 1]
        end = high
        while low < high:
            middle = (low + high) >> 1
            if x.net6_high[middle] < net_high or (x.net6_high[middle] == net_high and x.net6_low[middle] < net_low):
                low = middle + 1
            else:
                high = middle
        while low < end and x.net6_high[low] == net_high and x.net6_low[low] == net_low:
            if _in_window(x, np.int64(x.entry6[low]), ts):
                _record(hits, row, field, np.int64(x.entry6[low]), item)
            low += 1


@inlined
def _address(
    x: IndexArrays, hits: Hits, family: Num, high: Num, low: Num, row: Num, field: Num, ts: Num, item: Num
) -> None:
    if family == 4:
        block = low >> U(8)
        if x.near4[block >> U(6)] >> (block & U(63)) & U(1) != U(0):
            _nets4(x, hits, low, row, field, ts, item)
    elif family == 6:
        found = False
        for g in range(x.prefix6.shape[0]):
            net_high, net_low = _net6(x.prefix6[g], high, low)
            found |= maybe(address_hash(x.seeds[len(EXACT_TYPES) + 1], x.prefix6[g], net_high, net_low), x.bloom)
        if found:
            _nets6(x, hits, high, low, row, field, ts, item)


@inlined
def _valid(valid: Num, slot: Num, row: Num) -> Num:
    return (valid[slot, row >> 3] >> (row & 7)) & 1 != 0


@kernel
def match_rows(a: Arrays, x: IndexArrays, hits: Hits, plan: Num, first_row: Num, end_row: Num) -> Num:
    """Match rows first_row .. end_row; returns the row to go on from (less than end_row when `hits` is full).

    `plan` [k, 2] lists the text slots to look up with their exact type; a row that was refused is passed over.
    """
    buf, text, start, valid = a.buf, a.text, a.start, a.valid
    num, addr, family, error = a.num, a.addr, a.family, a.error
    room = hits.row.shape[0] - 4096
    for row in range(first_row, end_row):
        if error[row] != 0:
            continue
        if hits.count[0] > room:
            return row
        ts = num[_TS, row]
        _address(x, hits, family[0, row], addr[0, row, 0], addr[0, row, 1], row, _SRC, ts, _NO_ITEM)
        _address(x, hits, family[1, row], addr[1, row, 0], addr[1, row, 1], row, _DST, ts, _NO_ITEM)
        for k in range(plan.shape[0]):
            slot = plan[k, 0]
            if not _valid(valid, slot, row):
                continue
            begin, n = np.int64(start[slot, row]), np.int64(text[slot, row, 0] & _LOW32)
            wanted = plan[k, 1]
            if wanted == DOMAIN:
                _name(x, hits, buf, begin, n, row, slot, ts, _NO_ITEM)
            else:
                _exact(x, hits, wanted, buf, begin, n, row, slot, ts, _NO_ITEM)
    return end_row


@kernel
def match_items(a: Arrays, x: IndexArrays, hits: Hits, which: Num, field: Num, first: Num) -> Num:
    """Match the elements of the list `which` from `first` on; returns the element to go on from."""
    room = hits.row.shape[0] - 4096
    buf, address = a.buf, a.item_addr
    for k in range(first, a.state[ITEMS + which]):
        row = np.int64(a.item_row[which, k])
        if a.error[row] != 0:
            continue
        if hits.count[0] > room:
            return k
        ts = a.num[_TS, row]
        begin, n = np.int64(a.item_start[which, k]), np.int64(a.item[which, k, 0] & _LOW32)
        if which == _ANSWERS and address[k, 0] != U(0):
            _address(x, hits, np.uint8(address[k, 0]), address[k, 1], address[k, 2], row, field, ts, k)
        elif which == _MAIL_TO:
            _exact(x, hits, EMAIL, buf, begin, n, row, field, ts, k)
            _name(x, hits, buf, begin, n, row, field, ts, k)
        else:
            _name(x, hits, buf, begin, n, row, field, ts, k)
    return a.state[ITEMS + which]
