"""Compile the kernels before they are needed: once for each build, kept in the cache (see model.jit)."""

import numpy as np
import pyarrow as pa

from haechi.detect import index
from haechi.detect.index import Index
from haechi.detect.match import Matcher
from haechi.detect.match_kernel import IndexArrays
from haechi.ingest.engine import engine_for
from haechi.ingest.finish import Finisher
from haechi.ingest.readers import eve
from haechi.ingest.rules import party_table, time_rule
from haechi.model.block import POSITION, ROWS, Block
from haechi.model.jit import cache_folder

_LINE = (
    b'{"timestamp":"2026-01-01T00:00:00Z","event_type":"dns","src_ip":"192.0.2.1","dest_ip":"2001:db8::1",'
    b'"dns":{"rrname":"a.example","answers":[{"rdata":"192.0.2.2"}]}}\n'
)


def warm() -> str:
    """Compile what an ingest of JSON lines takes; the cache folder. Half a minute the first time, then a second."""
    block = Block(chunk=65536, rows=1024)
    block.a.buf[: len(_LINE)] = np.frombuffer(_LINE, np.uint8)
    block.a.buf[len(_LINE) : len(_LINE) + 128] = 0
    block.reset(0)
    engine = engine_for(eve.READER, head=_LINE)
    rule = time_rule("", newest=0, oldest=0, latest=2**62)
    finisher = Finisher(engine.meaning, rule, party_table([("192.0.2.0/24", 1)]))
    while block.a.state[POSITION] < len(_LINE):
        engine.scan(block, len(_LINE), 1024)
    finisher.finish(block, 0)
    values = pa.table(
        {
            "value_id": pa.array([1, 2], pa.int64()),
            "type": ["domain", "ipv4"],
            "text": ["a.example", "192.0.2.2"],
            "valid_from": pa.nulls(2, pa.int64()),
            "valid_until": pa.nulls(2, pa.int64()),
            "exact": [False, False],
        }
    )
    sections = index.build(values)
    matcher = Matcher(1024)
    arrays = IndexArrays(**sections)
    # As a mapped index is: read-only arrays are another type to the compiler.
    for array in arrays:
        array.flags.writeable = False
    matcher.match(block, Index(generation=0, values=2, arrays=arrays), int(block.a.state[ROWS]))
    return str(cache_folder())
