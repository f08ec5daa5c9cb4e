"""Compiling beforehand: what an ingest takes lies in the cache afterwards."""

from pathlib import Path

from haechi.model.jit import cache_folder
from haechi.node.warm import warm


def test_the_kernels_of_an_ingest_lie_in_the_private_cache() -> None:
    folder = Path(warm())
    assert folder == cache_folder()
    compiled = {file.name.split("-")[0].split(".")[1] for file in folder.rglob("*.nbi")}
    assert {"scan_json", "finish_rows", "finish_items", "match_rows", "match_items"} <= compiled
