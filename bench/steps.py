"""Which step of an ingest costs what: CPU seconds of each, over all workers, in one run of the product.

    python -m bench.steps [--data DIR] [--rounds 2]

The steps are wrapped in this process (the product has no timers); CPU seconds hold still where the machine is shared.
"""

import argparse
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.measure import default_folder, machine
from bench.prepared import copy_of, data_of, prepared_home, warm_file

SPENT: dict[str, float] = defaultdict(float)
_LOCK = threading.Lock()


def timed(owner: Any, name: str, step: str) -> None:
    """Wrap a method or function of `owner`: its thread's CPU seconds are added to the step."""
    function: Callable[..., Any] = getattr(owner, name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        started = time.thread_time()
        try:
            return function(*args, **kwargs)
        finally:
            with _LOCK:
                SPENT[step] += time.thread_time() - started

    setattr(owner, name, wrapper)


def wrap() -> None:
    """Every step of the way from bytes to the commit."""
    from haechi.detect.match import Matcher
    from haechi.ingest.engines.engine import JsonEngine
    from haechi.ingest.feed import Feed
    from haechi.ingest.normal_forms.finish import Finisher
    from haechi.model.block import Block
    from haechi.node import ingest, worker
    from haechi.node.batch import Batch
    from haechi.store.lake import Lake

    timed(Feed, "next", "read")
    timed(JsonEngine, "scan", "scan")
    timed(Finisher, "finish", "normal forms")
    timed(Matcher, "match", "match")
    timed(Block, "columns", "Arrow columns")
    timed(worker.Worker, "_take_sightings", "sighting rows")
    timed(worker, "refused_records", "refused rows")
    timed(worker.Worker, "_write_events", "all of writing events (columns, Parquet, fsync)")
    timed(Lake, "staged", "fsync")
    timed(Batch, "commit", "commit")
    timed(worker.Worker, "work", "all of a worker's work")
    timed(ingest._Run, "_take", "all of taking pieces")  # noqa: SLF001 - a step has no public name
    timed(ingest, "current_index", "open the index")


def main() -> None:
    """Run it and print the steps of each round."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--rounds", type=int, default=2)
    a = p.parse_args()
    print(json.dumps({"machine": machine(), "data": data_of(a.data)}, indent=1), flush=True)
    events, prepared = a.data / "eve.json", prepared_home(a.data)

    from haechi.node.home import Home
    from haechi.node.ingest import ingest

    wrap()
    for _ in range(a.rounds):
        home = Home.open(copy_of(prepared, a.data / "home-steps"))
        ingest(home, [warm_file(events)], sensor="warm-up")
        SPENT.clear()
        wall, cpu = time.perf_counter(), time.process_time()
        done = ingest(home, [events])
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        steps = {step: round(seconds, 3) for step, seconds in sorted(SPENT.items(), key=lambda item: -item[1])}
        print(
            json.dumps(
                {
                    "events": done.events,
                    "slow cells": done.slow,
                    "wall": round(wall, 2),
                    "cpu": round(cpu, 2),
                    "steps": steps,
                },
                indent=1,
            ),
            flush=True,
        )
        home.close()


if __name__ == "__main__":
    main()
