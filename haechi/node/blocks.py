"""A piece of a log through a block: scanned, brought into normal form and matched a few rows at a time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.normal_forms.finish_kernel import PartyTable
from haechi.ingest.normal_forms.time_kernel import TimeRule
from haechi.model.block import POSITION, ROWS, Block

STEP = 4096  # rows that are scanned, finished and matched while they are in cache
STEPS = 4  # at least, in a piece: what one step rewrites fits into the arena


@dataclass(frozen=True, slots=True)
class Setting:
    """What is the same for all pieces of one input."""

    input_id: int
    sensor_id: int
    observer_id: int
    rule: TimeRule
    parties: PartyTable


def filled(
    block: Block,
    matcher: Matcher,
    index: Index,
    engine: Engine,
    piece: Piece,
    setting: Setting,
    take: Callable[[], None],
) -> Iterator[Finisher]:
    """Fill the block with the piece's next records, again and again; each time the caller takes what stands in it.

    Gives what finished the rows. `take` is called for the hits, for each block and where they get full. Ends at the
    piece's end, or where the engine makes no progress any more: then `state[POSITION]` lies before the piece's end.
    """
    state = block.a.state
    position = 0
    while position < piece.length:
        block.reset(position)
        matcher.reset()
        finisher = Finisher(engine.meaning, setting.rule, setting.parties)
        _fill(block, engine, finisher, matcher, index, piece, take)
        take()
        yield finisher
        if int(state[POSITION]) == position:
            return
        position = int(state[POSITION])


def _fill(
    block: Block,
    engine: Engine,
    finisher: Finisher,
    matcher: Matcher,
    index: Index,
    piece: Piece,
    take: Callable[[], None],
) -> None:
    """Step by step, so that rows are in cache; until the block is full, half of its arena is, or the engine stops."""
    state, end = block.a.state, piece.length
    while True:
        position, rows = int(state[POSITION]), int(state[ROWS])
        stop = _line_end(block, position + block.chunk // STEPS, end)
        engine.scan(block, stop, min(rows + STEP, block.rows), last=piece.last and stop == end)
        finisher.finish(block, rows)
        matcher.match(block, index, int(state[ROWS]), take)
        if state[POSITION] >= end or state[ROWS] >= block.rows or block.is_half_full():
            break
        if state[POSITION] == position and state[ROWS] == rows:
            break


def _line_end(block: Block, at: int, end: int) -> int:
    """Where the line that holds byte `at` ends, at most `end`."""
    while at < end:
        newlines = np.flatnonzero(block.a.buf[at : min(at + 4096, end)] == ord("\n"))
        if newlines.size:
            return at + int(newlines[0]) + 1
        at += 4096
    return end
