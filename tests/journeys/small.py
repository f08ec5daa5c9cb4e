"""A node whose batches and pieces are small, so that a short log takes many; shared with child processes."""

from typing import Any

from haechi.model.indicator import ValueType
from haechi.model.source_object import SourceObject
from haechi.node import ingest, worker
from haechi.node.home import Home
from haechi.store.catalog.indicator_load import load, source_id

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
BATCH, PIECE, ROWS = 160 << 10, 32 << 10, 512


def sized(monkeypatch: Any = None) -> None:
    """Make batches and pieces small in this process; for a test only as long as it runs."""
    for module, name, value in ((ingest, "BATCH_BYTES", BATCH), (worker, "CHUNK", PIECE), (worker, "ROWS_HELD", ROWS)):
        if monkeypatch is None:
            setattr(module, name, value)
        else:
            monkeypatch.setattr(module, name, value)


def indicators_into(home: Home) -> None:
    """One domain and one network."""
    with home.catalog().begin() as conn:
        id, _ = source_id(conn, "list", None)
        values = {ValueType.DOMAIN: ["evil.example"], ValueType.IPV4_NET: ["203.0.113.0/24"]}
        one = SourceObject(object_id="one", version="1", modified=1, values=values)
        load(conn, id, [one], at=NOW, list_name="list")
