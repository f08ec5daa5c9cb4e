"""A stream read twice is the same both times, leaves no file behind, and is refused beyond its limit."""

import io
from pathlib import Path

import pytest

from haechi.model.errors import BadInput
from haechi.node import spooled as module
from haechi.node.spooled import spooled

DATA = bytes(range(256)) * 10_000


def test_it_is_read_as_often_as_one_likes_and_leaves_nothing(tmp_path: Path) -> None:
    with spooled(io.BytesIO(DATA), tmp_path) as blocks:
        assert list(tmp_path.iterdir()) == []
        assert b"".join(blocks()) == DATA
        next(blocks())
        assert b"".join(blocks()) == DATA
    assert list(tmp_path.iterdir()) == []


def test_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 1 << 20)
    with pytest.raises(BadInput, match="more than the 1 that are read"), spooled(io.BytesIO(DATA), tmp_path):
        raise AssertionError("not reached")
