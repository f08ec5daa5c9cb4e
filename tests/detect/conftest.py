"""JSON bytes in, hits out: the way an ingest goes, without a lake."""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from haechi.detect import index
from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.detect.sightings import sighting_tables
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.readers import eve
from haechi.model.block import POSITION, ROWS, Block
from haechi.model.suffix import is_public_suffix

AT = 1_790_000_000_000_000
Indicators = Iterable[tuple[Any, ...]]  # (type, text), (type, text, valid_from, valid_until)


def table_of(indicators: Indicators) -> pa.Table:
    """What the catalog's `matchable` gives; ids count from 1 in the order given."""
    rows = [(*found, None, None)[:4] for found in indicators]
    return pa.table(
        {
            "value_id": pa.array(range(1, len(rows) + 1), pa.int64()),
            "type": pa.array([str(r[0]) for r in rows], pa.string()),
            "text": pa.array([r[1] for r in rows], pa.string()),
            "valid_from": pa.array([r[2] for r in rows], pa.int64()),
            "valid_until": pa.array([r[3] for r in rows], pa.int64()),
            "exact": pa.array([r[0] == "domain" and is_public_suffix(r[1]) for r in rows], pa.bool_()),
        }
    )


@pytest.fixture(scope="session")
def make_index() -> Iterator[Callable[[Indicators], Index]]:
    memory = Path("/dev/shm")  # hundreds of indexes, each flushed
    folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
    path = Path(folder.name) / "match.index"

    def make(indicators: Indicators) -> Index:
        index.write(path, index.build(table_of(indicators)), 7)
        made = index.load(path)
        assert made is not None
        return made

    yield make
    folder.cleanup()


@pytest.fixture(scope="session")
def sightings_of(make_index: Callable[[Indicators], Index]) -> Callable[..., list[dict[str, Any]]]:
    """f(indicators, EVE records or bytes, step=, room=) -> the sighting rows; `at` is the record's number."""
    block = Block(chunk=1 << 20, rows=2048)

    def run(
        indicators: Indicators,
        records: Sequence[Mapping[str, Any]] | bytes,
        *,
        step: int = 1024,
        base: int = 0,
        networks: Iterable[tuple[str, int]] = (),
        matcher: Matcher | None = None,
        schema_of: list[pa.Schema] | None = None,
    ) -> list[dict[str, Any]]:
        data = records if isinstance(records, bytes) else b"".join(json.dumps(r).encode() + b"\n" for r in records)
        found = make_index(indicators)
        block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
        block.a.buf[len(data) : len(data) + 128] = 0
        block.reset(0)
        engine = engine_for(eve.READER)
        rule = time_rule("", newest=AT, oldest=0, latest=2**62)
        finisher = Finisher(engine.meaning, rule, party_table(networks))
        matcher = matcher or Matcher(2048)
        matcher.reset()
        state = block.a.state
        tables: list[pa.Table] = []

        def take() -> None:
            tables.extend(sighting_tables(block, matcher, found, base=base, input_id=3, matched_at=AT))

        while state[POSITION] < len(data):
            first = int(state[ROWS])
            engine.scan(block, len(data), min(first + step, block.rows))
            finisher.finish(block, first)
            matcher.match(block, found, int(state[ROWS]), take)
        take()
        if schema_of is not None:
            schema_of.extend(table.schema for table in tables)
        starts = {base + at: number for number, at in enumerate(_starts(data))}
        return [{**row, "at": starts[row["raw_offset"]]} for table in tables for row in table.to_pylist()]

    return run


def _starts(data: bytes) -> list[int]:
    at, found = 0, []
    for line in data.splitlines(keepends=True):
        found.append(at)
        at += len(line)
    return found
