"""A block's rows against the index: which value hit which column. Reads arrays, writes hits; no catalog, no I/O.

Three steps, each a tight loop, so that the many loads from the index overlap: every wanted cell is hashed (a name with all
its parents), then the Bloom words are asked, and what they let pass is confirmed byte for byte. Addresses: a bitmap by
/24 (IPv4) or the Bloom words (IPv6) first, then one sorted run for each prefix length, so that every net that holds the
address is found.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from haechi.detect.index_kernel import DOMAIN, EMAIL, FNV, LOW32, IndexArrays, U, address_hash, exact_hash, maybe, mix
from haechi.model.address_kernel import parse_ipv4
from haechi.model.block import TEXT, Arrays, L, N, T
from haechi.model.jit import Num, byte_at, inlined, kernel, load64, trailing_zeros

IPV4, IPV6 = np.int64(104), np.int64(106)  # kinds of a candidate that is an address
ROWS_AT_ONCE = 512
LONGEST_NAME = 256  # bytes from a name's end that are looked at: a legal one has 253 (RFC 1035, 2.3.4)
ROOM = 1024  # candidates that one row or list element may give at most: three names of dots only, and the rest

# Hit fields: text slots, then lists
FIELD_ANSWERS, FIELD_MAIL_TO = len(TEXT) + L["answers"], len(TEXT) + L["mail_to"]
_TS = N["ts"]
_SRC, _DST = np.int64(T["src_addr"]), np.int64(T["dst_addr"])
_ANSWERS, _MAIL_TO = L["answers"], L["mail_to"]
_ONE = np.uint64(1)


class Probes(NamedTuple):
    """Hashes that wait for the Bloom words."""

    hash: npt.NDArray[np.uint64]
    begin: npt.NDArray[np.int32]  # where the text stands in the block's buffer
    length: npt.NDArray[np.int32]
    place: npt.NDArray[np.int32]  # row, or list element
    kind: npt.NDArray[np.int16]  # exact type
    whole: npt.NDArray[np.bool_]  # the whole name, not a parent of it
    count: npt.NDArray[np.int64]  # [1]


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
    """What was found, by 512 rows and in them by column: row, field (a text slot, or len(TEXT) + list slot), index entry, list item."""

    row: npt.NDArray[np.int32]
    field: npt.NDArray[np.int16]
    entry: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]  # of list fields: which element, else -1
    count: npt.NDArray[np.int64]  # [1]


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
def _probe(p: Probes, h: Num, begin: Num, n: Num, place: Num, kind: Num, whole: Num) -> None:
    k = p.count[0]
    p.hash[k] = h
    p.begin[k] = begin
    p.length[k] = n
    p.place[k] = place
    p.kind[k] = kind
    p.whole[k] = whole
    p.count[0] = k + 1


@inlined
def _hash_name(p: Probes, seed: Num, buf: Num, begin: Num, n: Num, place: Num) -> None:
    """A name and all its parents, from the last label on; `@` ends a mail address's domain."""
    h = seed
    end = np.int64(begin + n)
    first = max(np.int64(begin), end - LONGEST_NAME)
    j = end - 1
    while j >= first:
        byte = byte_at(buf, j)
        if byte == 46 or byte == 64:
            _probe(p, mix(h), j + 1, end - j - 1, place, DOMAIN, byte == 64)
            if byte == 64:
                return
        h = (h ^ U(byte)) * FNV
        j -= 1
    if first == begin:
        _probe(p, mix(h), begin, n, place, DOMAIN, True)


@inlined
def _ask(p: Probes, bloom: Num, c: Candidates, rows: Num, field: Num, listed: Num) -> None:
    """The waiting probes of one column to candidates; of a list (`listed`) `rows` says each element's row."""
    for k in range(p.count[0]):
        if maybe(p.hash[k], bloom):
            place = np.int64(p.place[k])
            row = np.int64(rows[place]) if listed else place
            _note(
                c,
                row,
                field,
                p.kind[k],
                place if listed else np.int64(-1),
                p.hash[k],
                U(0),
                p.begin[k],
                p.length[k],
                p.whole[k],
            )
    p.count[0] = 0


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
def _host_address(buf: Num, begin: Num, n: Num) -> Num:
    """(is one, address) of a host that is an IPv4 address: behind a proxy the log shows the attacker's only here."""
    last = byte_at(buf, begin + n - 1)
    if n < 7 or n > 15 or last < 48 or last > 57:
        return False, U(0)
    return parse_ipv4(buf, begin, begin + n)


@kernel
def find_candidates(
    a: Arrays, x: IndexArrays, p: Probes, c: Candidates, plan: Num, first_row: Num, end_row: Num
) -> Num:
    """Look rows first_row .. end_row up; returns the row to go on from (less than end_row when `c` is full).

    `plan` [k, 2] lists the text slots to look up with their exact type; a row that was refused is passed over.
    """
    buf, text, start, valid = a.buf, a.text, a.start, a.valid
    addr, family, error = a.addr, a.family, a.error
    seeds, bloom, near4, prefix6 = x.seeds, x.bloom, x.near4, x.prefix6
    seed6 = seeds[seeds.shape[0] - 1]
    row = np.int64(first_row)
    while row < end_row:
        if c.count[0] > c.row.shape[0] - ROWS_AT_ONCE * ROOM:
            return row
        # Words of the validity bitmaps begin at multiples of 64.
        end = min(np.int64(end_row), (row // ROWS_AT_ONCE + 1) * ROWS_AT_ONCE)
        for side in range(2):
            field = _SRC if side == 0 else _DST
            for r in range(row, end):
                if error[r] == 0:
                    _address(
                        c, near4, prefix6, seed6, bloom, family[side, r], addr[side, r, 0], addr[side, r, 1],
                        r, field, np.int64(-1),
                    )  # fmt: skip
        for k in range(plan.shape[0]):
            slot, kind = plan[k, 0], plan[k, 1]
            word_row = row & ~np.int64(63)
            while word_row < end:
                word = load64(valid, slot * valid.shape[1] + (word_row >> 3))
                if word_row < row:
                    word &= ~((_ONE << U(row - word_row)) - _ONE)
                if word_row + 64 > end:
                    word &= (_ONE << U(end - word_row)) - _ONE
                while word != U(0):
                    r = word_row + np.int64(trailing_zeros(word))
                    word &= word - _ONE
                    if error[r] != 0:
                        continue
                    begin, n = np.int64(start[slot, r]), np.int64(text[slot, r, 0] & LOW32)
                    if kind == DOMAIN:
                        four, low = _host_address(buf, begin, n)
                        if four:
                            _address(
                                c, near4, prefix6, seed6, bloom, np.uint8(4), U(0), low, r, slot, np.int64(-1)
                            )  # fmt: skip
                        else:
                            _hash_name(p, seeds[DOMAIN], buf, begin, n, r)
                    else:
                        _probe(p, exact_hash(seeds[kind], buf, begin, n), begin, n, r, kind, True)
                word_row += 64
            _ask(p, bloom, c, a.item_row[0], slot, False)
        row = end
    return row


@kernel
def find_item_candidates(
    a: Arrays, x: IndexArrays, p: Probes, c: Candidates, which: Num, field: Num, first: Num, last: Num
) -> Num:
    """Look the elements first .. last of the list `which` up; returns the element to go on from."""
    buf, address, error = a.buf, a.item_addr, a.error
    seeds, bloom, near4, prefix6 = x.seeds, x.bloom, x.near4, x.prefix6
    seed6 = seeds[seeds.shape[0] - 1]
    rows = a.item_row[which]
    element = np.int64(first)
    while element < last:
        if c.count[0] > c.row.shape[0] - ROWS_AT_ONCE * ROOM:
            return element
        end = min(np.int64(last), element + ROWS_AT_ONCE)
        for k in range(element, end):
            row = np.int64(rows[k])
            if error[row] != 0:
                continue
            begin, n = np.int64(a.item_start[which, k]), np.int64(a.item[which, k, 0] & LOW32)
            if which == _ANSWERS and address[k, 0] != U(0):
                kind = np.uint8(address[k, 0])
                _address(c, near4, prefix6, seed6, bloom, kind, address[k, 1], address[k, 2], row, field, k)
                continue
            if which == _MAIL_TO:
                _probe(p, exact_hash(seeds[EMAIL], buf, begin, n), begin, n, k, EMAIL, True)
            _hash_name(p, seeds[DOMAIN], buf, begin, n, k)
        _ask(p, bloom, c, rows, field, True)
        element = end
    return element


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
                    if valid_from[entry] <= now < valid_until[entry]:
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
            if slots[place] & ~LOW32 == h & ~LOW32:
                entry = np.int64(slots[place] & LOW32) - 1
                origin = at[entry]
                same = np.int64(kinds[entry]) == kind and at[entry + 1] - origin == n
                j = 0
                while same and j < n:
                    same = data[origin + j] == byte_at(buf, begin + j)
                    j += 1
                if same:
                    if valid_from[entry] <= now < valid_until[entry] and (c.whole[k] or not exact_only[entry]):
                        _record(hits, row, field, entry, item)
                    break
            place = (place + U(1)) & mask
    return c.count[0]
