"""A MISP event of 150,000 attributes into a node: attributes a second and peak memory, beside misp-stix on the same file.

    python -m bench.misp [--data DIR] [--attributes 150000] [--rounds 3] [--peer-attributes 15000]

misp-stix turns MISP into STIX 2.1 in memory and stores nothing, so it does less; it gets a shorter event of the same
shape, for it takes minutes and gigabytes on the whole one (--peer-attributes as many as --attributes shows that).
"""

import argparse
import json
import shutil
import time
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

from bench.measure import default_folder, machine, run_child, script

WANTED_RSS = 512  # MB


def write_event(path: Path, count: int) -> None:
    """An event as a MISP server exports one: a fifth of it in objects, tags on a tenth, sightings on a hundredth."""
    head = {
        "uuid": _uuid(1), "info": "A campaign's infrastructure", "date": "2026-11-20", "timestamp": "1795000000",
        "distribution": "3", "Orgc": {"uuid": _uuid(2), "name": "Peer"},
        "Tag": [{"name": "tlp:green"}, {"name": 'misp-galaxy:threat-actor="Otter"'}],
    }  # fmt: skip
    with path.open("w") as file:
        file.write('{"Event": ' + json.dumps(head)[:-1] + ', "Attribute": [')
        loose = count - count // 5
        for number in range(loose):
            file.write((",\n" if number else "\n") + json.dumps(_attribute(number, None)))
        file.write('], "Object": [')
        for place, number in enumerate(range(loose, count)):
            item = {"name": "file", "uuid": _uuid(10_000_000 + number), "Attribute": [_attribute(number, "other")]}
            file.write((",\n" if place else "\n") + json.dumps(item))
        file.write("]}}")


def _attribute(number: int, relation: str | None) -> dict[str, Any]:
    kinds: list[tuple[str, str, str]] = [
        ("ip-dst", f"198.{18 + (number >> 16) % 2}.{number >> 8 & 255}.{number & 255}", "Network activity"),
        ("domain", f"c2-{number}.bad.example", "Network activity"),
        ("url", f"http://host{number}.example/gate/{number}.php", "Network activity"),
        ("sha256", f"{number:064x}", "Payload delivery"),
        ("filename|md5", f"setup{number}.exe|{number:032x}", "Payload delivery"),
    ]
    kind, value, category = kinds[number % len(kinds)]
    made: dict[str, Any] = {
        "id": str(number), "uuid": _uuid(1_000_000 + number), "event_id": "7", "object_id": "0", "object_relation": relation,
        "type": kind, "category": category, "value": value, "to_ids": number % 20 != 0, "timestamp": "1795000000",
        "distribution": "5", "sharing_group_id": "0", "comment": "from the incident", "deleted": False,
        "disable_correlation": False, "first_seen": None, "last_seen": None, "Galaxy": [], "ShadowAttribute": [],
    }  # fmt: skip
    if number % 10 == 0:
        made["Tag"] = [{"name": "tlp:amber", "colour": "#FFC000", "exportable": True, "local": 0}]
    if number % 100 == 0:
        made["Sighting"] = [
            {"uuid": _uuid(20_000_000 + number), "date_sighting": "1795000100", "type": "0", "source": ""}
        ]
    return made


def _uuid(number: int) -> str:
    return str(UUID(int=number | 4 << 76 | 8 << 60))


def ours(home_path: Path, event: Path) -> dict[str, Any]:
    """One import into a fresh home, parse to durable commit."""
    from haechi.model.clock import SystemClock
    from haechi.node import indicators
    from haechi.node.home import Home

    home = Home.init(home_path, party="Bench", country="TW", sector="government", clock=SystemClock())
    started = time.perf_counter()
    told = indicators.add(home, [event], source="bench")[0]
    seconds = time.perf_counter() - started
    counts = {name: getattr(told, name) for name in ("added", "context", "values", "refused_count")}
    return {"seconds": seconds, **counts}


def peer(event: Path) -> dict[str, Any]:
    """misp-stix: the same event to a STIX 2.1 bundle in memory."""
    from misp_stix_converter import MISPtoSTIX21Parser  # type: ignore[import-untyped]

    started = time.perf_counter()
    parser = MISPtoSTIX21Parser()
    parser.parse_misp_event(json.loads(event.read_text()))
    made = parser.bundle.objects
    return {"seconds": time.perf_counter() - started, "objects": len(made)}


def event_of(data: Path, count: int) -> Path:
    """The event of that size, written first if it isn't there."""
    path = data / f"misp-{count}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_event(path, count)
    return path


def main() -> None:
    """Run all and print the report; with `import` or `peer` as first word, one run in this process."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", nargs="?", choices=["all", "import", "peer"], default="all")
    p.add_argument("paths", type=Path, nargs="*")
    p.add_argument("--data", type=Path, default=default_folder())
    p.add_argument("--attributes", type=int, default=150_000)
    p.add_argument("--peer-attributes", type=int, default=15_000)
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    if a.what == "import":
        print(json.dumps(ours(*a.paths)))
        return
    if a.what == "peer":
        print(json.dumps(peer(*a.paths)))
        return
    event, home = event_of(a.data, a.attributes), a.data / "home-misp"
    print(json.dumps({"machine": machine(), "event_MB": event.stat().st_size >> 20}, indent=1), flush=True)
    outcomes = []
    for _ in range(a.rounds):
        shutil.rmtree(home, ignore_errors=True)
        outcomes.append(run_child(script("misp", "import", home, event)))
    seconds, rss, last = median(o["seconds"] for o in outcomes), max(o["rss"] for o in outcomes), outcomes[-1]
    print(f"haechi: {a.attributes} attributes in {seconds:.1f} s, {a.attributes / seconds:.0f}/s, stored; RSS {rss:.0f} MB, wanted "
          f"{WANTED_RSS}; added {last['added']}, context {last['context']}, refused {last['refused_count']}", flush=True)  # fmt: skip
    if a.peer_attributes:
        found = run_child(script("misp", "peer", event_of(a.data, a.peer_attributes)))
        rate = a.peer_attributes / found["seconds"]
        print(f"misp-stix: {a.peer_attributes} attributes in {found['seconds']:.1f} s, {rate:.0f}/s, not stored; RSS {found['rss']:.0f} MB; "
              f"{found['objects']} objects; ours is {a.attributes / seconds / rate:.1f}x")  # fmt: skip


if __name__ == "__main__":
    main()
