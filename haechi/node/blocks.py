"""A piece of a log through a block: scanned, brought into normal form and matched a few rows at a time."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.ingest.engines.engine import Engine
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.finish import Finisher
from haechi.model.block import POSITION, ROWS, Block

if TYPE_CHECKING:
    from haechi.node.worker import Setting


def filled(
    block: Block, matcher: Matcher, index: Index, engine: Engine, piece: Piece, setting: "Setting", *, step: int
) -> Iterator[Finisher]:
    """Fill the block with the piece's next records, again and again; each time the caller takes what stands in it.

    Gives what finished the rows. `step` rows are worked on while they are in cache. Ends at the piece's end, or where
    the engine makes no progress any more: then `state[POSITION]` lies before the piece's end.
    """
    state = block.a.state
    position = 0
    while position < piece.length:
        block.reset(position)
        matcher.reset()
        finisher = Finisher(engine.meaning, setting.rule, setting.parties)
        while _goes_on(block, matcher, index, engine, piece, finisher, step):
            pass
        yield finisher
        if int(state[POSITION]) == position:
            return
        position = int(state[POSITION])


def _goes_on(
    block: Block, matcher: Matcher, index: Index, engine: Engine, piece: Piece, finisher: Finisher, step: int
) -> bool:
    """One step; whether there is another one in this block."""
    state = block.a.state
    at, rows = int(state[POSITION]), int(state[ROWS])
    engine.scan(block, piece.length, min(rows + step, block.rows), last=piece.last)
    finisher.finish(block, rows)
    now_at, now_rows = int(state[POSITION]), int(state[ROWS])
    matcher.match(block, index, now_rows)
    if now_at >= piece.length or now_rows >= block.rows or (now_at, now_rows) == (at, rows):
        return False
    return not rows < now_rows < rows + step  # the engine stopped early: its lists are full, or its columns change
