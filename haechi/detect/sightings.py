"""Hits as sighting rows: our ids, our own text and the raw record; nothing of what others say about the value."""

import numpy as np
import pyarrow as pa

from haechi.detect.index import Index
from haechi.detect.match import FIELDS, Matcher
from haechi.detect.match_kernel import FIELD_ANSWERS
from haechi.model.block import TEXT, Block

_EVENT = pa.struct([pa.field("input_id", pa.int32()), pa.field("offset", pa.int64())])
MATCHER_VERSION = 1


def sighting_table(
    block: Block, matcher: Matcher, index: Index, *, base: int, input_id: int, matched_at: int
) -> pa.Table:
    """The block's hits: one row for each event and value, columns of `model.event` less those that are constant."""
    count = int(matcher.hits.count[0])
    hits = matcher.hits
    # One event and one value give one sighting, by the first column that shows it.
    seen: set[tuple[int, int]] = set()
    chosen = []
    for k in range(count):
        key = (int(hits.row[k]), int(hits.entry[k]))
        if key not in seen:
            seen.add(key)
            chosen.append(k)
    places = np.array(chosen, np.int64)
    rows, fields, entries = hits.row[places], hits.field[places], hits.entry[places]
    a = block.a
    offsets, lengths = a.offset[rows], a.length[rows]
    ts = pa.array(a.num[0, rows]).cast(pa.timestamp("us", tz="UTC"))
    events = pa.StructArray.from_arrays(
        [pa.array(np.full(len(rows), input_id, np.int32)), pa.array(offsets + base)], fields=list(_EVENT)
    )
    return pa.table(
        {
            "ts": ts,
            "ts_offset": pa.array(a.num[1, rows]).cast(pa.int32()),
            "last_ts": ts,
            "affected_id": pa.array(a.party[rows], mask=a.party[rows] == 0),
            "matcher": pa.array(["value"] * len(rows)),
            "matcher_id": pa.array(index.arrays.value_id[entries]),
            "matcher_version": pa.array(np.full(len(rows), MATCHER_VERSION, np.int32)),
            "field": pa.array([FIELDS[f] for f in fields]),
            "value": pa.array(
                [_text(block, int(f), int(r), int(hits.item[k])) for f, r, k in zip(fields, rows, places, strict=True)]
            ),
            "events": pa.ListArray.from_arrays(pa.array(np.arange(len(rows) + 1, dtype=np.int32)), events),
            "matched_at": pa.array(np.full(len(rows), matched_at)).cast(pa.timestamp("us", tz="UTC")),
            "raw": pa.array([bytes(a.buf[o : o + n]) for o, n in zip(offsets, lengths, strict=True)], pa.binary()),
            "raw_offset": pa.array(offsets + base),
            "raw_length": pa.array(lengths),
        }
    )


def _text(block: Block, field: int, row: int, item: int) -> str | None:
    if field < len(TEXT):
        return block.text(field, row)
    which = 0 if field == FIELD_ANSWERS else 1
    begin = int(block.a.item_start[which, item])
    n = int(block.a.item[which, item, 0] & np.uint64(0xFFFFFFFF))
    return bytes(block.a.buf[begin : begin + n]).decode(errors="replace")
