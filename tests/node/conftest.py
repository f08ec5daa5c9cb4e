"""Real nodes with a small real ingest, for what is asked of them afterwards."""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from haechi.model.clock import FixedClock
from haechi.model.indicator import Context, ValueType
from haechi.model.source_object import SourceObject
from haechi.node import parties
from haechi.node.home import Home
from haechi.node.ingest import IngestResult, ingest
from haechi.store.catalog.indicator_load import load, source_id

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
HOUR = 3_600_000_000


class Node:
    """A home on a clock that the test sets, and what a test does with it."""

    now, hour = NOW, HOUR

    def __init__(self, folder: Path) -> None:
        self.folder, self.clock = folder, FixedClock(NOW)
        self.home = Home.init(folder / "node", party="TWCERT/CC", country="TW", sector="government", clock=self.clock)
        parties.add(self.home, name="Fab", country="TW", sector="semiconductor", networks=["192.0.2.0/24"])
        parties.add(self.home, name="Grid", country="KR", sector="energy", networks=["198.51.100.0/24"])

    def knows(self, source: str, text: str, **told: Any) -> None:
        """One source's word on one value."""
        kind = ValueType.DOMAIN if text[-1].isalpha() else ValueType.IPV4
        told["context"] = Context(actors=tuple(told.pop("actors", ())))
        with self.home.catalog().begin() as conn:
            id, _ = source_id(conn, source, None)
            one = SourceObject(object_id=f"{source}-{text}", version="1", modified=1, values={kind: [text]}, **told)
            load(conn, id, [one], at=self.clock.now(), list_name="list")

    def line(self, at: int | str, src: str, dst: str = "192.0.2.1", **more: Any) -> str:
        """A line of Suricata EVE; `at` is microseconds UTC, or the time's text."""
        time = at if isinstance(at, str) else datetime.fromtimestamp(at / 1e6, UTC).isoformat(timespec="microseconds")
        record = {"timestamp": time, "event_type": "flow", "src_ip": src, "src_port": 4444, "dest_ip": dst}
        return json.dumps({**record, "dest_port": 443, "proto": "TCP", **more})

    def log(self, lines: Iterable[str], name: str = "eve.json") -> Path:
        """A log of these lines, written some minutes ago."""
        path = self.folder / name
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        os.utime(path, (NOW / 1e6 - 600,) * 2)
        return path

    def reads(self, path: Path, *, more: Sequence[Path] = (), **options: Any) -> IngestResult:
        """Ingest a log of the sensor `edge`, or several."""
        return ingest(self.home, [path, *more], sensor="edge", **options)


@pytest.fixture(scope="module")
def node_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Node]:
    """Makes a node in a folder of its own; several tests of a module may share one."""
    return lambda: Node(tmp_path_factory.mktemp("node"))
