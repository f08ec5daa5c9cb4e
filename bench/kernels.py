"""Where the time of an ingest goes before it is written: each kernel alone, on one thread, over the EVE file.

    python -m bench.kernels [--data DIR] [--rows 1024] [--chunk 4194304]

Reads the file in chunks, and per block of `rows` calls the scanner, the normal forms and the match, timed apart.
The index is built here from indicators.csv. No lake, no catalog.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from bench.measure import default_folder, machine
from bench.prepared import data_of
from haechi.detect import index
from haechi.detect.match import Matcher
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.normal_forms.finish import Finisher
from haechi.ingest.normal_forms.finish_kernel import PartyTable
from haechi.ingest.normal_forms.time_kernel import TimeRule
from haechi.ingest.readers.eve import READER
from haechi.model.block import BAD, BLANK, POSITION, ROWS, SLOW, Block

_FAR = 2**62


def build_index(listed: Path, target: Path) -> tuple[index.Index, float]:
    """The index of indicators.csv, and the seconds it took."""
    table = pyarrow.csv.read_csv(listed)
    n = len(table)
    nulls, numbers, never = pa.nulls(n, pa.int64()), pa.array(np.arange(1, n + 1)), pa.array(np.zeros(n, np.bool_))
    columns = {
        "value_id": numbers,
        "type": table["type"],
        "text": table["value"],
        "valid_from": nulls,
        "valid_until": nulls,
        "exact": never,
    }
    started = time.perf_counter()
    index.write(target, index.build(pa.table(columns)), 1)
    built = index.load(target)
    assert built is not None
    return built, time.perf_counter() - started


def run(events: Path, wanted: index.Index, rows: int, chunk: int) -> dict[str, float]:
    """Seconds by step, and counts."""
    block, matcher = Block(chunk=chunk, rows=rows), Matcher(rows)
    none = np.empty(0, np.int64)
    rule = TimeRule(none, none, np.int64(_FAR), np.int64(0), np.int64(_FAR))
    words, ids = np.empty(0, np.uint64), np.empty(0, np.int32)
    parties = PartyTable(words, ids, words, words, ids)
    spent: dict[str, float] = defaultdict(float)

    def add(what: dict[str, float]) -> None:
        for step, amount in what.items():
            spent[step] += amount

    with events.open("rb") as file:
        rest = b""
        engine = engine_for(READER, head=events.open("rb").read(65536))
        while data := rest + file.read(chunk - len(rest)):
            cut = data.rfind(b"\n") + 1
            if not cut:
                break
            started = time.perf_counter()
            block.a.buf[:cut] = np.frombuffer(data, np.uint8, cut)
            spent["copy"] += time.perf_counter() - started
            rest, position = data[cut:], 0
            while position < cut:
                block.reset(position)
                matcher.reset()
                t0 = time.perf_counter()
                engine.scan(block, cut, rows)
                t1 = time.perf_counter()
                finisher = Finisher(engine.meaning, rule, parties)
                finisher.finish(block, 0)
                t2 = time.perf_counter()
                matcher.match(block, wanted, int(block.a.state[ROWS]), matcher.reset)
                t3 = time.perf_counter()
                add({"scan": t1 - t0, "normal forms": t2 - t1, "match": t3 - t2})
                state = block.a.state
                add(
                    {
                        "rows": int(state[ROWS]),
                        "bad": int(state[BAD]) + finisher.refused,
                        "blank": int(state[BLANK]),
                        "slow cells": int(state[SLOW]),
                        "hits": int(matcher.hits.count[0]),
                    }
                )
                position = int(state[POSITION])
    return dict(spent)


def main() -> None:
    """Run it twice (the first compiles) and print the second."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rows", type=int, default=1024)
    p.add_argument("--chunk", type=int, default=4 << 20)
    a = p.parse_args()
    print(json.dumps({"machine": machine(), "data": data_of(a.data)}, indent=1))
    wanted, seconds = build_index(a.data / "indicators.csv", a.data / "kernels.index")
    size = (a.data / "kernels.index").stat().st_size
    print(f"index: {wanted.values} values in {seconds:.1f} s, {size / wanted.values:.0f} bytes a value")
    run(a.data / "eve.json", wanted, a.rows, a.chunk)
    spent = run(a.data / "eve.json", wanted, a.rows, a.chunk)
    print(json.dumps({k: round(v, 3) for k, v in spent.items()}))


if __name__ == "__main__":
    main()
