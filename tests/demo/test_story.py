"""The story's edges: room on the disk, whose folder it is, how much is played."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from haechi.demo import story
from haechi.model.errors import NodeCannot, UsageError


def test_too_small_a_disk_is_told_before_anything_is_written(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=1_000_000_000))
    with pytest.raises(NodeCannot, match=r"needs 5\.0 GB .* 1\.0 GB are free.*--small"):
        story.check_disk(tmp_path / "new" / "folder", small=False)
    story.check_disk(tmp_path / "new" / "folder", small=True)
    assert not (tmp_path / "new").exists()


def test_a_folder_of_somebody_elses_is_refused_and_left_alone(tmp_path):
    (tmp_path / "TW").mkdir()
    (tmp_path / "TW" / "thesis").write_text("dear")
    with pytest.raises(UsageError, match="isn't an earlier demo's"):
        story.prepare(tmp_path)
    assert (tmp_path / "TW" / "thesis").read_text() == "dear"


def test_an_earlier_demos_folder_is_used_again_and_its_other_files_stay(tmp_path):
    story.prepare(tmp_path / "demo")
    (tmp_path / "demo" / "KR").mkdir()
    (tmp_path / "demo" / "notes").write_text("kept")
    story.prepare(tmp_path / "demo")
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == sorted([story.MARK, "notes"])


def test_the_small_day_is_a_hundredth_part():
    whole = story.Settings(folder=Path(), seed=7, small=False, keep=False)
    small = story.Settings(folder=Path(), seed=7, small=True, keep=False)
    assert [whole.events(c) for c in ("TW", "KR")] == [2_400_000, 1_620_000]
    assert [small.events(c) for c in ("TW", "KR")] == [24_000, 16_200]
    assert (whole.indicators, small.indicators) == (1_000_000, 10_000)
