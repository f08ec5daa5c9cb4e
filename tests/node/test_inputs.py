import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from haechi.ingest.readers import recognise
from haechi.model.errors import BadInput
from haechi.node.inputs import OpenInput, is_document, open_input
from haechi.store.catalog import inputs, sensors

NOW = 1_790_000_000_000_000


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


@pytest.mark.parametrize(
    ("head", "document"),
    [
        (b"[", True),
        (b'[{"a": 1}]', True),
        (b'\xef\xbb\xbf\n [{"a": 1}]', True),
        (b'{\n  "a": 1\n}\n', True),
        (b'{ "a":\n 1}\n', True),
        (b'{"a": 1}\n{"a": 2}\n', False),
        (b'{"a": 1, "b": "x"}', False),
        (b'{"a": "broken\n{"a": 2}\n', False),
        (b'{broken\n\n{"a": 2}\n', False),
        (b'{"timestamp": "2026", "event_type": "alert", "x\n{"a": 1}\n', False),
        (b"", False),
        (b"#fields\ta\tb\n", False),
    ],
)
def test_documents_and_lines_are_told_apart(head: bytes, document: bool) -> None:
    assert is_document(head) == document


def opened(node: Any, path: Path, committed: dict[str, int] | None = None) -> OpenInput:
    catalog = node.home.catalog()
    with catalog.begin() as conn:
        sensor = sensors.get_or_add(conn, "edge", node.home.party_id, "")
    lake: Any = SimpleNamespace(committed=(committed or {}).get)
    found = open_input(catalog, path, recognise, sensor_id=sensor.id, mapping=None, lake=lake, now=NOW)
    found.source.close()
    return found


def test_a_new_log_is_noted_by_its_head(node: Any) -> None:
    path = node.log([node.line(NOW, "198.51.100.1")])
    found = opened(node, path)
    assert (found.start, found.end, found.reader.name, found.row.head_length) == (
        0,
        0,
        "suricata-eve",
        path.stat().st_size,
    )
    assert opened(node, path).row.id == found.row.id, "killed before its first commit, it is the same input"
    with node.home.catalog().connect() as conn:
        assert [row.path for row in inputs.list_inputs(conn)] == [str(path)]


def test_the_lake_says_where_to_go_on_not_the_catalog(node: Any) -> None:
    """A process that died between the two commits: the lake's is the one that counts."""
    path = node.log(node.line(NOW - n, "198.51.100.1") for n in range(9))
    row = opened(node, path).row
    assert opened(node, path, {row.uuid: 150}).start == 150
    assert opened(node, path, {"another": 150}).start == 0


def test_a_quiet_pipe_keeps_no_one_from_the_catalog(node: Any) -> None:
    """Standard input may have nothing to say for hours."""
    reading, writing = os.pipe()
    found: list[OpenInput] = []
    thread = threading.Thread(target=lambda: found.append(opened(node, Path(f"/dev/fd/{reading}"))))
    os.write(writing, (node.line(NOW, "198.51.100.1") + "\n").encode())
    thread.start()
    try:
        time.sleep(0.5)
        assert not found, "it waits for more"
        with node.home.catalog().begin() as conn:
            sensors.get_or_add(conn, "other", node.home.party_id, "")
        assert thread.is_alive()
    finally:
        os.close(writing)
        thread.join()
        os.close(reading)
    assert found[0].reader.name == "suricata-eve"


def test_what_another_process_notes_meanwhile_is_found(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the write: the log is looked up again, and both agree on its id."""
    path = node.log([node.line(NOW, "198.51.100.77")])
    by_head, others = inputs.by_head, list[OpenInput]()

    def looked_up(*given: Any) -> Any:
        found = by_head(*given)
        if not others:
            monkeypatch.setattr(inputs, "by_head", by_head)
            others.append(opened(node, path))
        return found

    monkeypatch.setattr(inputs, "by_head", looked_up)
    assert opened(node, path).row.id == others[0].row.id


def test_what_no_reader_knows_leaves_nothing_behind(node: Any) -> None:
    path = node.log(["certainly no log"])
    with pytest.raises(BadInput, match="isn't recognised.*--format"):
        opened(node, path)
    with node.home.catalog().connect() as conn:
        assert inputs.list_inputs(conn) == []
