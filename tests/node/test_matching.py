import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from haechi.detect import index
from haechi.model.errors import NodeCannot
from haechi.node.matching import FILE, current_index


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


def test_it_is_built_once_and_again_when_what_matches_has_changed(node: Any) -> None:
    first = current_index(node.home)
    path = node.home.cache_path / FILE
    assert first.values == 0
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.stat().st_mtime_ns
    assert current_index(node.home, first) is first
    assert current_index(node.home).generation == first.generation
    assert path.stat().st_mtime_ns == written
    node.knows("list", "evil.example")
    second = current_index(node.home, first)
    assert (second.values, second.generation > first.generation) == (1, True)
    assert first.values == 0, "who holds the old one reads on"


@pytest.mark.parametrize("spoil", [b"", b"garbage", os.urandom(100_000)])
def test_a_spoilt_file_is_rebuilt(node: Any, spoil: bytes) -> None:
    node.knows("list", "evil.example")
    path = node.home.cache_path / FILE
    current_index(node.home)
    path.write_bytes(spoil)
    assert current_index(node.home).values == 1


def test_a_file_open_to_others_is_refused(node: Any) -> None:
    current_index(node.home)
    (node.home.cache_path / FILE).chmod(0o644)
    with pytest.raises(NodeCannot, match="open to other users"):
        current_index(node.home)


def test_two_that_need_it_build_it_once(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node.knows("list", "evil.example")
    built, real = [], index.build

    def build(*args: Any) -> Any:
        built.append(1)
        return real(*args)

    monkeypatch.setattr(index, "build", build)
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(current_index(node.home).values)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (found, len(built)) == ([1, 1, 1], 1)
