"""Match a block's rows: the plan of which column is looked up as what, and the hits as Arrow."""

import numpy as np

from haechi.detect.index import Index
from haechi.detect.match_kernel import (
    CERT,
    DOMAIN,
    EMAIL,
    FIELD_ANSWERS,
    FIELD_MAIL_TO,
    JA3,
    JA4,
    MD5,
    SHA1,
    SHA256,
    SHA512,
    URL,
    Hits,
    match_items,
    match_rows,
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
        capacity = rows + 8192
        self.hits = _hits(capacity)
        self.matched = 0
        self.items = [0, 0]

    def reset(self) -> None:
        """Forget the hits: the block begins anew."""
        self.hits.count[0] = 0
        self.matched = 0
        self.items = [0, 0]

    def match(self, block: Block, index: Index, end_row: int) -> None:
        """Match the rows that came since the last call, up to `end_row`."""
        if index.values == 0:
            self.matched = end_row
            return
        while self.matched < end_row:
            self.matched = match_rows(block.a, index.arrays, self.hits, PLAN, self.matched, end_row)
            if self.matched < end_row:
                self._grow()
        for place, (which, field) in enumerate(((L["answers"], FIELD_ANSWERS), (L["mail_to"], FIELD_MAIL_TO))):
            while self.items[place] < int(block.a.state[ITEMS + which]):
                self.items[place] = match_items(block.a, index.arrays, self.hits, which, field, self.items[place])
                if self.items[place] < int(block.a.state[ITEMS + which]):
                    self._grow()

    def _grow(self) -> None:
        count = int(self.hits.count[0])
        larger = _hits(len(self.hits.row) * 2)
        for name in ("row", "field", "entry", "item"):
            getattr(larger, name)[:count] = getattr(self.hits, name)[:count]
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
