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
from haechi.model.jit import Num, byte_at, inlined, kernel

U = np.uint64
FNV = np.uint64(0x100000001B3)
# np.int64 and not Python's int: Numba compiles a kernel's parts anew for each literal.
DOMAIN, URL, EMAIL, MD5, SHA1, SHA256, SHA512, JA3, JA4, CERT = map(np.int64, range(10))
IPV4, IPV6 = np.int64(104), np.int64(106)  # kinds of a candidate that is an address
ROOM = 1024  # candidates that one row or element may give at most
EXACT_TYPES = ("domain", "url", "email", "md5", "sha1", "sha256", "sha512", "ja3", "ja4", "cert")

# Hit fields: text slots, then lists
FIELD_ANSWERS, FIELD_MAIL_TO = len(TEXT) + L["answers"], len(TEXT) + L["mail_to"]
_LOW32 = np.uint64(0xFFFFFFFF)
_TS = N["ts"]
_SRC, _DST, _NO_ITEM = np.int64(T["src_addr"]), np.int64(T["dst_addr"]), np.int64(-1)
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


class Candidates(NamedTuple):
    """What may be a hit: a Bloom word or a bitmap let it pass. `kind` is an exact type, IPV4 or IPV6."""

    row: npt.NDArray[np.int32]
    field: npt.NDArray[np.int16]
    kind: npt.NDArray[np.int16]
    item: npt.NDArray[np.int32]
    first: npt.NDArray[np.uint64]  # the hash, or the address's high half
    second: npt.NDArray[np.uint64]  # the address's low half
    begin: npt.NDArray[np.int32]  # where the text stands in the block's buffer
    length: npt.NDArray[np.int32]
    whole: npt.NDArray[np.bool_]  # the whole name, not a parent of it
    count: npt.NDArray[np.int64]  # [1]


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


@inlined
def _note(
    c: Candidates, row: Num, field: Num, kind: Num, item: Num, first: Num, second: Num, begin: Num, n: Num, whole: Num
) -> None:
    k = c.count[0]
    c.row[k] = row
    c.field[k] = field
    c.kind[k] = kind
    c.item[k] = item
    c.first[k] = first
    c.second[k] = second
    c.begin[k] = begin
    c.length[k] = n
    c.whole[k] = whole
    c.count[0] = k + 1


@inlined
def _exact(
    c: Candidates, seeds: Num, bloom: Num, wanted: Num, buf: Num, begin: Num, n: Num, row: Num, field: Num, item: Num
) -> None:
    h = seeds[wanted]
    for j in range(begin + n - 1, begin - 1, -1):
        h = (h ^ U(byte_at(buf, j))) * FNV
    h = mix(h)
    if maybe(h, bloom):
        _note(c, row, field, wanted, item, h, U(0), begin, n, True)


@inlined
def _name(c: Candidates, seed: Num, bloom: Num, buf: Num, begin: Num, n: Num, row: Num, field: Num, item: Num) -> None:
    """A name and all its parents, from the last label on; `@` ends a mail address's domain."""
    h = seed
    end = begin + n
    for j in range(end - 1, begin - 1, -1):
        byte = byte_at(buf, j)
        if byte == 46 or byte == 64:
            m = mix(h)
            if maybe(m, bloom):
                _note(c, row, field, DOMAIN, item, m, U(0), j + 1, end - j - 1, byte == 64)
            if byte == 64:
                return
        h = (h ^ U(byte)) * FNV
    m = mix(h)
    if maybe(m, bloom):
        _note(c, row, field, DOMAIN, item, m, U(0), begin, n, True)


@inlined
def _net6(prefix: Num, high: Num, low: Num) -> Num:
    """The net of that prefix length (1 to 128) that holds the address."""
    if prefix <= 64:
        return (high >> U(64 - prefix)) << U(64 - prefix), U(0)
    return high, (low >> U(128 - prefix)) << U(128 - prefix)


@inlined
def _address(
    c: Candidates, near4: Num, prefix6: Num, seed6: Num, bloom: Num, family: Num, high: Num, low: Num,
    row: Num, field: Num, item: Num,
) -> None:  # fmt: skip
    if family == 4:
        block = low >> U(8)
        if near4[block >> U(6)] >> (block & U(63)) & U(1) != U(0):
            _note(c, row, field, IPV4, item, high, low, 0, 0, True)
    elif family == 6:
        found = False
        for g in range(prefix6.shape[0]):
            net_high, net_low = _net6(prefix6[g], high, low)
            found |= maybe(address_hash(seed6, prefix6[g], net_high, net_low), bloom)
        if found:
            _note(c, row, field, IPV6, item, high, low, 0, 0, True)


@inlined
def _valid(valid: Num, slot: Num, row: Num) -> Num:
    return (valid[slot, row >> 3] >> (row & 7)) & 1 != 0


@kernel
def find_candidates(a: Arrays, x: IndexArrays, c: Candidates, plan: Num, first_row: Num, end_row: Num) -> Num:
    """Look rows first_row .. end_row up; returns the row to go on from (less than end_row when `c` is full).

    `plan` [k, 2] lists the text slots to look up with their exact type; a row that was refused is passed over.
    """
    buf, text, start, valid = a.buf, a.text, a.start, a.valid
    addr, family, error = a.addr, a.family, a.error
    seeds, bloom, near4, prefix6 = x.seeds, x.bloom, x.near4, x.prefix6
    seed6 = seeds[seeds.shape[0] - 1]
    room = c.row.shape[0] - ROOM
    for row in range(first_row, end_row):
        if error[row] != 0:
            continue
        if c.count[0] > room:
            return row
        for side in range(2):
            _address(
                c, near4, prefix6, seed6, bloom, family[side, row], addr[side, row, 0], addr[side, row, 1],
                row, _SRC if side == 0 else _DST, _NO_ITEM,
            )  # fmt: skip
        for k in range(plan.shape[0]):
            slot = plan[k, 0]
            if not _valid(valid, slot, row):
                continue
            begin, n = np.int64(start[slot, row]), np.int64(text[slot, row, 0] & _LOW32)
            wanted = plan[k, 1]
            if wanted == DOMAIN:
                _name(c, seeds[DOMAIN], bloom, buf, begin, n, row, slot, _NO_ITEM)
            else:
                _exact(c, seeds, bloom, wanted, buf, begin, n, row, slot, _NO_ITEM)
    return end_row


@kernel
def find_item_candidates(a: Arrays, x: IndexArrays, c: Candidates, which: Num, field: Num, first: Num) -> Num:
    """Look the elements of the list `which` up, from `first` on; returns the element to go on from."""
    buf, address, error = a.buf, a.item_addr, a.error
    seeds, bloom, near4, prefix6 = x.seeds, x.bloom, x.near4, x.prefix6
    seed6 = seeds[seeds.shape[0] - 1]
    room = c.row.shape[0] - ROOM
    for k in range(first, a.state[ITEMS + which]):
        row = np.int64(a.item_row[which, k])
        if error[row] != 0:
            continue
        if c.count[0] > room:
            return k
        begin, n = np.int64(a.item_start[which, k]), np.int64(a.item[which, k, 0] & _LOW32)
        if which == _ANSWERS and address[k, 0] != U(0):
            family = np.uint8(address[k, 0])
            _address(c, near4, prefix6, seed6, bloom, family, address[k, 1], address[k, 2], row, field, k)
            continue
        if which == _MAIL_TO:
            _exact(c, seeds, bloom, EMAIL, buf, begin, n, row, field, k)
        _name(c, seeds[DOMAIN], bloom, buf, begin, n, row, field, k)
    return a.state[ITEMS + which]


@inlined
def _record(hits: Hits, row: Num, field: Num, entry: Num, item: Num) -> None:
    k = hits.count[0]
    hits.row[k] = row
    hits.field[k] = field
    hits.entry[k] = entry
    hits.item[k] = item
    hits.count[0] = k + 1


@kernel
def confirm(a: Arrays, x: IndexArrays, c: Candidates, hits: Hits, first: Num) -> Num:
    """Candidates from `first` on to hits, within their validity; returns the candidate to go on from.

    An exact value is compared byte for byte; of an address every net that holds it is found, by binary search.
    """
    buf, ts = a.buf, a.num[_TS]
    slots, data, at, kinds, exact_only = x.slots, x.data, x.at, x.kind, x.exact_only
    valid_from, valid_until = x.valid_from, x.valid_until
    net4, net6_high, net6_low = x.net4, x.net6_high, x.net6_low
    mask = U(slots.shape[0] - 1)
    for k in range(first, c.count[0]):
        row, field, item, kind = c.row[k], c.field[k], c.item[k], c.kind[k]
        now = ts[row]
        if kind == IPV4 or kind == IPV6:
            # at most one hit for each entry of a run, and there are no more entries than values
            prefixes = x.prefix4 if kind == IPV4 else x.prefix6
            runs = x.run4 if kind == IPV4 else x.run6
            entries = x.entry4 if kind == IPV4 else x.entry6
            before = hits.count[0]
            for g in range(prefixes.shape[0]):
                if kind == IPV4:
                    shift = U(32 - prefixes[g])
                    high, low = U(0), (c.second[k] >> shift) << shift
                else:
                    high, low = _net6(prefixes[g], c.first[k], c.second[k])
                left, right = runs[g], runs[g + 1]
                end = right
                while left < right:
                    middle = (left + right) >> 1
                    if kind == IPV4:
                        less = net4[middle] < low
                    else:
                        less = net6_high[middle] < high or (net6_high[middle] == high and net6_low[middle] < low)
                    if less:
                        left = middle + 1
                    else:
                        right = middle
                while left < end and (
                    net4[left] == low if kind == IPV4 else net6_high[left] == high and net6_low[left] == low
                ):
                    entry = np.int64(entries[left])
                    if valid_from[entry] <= now <= valid_until[entry]:
                        if hits.count[0] >= hits.row.shape[0]:
                            hits.count[0] = before
                            return k
                        _record(hits, row, field, entry, item)
                    left += 1
            continue
        if hits.count[0] >= hits.row.shape[0]:
            return k
        h, begin, n = c.first[k], np.int64(c.begin[k]), np.int64(c.length[k])
        place = h & mask
        while slots[place] != U(0):
            if slots[place] & ~_LOW32 == h & ~_LOW32:
                entry = np.int64(slots[place] & _LOW32) - 1
                origin = at[entry]
                same = np.int64(kinds[entry]) == kind and at[entry + 1] - origin == n
                j = 0
                while same and j < n:
                    same = data[origin + j] == byte_at(buf, begin + j)
                    j += 1
                if same:
                    if valid_from[entry] <= now <= valid_until[entry] and (c.whole[k] or not exact_only[entry]):
                        _record(hits, row, field, entry, item)
                    break
            place = (place + U(1)) & mask
    return c.count[0]
