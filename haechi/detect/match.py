"""Match a block's rows: the plan of which column is looked up as what, and the hits as Arrow."""

from collections.abc import Callable

import numpy as np

from haechi.detect.index import Index
from haechi.detect.index_kernel import CERT, DOMAIN, EMAIL, JA3, JA4, MD5, SHA1, SHA256, SHA512, URL
from haechi.detect.match_kernel import (
    FIELD_ANSWERS,
    FIELD_MAIL_TO,
    LONGEST_NAME,
    ROOM,
    ROWS_AT_ONCE,
    Candidates,
    Hits,
    Probes,
    confirm,
    find_candidates,
    find_item_candidates,
)
from haechi.model.block import ITEMS, LIST, TEXT, Block, L, T

# Text slot -> value type it is looked up as. A name is found with all its parent domains; so is a mail address's.
PLAN = np.array(
    [
        (T["domain"], DOMAIN),
        (T["sni"], DOMAIN),
        (T["url"], URL),
        (T["mail_from"], EMAIL),
        (T["mail_from"], DOMAIN),
        (T["md5"], MD5),
        (T["sha1"], SHA1),
        (T["sha256"], SHA256),
        (T["sha512"], SHA512),
        (T["ja3"], JA3),
        (T["ja4"], JA4),
        (T["cert"], CERT),
    ],
    np.int64,
)
FIELDS: tuple[str, ...] = TEXT + LIST


class Matcher:
    """Collects the hits of one block. Made once per worker; `matched` is the next row to look at."""

    def __init__(self, rows: int) -> None:
        self.hits = _hits(rows + 8192)
        self._candidates = _candidates(2 * ROWS_AT_ONCE * ROOM)  # address space: what isn't filled takes no memory
        self._probes = _probes(ROWS_AT_ONCE * (LONGEST_NAME + 2))
        self.reset()

    def reset(self) -> None:
        """Forget the hits: the block begins anew."""
        self.hits.count[0] = 0
        self.matched = 0
        self._items = [0, 0]
        self._at_once = 1 << 30  # rows that are tried: fewer once they gave more hits than there is room for

    def match(self, block: Block, index: Index, end_row: int, take: Callable[[], None]) -> None:
        """Match the rows that came since the last call, up to `end_row`, and their list elements.

        Where the hits get full, `take` is called to take them away; all hits of a row are taken together.
        """
        if index.values == 0:
            self.matched = end_row
        while self.matched < end_row:
            before, end = int(self.hits.count[0]), min(end_row, self.matched + self._at_once)
            if self._rows(block, index, end):
                continue
            self.hits.count[0], self._candidates.count[0] = before, 0
            if before:
                take()
                self.hits.count[0] = 0
            elif end > self.matched + 1:
                self._at_once = (end - self.matched) // 2
            else:
                self.hits = _hits(2 * len(self.hits.row))  # one row alone

    def _rows(self, block: Block, index: Index, end_row: int) -> bool:
        """Match the rows up to `end_row`; False, and `matched` stays, if there is no room for the hits."""
        a, row = block.a, self.matched
        while row < end_row:
            row = find_candidates(a, index.arrays, self._probes, self._candidates, PLAN, row, end_row)
            if not self._confirm(block, index):
                return False
        ends = []
        for item, (which, field) in zip(
            self._items, ((L["answers"], FIELD_ANSWERS), (L["mail_to"], FIELD_MAIL_TO)), strict=True
        ):
            rows = a.item_row[which, : int(a.state[ITEMS + which])]
            end = int(np.searchsorted(rows, np.int32(end_row)))
            while item < end:
                item = find_item_candidates(a, index.arrays, self._probes, self._candidates, which, field, item, end)
                if not self._confirm(block, index):
                    return False
            ends.append(end)
        self.matched, self._items = end_row, ends
        return True

    def _confirm(self, block: Block, index: Index) -> bool:
        """Turn the candidates into hits, and forget them; False if there is no room for all."""
        done = confirm(block.a, index.arrays, self._candidates, self.hits, 0)
        whole = int(done) == int(self._candidates.count[0])
        self._candidates.count[0] = 0
        return whole


def _hits(capacity: int) -> Hits:
    return Hits(
        row=np.empty(capacity, np.int32),
        field=np.empty(capacity, np.int16),
        entry=np.empty(capacity, np.int32),
        item=np.empty(capacity, np.int32),
        count=np.zeros(1, np.int64),
    )


def _probes(capacity: int) -> Probes:
    return Probes(
        hash=np.empty(capacity, np.uint64),
        begin=np.empty(capacity, np.int32),
        length=np.empty(capacity, np.int32),
        place=np.empty(capacity, np.int32),
        kind=np.empty(capacity, np.int16),
        whole=np.empty(capacity, np.bool_),
        count=np.zeros(1, np.int64),
    )


def _candidates(capacity: int) -> Candidates:
    return Candidates(
        row=np.empty(capacity, np.int32),
        field=np.empty(capacity, np.int16),
        kind=np.empty(capacity, np.int16),
        item=np.empty(capacity, np.int32),
        first=np.empty(capacity, np.uint64),
        second=np.empty(capacity, np.uint64),
        begin=np.empty(capacity, np.int32),
        length=np.empty(capacity, np.int32),
        whole=np.empty(capacity, np.bool_),
        count=np.zeros(1, np.int64),
    )
