"""Compile the kernels before they are needed: once for each build, kept in the cache (see model.jit).

`python -m haechi.node.warm` does it on two cores; make calls it after an installation, the demo before its nodes start.
"""

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa

from haechi.detect import index
from haechi.detect.match import Matcher
from haechi.detect.sightings import sighting_tables
from haechi.ingest.document_kernel import flatten
from haechi.ingest.engines.delimited.csv_mapping import csv_reader, read_mapping
from haechi.ingest.engines.engine import Engine, engine_for
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.readers import reader_named
from haechi.model.block import POSITION, ROWS, Block
from haechi.model.jit import cache_folder

EVE = (
    b'{"timestamp":"2026-01-01T00:00:00Z","event_type":"dns","src_ip":"192.0.2.1","dest_ip":"2001:db8::1",'
    b'"dns":{"rrname":"a.example","answers":[{"rdata":"192.0.2.2"}]}}\n'
)
# A line of each engine, by the name of a reader that it serves.
SAMPLES: dict[str, bytes] = {
    "zeek-tsv": b"#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\n1521911720.6\tC1\t192.0.2.1\n",
    "syslog": b"Dec 10 06:55:46 host sshd[1]: Invalid user a from 192.0.2.1\n",
    "cef": b"Nov 15 23:57:28 fw CEF:0|V|P|1|1|Name|5|src=192.0.2.1 dst=192.0.2.2 act=block\n",
    "access": b'192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 200 23 "-" "agent"\n',
}
MAPPING = b'[fields]\n"time" = "time"\n"src" = "src_addr"\n'
CSV = b"time,src\n2026-01-01T00:00:00Z,192.0.2.1\n"


KERNELS = frozenset({
    "scan_access", "scan_cef", "fill_constants", "scan_delimited", "flatten", "finish_items", "finish_rows", "scan_json",
    "confirm", "fill_nets", "fill_table", "find_candidates", "find_item_candidates", "gather_slices", "gather_text",
    "hash_values", "scan_syslog", "text_bytes",
})  # fmt: skip


def is_warm() -> bool:
    """True if the cache of this build holds all kernels."""
    return {file.name.split("-", 1)[0].rsplit(".", 1)[-1] for file in cache_folder().rglob("*.nbi")} >= KERNELS


def warm() -> str:
    """Compile all kernels that are not in the cache yet, on two cores; the cache folder."""
    tasks: list[Callable[[], None]] = [warm_matching, warm_text]
    with ProcessPoolExecutor(len(tasks), mp_context=get_context("spawn")) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()
    return str(cache_folder())


def warm_matching() -> None:
    """JSON, the normal forms, the index, the matching, and what is written of it."""
    block, engine = _scan(engine_for(reader_named("suricata-eve"), head=EVE), EVE)
    rule = time_rule("", newest=0, oldest=0, latest=2**62)
    Finisher(engine.meaning, rule, party_table([("192.0.2.0/24", 1)])).finish(block, 0)
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
    with tempfile.TemporaryDirectory() as folder:
        # Written and mapped as a node does: to the compiler, read-only arrays are another type.
        path = Path(folder) / "index"
        index.write(path, index.build(values), 0)
        mapped = index.load(path)
        assert mapped is not None
        matcher, rows = Matcher(1024), int(block.a.state[ROWS])
        matcher.match(block, mapped, rows, matcher.reset)
        list(sighting_tables(block, matcher, mapped, base=0, input_id=0, matched_at=0))
        block.columns(rows)


def warm_text() -> None:
    """The engines of all other formats."""
    for name, sample in SAMPLES.items():
        _scan(engine_for(reader_named(name), head=sample), sample)
    flatten(np.zeros(128, np.uint8), 0, 1, np.zeros(3, np.int64))
    mapping = read_mapping(MAPPING, "mapping")
    _scan(engine_for(csv_reader(mapping), head=CSV, mapping=mapping), CSV)


def _scan(engine: Engine, sample: bytes) -> tuple[Block, Engine]:
    block = Block(chunk=65536, rows=1024)
    block.a.buf[: len(sample)] = np.frombuffer(sample, np.uint8)
    block.a.buf[len(sample) : len(sample) + 128] = 0
    block.reset(0)
    for _ in sample.splitlines():  # an engine may stop where the columns change
        if block.a.state[POSITION] < len(sample):
            engine.scan(block, len(sample), 1024)
    return block, engine


if __name__ == "__main__":
    sys.stdout.write(warm() + "\n")
