"""Compiling beforehand: what an ingest takes lies in the cache afterwards."""

from haechi.model.jit import cache_folder
from haechi.node.warm import is_warm, warm


def test_the_kernels_of_an_ingest_lie_in_the_private_cache() -> None:
    assert warm() == str(cache_folder())
    assert is_warm()
