"""Match a block's rows: the plan of which column is looked up as what, and the hits as Arrow."""

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
        self.matched = 0
        self._items = [0, 0]

    def reset(self) -> None:
        """Forget the hits: the block begins anew."""
        self.hits.count[0] = 0
        self.matched = 0
        self._items = [0, 0]

    def match(self, block: Block, index: Index, end_row: int) -> None:
        """Match the rows that came since the last call, up to `end_row`, and their list elements."""
        if index.values == 0:
            self.matched = end_row
            return
        while self.matched < end_row:
            self.matched = find_candidates(
                block.a, index.arrays, self._probes, self._candidates, PLAN, self.matched, end_row
            )
            self._confirm(block, index)
        for place, (which, field) in enumerate(((L["answers"], FIELD_ANSWERS), (L["mail_to"], FIELD_MAIL_TO))):
            while self._items[place] < int(block.a.state[ITEMS + which]):
                self._items[place] = find_item_candidates(
                    block.a, index.arrays, self._probes, self._candidates, which, field, self._items[place]
                )
                self._confirm(block, index)

    def _confirm(self, block: Block, index: Index) -> None:
        """Turn the candidates into hits, and forget them."""
        done = 0
        while done < int(self._candidates.count[0]):
            done = confirm(block.a, index.arrays, self._candidates, self.hits, done)
            if done < int(self._candidates.count[0]):
                self._grow()
        self._candidates.count[0] = 0

    def _grow(self) -> None:
        count = int(self.hits.count[0])
        larger = _hits(len(self.hits.row) * 2)
        larger.row[:count] = self.hits.row[:count]
        larger.field[:count] = self.hits.field[:count]
        larger.entry[:count] = self.hits.entry[:count]
        larger.item[:count] = self.hits.item[:count]
        larger.count[0] = count
        self.hits = larger


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
