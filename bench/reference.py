"""The slow, obvious answer: json.loads and Python sets. Tells what any matcher must find in the benchmark data.

    python -m bench.reference --data DIR [--events FILE]

Counts hits by field. A record is refused when it isn't one UTF-8 JSON object, repeats a key or has no valid
time; those count as `bad` and are not matched.
"""

import argparse
import ipaddress
import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.measure import default_folder

Values = Mapping[str, set[str]]
FIELDS = {
    "domain": (("dns", "rrname"), ("http", "hostname"), ("tls", "sni")),
    "sha256": (("fileinfo", "sha256"),),
    "md5": (("fileinfo", "md5"),),
    "ja3": (("tls", "ja3", "hash"),),
    "email": (("email", "from"),),
}


def load(path: Path) -> Values:
    """Type -> values of indicators.csv."""
    values: dict[str, set[str]] = defaultdict(set)
    with path.open(encoding="utf-8") as f:
        next(f)
        for line in f:
            value, kind = line.rstrip("\n").rsplit(",", 1)
            values[kind].add(value)
    return values


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key stands twice")
    return record


def read(line: bytes) -> dict[str, Any]:
    """One record, or ValueError."""
    record: dict[str, Any] = json.loads(line.decode("utf-8"), object_pairs_hook=_once)
    datetime.strptime(record["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z")
    return record


def at(record: Any, path: Iterable[str]) -> str | None:
    """The text at a path of keys, or None."""
    for key in path:
        record = record.get(key) if isinstance(record, dict) else None
    return record if isinstance(record, str) else None


def networks(values: Values) -> dict[int, dict[int, set[int]]]:
    """IP version -> prefix length -> network numbers."""
    found: dict[int, dict[int, set[int]]] = {4: defaultdict(set), 6: defaultdict(set)}
    for kind in ("ipv4-net", "ipv6-net"):
        for text in values.get(kind, ()):
            net = ipaddress.ip_network(text)
            found[net.version][net.prefixlen].add(int(net.network_address))
    return found


def hits(record: Mapping[str, Any], values: Values, nets: Mapping[int, Mapping[int, set[int]]]) -> Counter[str]:
    """Field -> how many indicator values hit it in this record."""
    found: Counter[str] = Counter()
    for side in ("src_ip", "dest_ip"):
        address = ipaddress.ip_address(record[side])
        found["address"] += record[side] in values.get(f"ipv{address.version}", ())
        for bits, numbers in nets[address.version].items():
            shift = address.max_prefixlen - bits
            found["network"] += (int(address) >> shift << shift) in numbers
    for field, paths in FIELDS.items():
        for path in paths:
            text = at(record, path)
            if text is None:
                continue
            labels = text.split(".")
            forms = [".".join(labels[i:]) for i in range(len(labels))] if field == "domain" else [text]
            found[field] += sum(form in values.get(field, ()) for form in forms)
    host, path_ = at(record, ("http", "hostname")), at(record, ("http", "url"))
    found["url"] += bool(host and path_ and f"http://{host}{path_}" in values.get("url", ()))
    return found


def count(events: Path, values: Values) -> dict[str, Any]:
    """Lines, good, bad, blank, and hits by field."""
    nets = networks(values)
    total: Counter[str] = Counter()
    lines = bad = blank = hit_events = 0
    with events.open("rb") as f:
        for line in f:
            lines += 1
            if not line.strip():
                blank += 1
                continue
            try:
                found = hits(read(line), values, nets)
            except (ValueError, KeyError):
                bad += 1
                continue
            total += found
            hit_events += any(found.values())
    return {
        "lines": lines,
        "events": lines - bad - blank,
        "bad": bad,
        "blank": blank,
        "hit_events": hit_events,
        "sightings": dict(total),
    }


def main() -> None:
    """Run it and print one JSON line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--events", type=Path)
    a = p.parse_args()
    started = time.perf_counter()
    found = count(a.events or a.data / "eve.json", load(a.data / "indicators.csv"))
    print(json.dumps({"peer": "reference", "seconds": time.perf_counter() - started, **found}))


if __name__ == "__main__":
    main()
