"""Refused records as rows for the lake: where, why, and the original bytes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

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


def refused_records(block: Block, piece: Piece, rows_from: int = 0) -> Iterator[RefusedRecord]:
    """All records of this piece that the engine or the finish refused, in no particular order."""
    a = block.a
    for k in range(int(a.state[BAD])):
        begin, n = int(a.bad_at[k]), int(a.bad_length[k])
        yield _record(block, piece, begin, n, int(a.bad_code[k]), int(a.bad_field[k]), None)
    for row in (np.flatnonzero(a.error[rows_from : int(a.state[ROWS])]) + rows_from).tolist():
        begin, n = int(a.offset[row]), int(a.length[row])
        yield _record(block, piece, begin, n, int(a.error[row]), int(a.error_field[row]), row)


def refused_by_feed(piece: Piece) -> Sequence[RefusedRecord]:
    """What stood in no block: lines too long for a piece, and the end of a stream that was cut off."""
    return [RefusedRecord(r.offset, r.length, None, REASON[r.code], "", "", r.raw) for r in piece.refused]


def _record(block: Block, piece: Piece, begin: int, n: int, code: int, field: int, row: int | None) -> RefusedRecord:
    line = int(np.count_nonzero(block.a.buf[:begin] == 10)) + 1 if piece.lines_known else None
    name = "" if field < 0 else TEXT[field] if field < len(TEXT) else NUM[field - len(TEXT)]
    value = ""
    if row is not None and 0 <= field < len(TEXT):
        value = block.text(field, row) or ""
    elif row is not None and field >= len(TEXT):
        value = str(int(block.a.num[field - len(TEXT), row]))
    raw = bytes(block.a.buf[begin : begin + min(n, KEPT)])
    return RefusedRecord(piece.base + begin, n, line, REASON[code], name, value[:200], raw)
