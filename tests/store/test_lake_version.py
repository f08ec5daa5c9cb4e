"""The newest version as the log's names tell it is the one that the opened lake has."""

from pathlib import Path

from haechi.store import lake_version
from haechi.store.lake import Lake


def test_as_the_opened_lake_says(tmp_path: Path) -> None:
    Lake.create(tmp_path / "lake")
    assert lake_version.newest(tmp_path / "lake") == Lake(tmp_path / "lake").version()


def test_other_files_do_not_count(tmp_path: Path) -> None:
    log = tmp_path / "_delta_log"
    log.mkdir()
    assert lake_version.newest(tmp_path) == -1
    for name in ("00000000000000000007.json", "00000000000000000009.checkpoint.parquet", "_last_checkpoint", "8.json"):
        (log / name).touch()
    assert lake_version.newest(tmp_path) == 7
