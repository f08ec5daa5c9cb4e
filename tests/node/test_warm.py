"""Compiling beforehand: what an ingest takes lies in the cache afterwards."""

import re
from pathlib import Path

import haechi
from haechi.model.jit import cache_folder
from haechi.node.warm import KERNELS, is_warm, warm


def test_every_kernel_is_asked_for() -> None:
    sources = Path(haechi.__file__).parent.rglob("*.py")
    assert {
        name for file in sources for name in re.findall(r"^@kernel\ndef (\w+)", file.read_text("utf-8"), re.MULTILINE)
    } == KERNELS


def test_the_kernels_of_an_ingest_lie_in_the_private_cache() -> None:
    assert warm() == str(cache_folder())
    assert is_warm()
