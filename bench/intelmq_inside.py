"""Runs in IntelMQ's own environment (see peer_intelmq): parse and look up, a batch of 1,000 lines at a time."""

import json
import sys
import time
import warnings
from pathlib import Path

from intelmq.bots.experts.generic_db_lookup.expert import GenericDBLookupExpertBot
from intelmq.bots.parsers.json.parser import JSONParserBot
from intelmq.lib.bot import BotLibSettings
from intelmq.lib.utils import base64_encode


def inside(events: Path, table: Path) -> None:
    """Print events, seconds and events hit, as one JSON line."""
    warnings.simplefilter("ignore")
    look = {
        "engine": "sqlite",
        "database": str(table),
        "table": "indicator",
        "replace_fields": {"type": "classification.identifier"},
    }
    parser = JSONParserBot("parser", settings=BotLibSettings | {"splitlines": True})
    experts = [
        GenericDBLookupExpertBot(name, settings=BotLibSettings | look | {"match_fields": {field: "value"}})
        for name, field in (("address", "destination.ip"), ("domain", "destination.fqdn"))
    ]
    lines = events.read_bytes().splitlines()
    found = total = 0
    started = time.perf_counter()
    for i in range(0, len(lines), 1000):
        report = {"raw": base64_encode(b"\n".join(lines[i : i + 1000])), "__type": "Report"}
        out = parser.process_message(report)["output"]
        for expert in experts:
            out = expert.process_message(*out)["output"]
        total += len(out)
        found += sum("classification.identifier" in event for event in out)
    print(json.dumps({"events": total, "seconds": time.perf_counter() - started, "sightings": {"events": found}}))


if __name__ == "__main__":
    inside(Path(sys.argv[1]), Path(sys.argv[2]))
