"""The record that a log's end cuts short: in the quarantine until the log goes on, then read again whole.

Its bytes stand behind the input's committed offset, so that the next run reads them again. A second transaction of the
lake says how much of the log was seen: a log that ends there again brings nothing new. What is in the quarantine at or
behind the committed offset is this record, and leaves it in the commit that goes beyond.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from haechi.ingest.feed import Piece
from haechi.ingest.quarantine import RefusedRecord
from haechi.ingest.refusal import REASON, UNTERMINATED
from haechi.model.clock import DAY
from haechi.model.event import QUARANTINE
from haechi.store.lake import Lake, Staged


def seen_by(uuid: str) -> str:
    """The lake's application whose version is how much of the input was seen when a record was left unfinished."""
    return f"{uuid}:seen"


def unfinished(piece: Piece, refused: Sequence[RefusedRecord], *, multiline: bool) -> int | None:
    """Where the refused record begins that nothing ends but the log's end: more of it may come.

    Where a record may span lines, each line from an open quote on is refused by itself: all of them are this record.
    """
    begin, reach = None, piece.end - 2 if piece.open_at is None else piece.open_at
    for record in sorted(refused, key=lambda record: record.offset, reverse=True):
        if record.offset + record.length < reach:
            break
        open_line = begin is None and piece.open_at is not None
        if open_line or (multiline and piece.last and record.reason == REASON[UNTERMINATED]):
            begin = record.offset
        if not multiline:
            break
        reach = record.offset - 2  # but for the line end, \r\n at most
    return begin


def waits(lake: Lake, input_id: int, offset: int) -> bool:
    """Whether the quarantine still holds what stands there; a replay may have read it."""
    return bool(_files_with(lake, {input_id: offset}))


def take_away(lake: Lake, offsets: Mapping[int, int]) -> tuple[list[str], list[Staged]]:
    """The quarantine's files that hold what stands at or behind each input's offset, and new ones without it."""
    staged: list[Staged] = []
    found = _files_with(lake, offsets)
    try:
        for name, leaves in found.items():
            rest = pq.ParquetFile(name).read().filter(pa.array(~leaves))
            if rest.num_rows:
                staged.append(lake.write(QUARANTINE, rest["ts"].cast(pa.int64())[0].as_py() // DAY, rest))
    except BaseException:
        lake.discard(staged)
        raise
    return list(found), staged


def _files_with(lake: Lake, offsets: Mapping[int, int]) -> dict[str, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]:
    """The files that hold such rows, and which of their rows these are."""
    found = {}
    for name in lake.files(QUARANTINE):
        rows = pq.ParquetFile(name).read(["input_id", "raw_offset"])
        ids, at = rows["input_id"].to_numpy(), rows["raw_offset"].to_numpy()
        leaves = np.zeros(rows.num_rows, np.bool_)
        for input_id, offset in offsets.items():
            leaves |= (ids == input_id) & (at >= offset)
        if leaves.any():
            found[name] = leaves
    return found
