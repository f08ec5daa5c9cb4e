"""Hits as sighting rows: our ids, our own text and the raw record; nothing of what others say about the value."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi.detect.index import Index
from haechi.detect.match import FIELDS, Matcher
from haechi.model.block import TEXT, Block
from haechi.model.gather_kernel import gather_slices

_EVENT = pa.struct([pa.field("input_id", pa.int32()), pa.field("offset", pa.int64())])
MATCHER_VERSION = 1
PART_BYTES = 64 << 20  # of the records in one table: the longest lines of a log may be hit very often

Ints = npt.NDArray[np.integer[Any]]


def sighting_tables(
    block: Block, matcher: Matcher, index: Index, *, base: int, input_id: int, matched_at: int
) -> Iterator[pa.Table]:
    """The block's hits: one row for each event and value, columns of `model.event` less those that are constant."""
    hits = matcher.hits
    count = int(hits.count[0])
    # One event and one value give one sighting, by the first column that shows it.
    both = hits.row[:count].astype(np.int64) << 32 | hits.entry[:count]
    places = np.sort(np.unique(both, return_index=True)[1])
    parts = np.cumsum(block.a.length[hits.row[places]], dtype=np.int64) // PART_BYTES
    for part in np.split(places, np.flatnonzero(np.diff(parts)) + 1):
        if len(part):
            yield _table(block, matcher, index, part, base=base, input_id=input_id, matched_at=matched_at)


def _table(
    block: Block, matcher: Matcher, index: Index, places: Ints, *, base: int, input_id: int, matched_at: int
) -> pa.Table:
    hits, a = matcher.hits, block.a
    rows, fields, entries = hits.row[places], hits.field[places], hits.entry[places]
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
            "matcher": pa.repeat("value", len(rows)),
            "matcher_id": pa.array(index.arrays.value_id[entries]),
            "matcher_version": pa.array(np.full(len(rows), MATCHER_VERSION, np.int32)),
            "field": pa.DictionaryArray.from_arrays(pa.array(fields), pa.array(FIELDS)).cast(pa.string()),
            "value": _slices(a.buf, *_texts(block, fields, rows, hits.item[places])).cast(pa.string()),
            "events": pa.ListArray.from_arrays(pa.array(np.arange(len(rows) + 1, dtype=np.int32)), events),
            "matched_at": pa.array(np.full(len(rows), matched_at)).cast(pa.timestamp("us", tz="UTC")),
            "raw": _slices(a.buf, offsets, lengths),
            "raw_offset": pa.array(offsets + base),
            "raw_length": pa.array(lengths),
        }
    )


def _slices(buf: npt.NDArray[np.uint8], begin: Ints, length: Ints) -> pa.BinaryArray:
    length = length.astype(np.int64)
    offsets = np.empty(len(begin) + 1, np.int32)
    data = np.empty(int(length.sum()) + 16, np.uint8)
    gather_slices(buf, begin, length, offsets, data)
    return pa.Array.from_buffers(pa.binary(), len(begin), [None, pa.py_buffer(offsets), pa.py_buffer(data)])


def _texts(block: Block, fields: Ints, rows: Ints, items: Ints) -> tuple[Ints, Ints]:
    """Where in the block's buffer our own text of each hit stands, and its length."""
    a, mask = block.a, np.uint64(0xFFFFFFFF)
    begin, length = np.empty(len(rows), np.int64), np.empty(len(rows), np.int64)
    for field in np.unique(fields).tolist():
        those = fields == field
        if field < len(TEXT):
            begin[those] = a.start[field, rows[those]]
            length[those] = a.text[field, rows[those], 0] & mask
        else:
            begin[those] = a.item_start[field - len(TEXT), items[those]]
            length[those] = a.item[field - len(TEXT), items[those], 0] & mask
    return begin, length
