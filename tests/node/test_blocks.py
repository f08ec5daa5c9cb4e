"""A piece goes through a block as often as it takes; an engine that stands still is told by its place."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from haechi.detect.match import Matcher
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.feed import Piece
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.readers import eve
from haechi.model.block import PADDING, POSITION, ROWS, Block
from haechi.model.clock import DAY
from haechi.node.blocks import Setting, filled
from haechi.node.matching import current_index

NOW = 1_790_000_000_000_000
RULE = time_rule("", newest=NOW, oldest=0, latest=NOW + DAY)
SETTING = Setting(input_id=4, sensor_id=5, observer_id=6, rule=RULE, parties=party_table([]))


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    made.knows("list", "203.0.113.9")
    yield made
    made.home.close()


def piece_of(block: Block, data: bytes) -> Piece:
    block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
    block.a.buf[len(data) : len(data) + PADDING] = 0
    return Piece(0, len(data), len(data), True, b"", last=True)


def test_block_after_block(node: Any) -> None:
    lines = [node.line(NOW if n % 10 else "never", f"203.0.113.{n % 10}") for n in range(200)]
    block, matcher = Block(chunk=1 << 20, rows=64), Matcher(64)
    piece = piece_of(block, "".join(f"{line}\n" for line in lines).encode())
    index, state = current_index(node.home), block.a.state
    found = [
        (int(state[ROWS]), finisher.refused, int(matcher.hits.count[0]))
        for finisher in filled(block, matcher, index, engine_for(eve.READER), piece, SETTING, lambda: None)
    ]
    assert [rows for rows, _, _ in found] == [64, 64, 64, 8]
    assert (sum(refused for _, refused, _ in found), sum(hits for _, _, hits in found)) == (20, 20)
    assert int(state[POSITION]) == piece.length


def test_an_engine_that_stands_still_ends_it(node: Any) -> None:
    class Still:
        meaning = engine_for(eve.READER).meaning

        def scan(self, *_: Any, **__: Any) -> None: ...

    block, matcher = Block(chunk=1 << 20, rows=64), Matcher(64)
    piece, engine = piece_of(block, b"{}\n"), Still()
    rounds = list(filled(block, matcher, current_index(node.home), engine, piece, SETTING, lambda: None))  # type: ignore[arg-type]
    assert (len(rounds), int(block.a.state[POSITION])) == (1, 0)
