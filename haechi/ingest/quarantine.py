"""Refused records as rows for the lake: where, why, and the original bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from haechi.ingest.feed import Piece
from haechi.ingest.refusal import REASON
from haechi.model.block import BAD, NUM, ROWS, TEXT, Block

KEPT = 1 << 20  # bytes of a refused record that are kept; the rest can be read from the input


@dataclass(frozen=True, slots=True)
class RefusedRecord:
    """One refused record. `offset` counts from the stream's start, `line` from the piece's (1 is its first line)."""

    offset: int
    length: int
    line: int | None
    reason: str  # message id
    field: str
    value: str
    raw: bytes


def refused_records(block: Block, piece: Piece) -> Iterator[RefusedRecord]:
    """All records of this piece that the engine or the finish refused, in the order of the stream."""
    a = block.a
    bad, rows = int(a.state[BAD]), np.flatnonzero(a.error[: int(a.state[ROWS])])
    found = [
        *zip(*(x[:bad].tolist() for x in (a.bad_at, a.bad_length, a.bad_code, a.bad_field)), [None] * bad, strict=True),
        *zip(*(x[rows].tolist() for x in (a.offset, a.length, a.error, a.error_field)), rows.tolist(), strict=True),
    ]
    line, counted = 1, 0
    for begin, n, code, field, row in sorted(found, key=itemgetter(0)):
        if piece.lines_known:
            line, counted = line + _newlines(a.buf, counted, begin), begin
        name = "" if field < 0 else TEXT[field] if field < len(TEXT) else NUM[field - len(TEXT)]
        value = ""
        if row is not None and 0 <= field < len(TEXT):
            value = block.text(field, row) or ""
        elif row is not None and field >= len(TEXT):
            value = str(int(a.num[field - len(TEXT), row]))
        raw = bytes(a.buf[begin : begin + min(n, KEPT)])
        where = line if piece.lines_known else None
        yield RefusedRecord(piece.base + begin, n, where, REASON[code], name, value[:200], raw)


def refused_by_feed(piece: Piece) -> Sequence[RefusedRecord]:
    """What stood in no block: lines too long for a piece, and the end of a stream that was cut off."""
    return [RefusedRecord(r.offset, r.length, None, REASON[r.code], "", "", r.raw) for r in piece.refused]


def _newlines(buf: npt.NDArray[np.uint8], begin: int, end: int) -> int:
    """How many line ends stand in buf[begin:end]; in steps that stay in cache."""
    step = 1 << 16
    return sum(int(np.count_nonzero(buf[at : min(at + step, end)] == 10)) for at in range(begin, end, step))
