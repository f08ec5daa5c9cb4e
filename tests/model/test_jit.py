import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from haechi.model import jit
from haechi.model.errors import NodeCannot
from haechi.model.jit import cache_folder, kernel


@kernel
def _sum(numbers):
    total = 0
    for n in numbers:
        total += n
    return total


def test_a_kernel_is_compiled() -> None:
    assert _sum(np.arange(10)) == 45
    assert "signatures" in dir(_sum), "it is Numba's"


def test_the_cache_is_private_and_named_by_the_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent == tmp_path / "haechi"
    assert cache_folder() == folder


def test_an_edit_of_any_kernel_makes_another_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numba itself looks only at the file of the function that is called, not at the constants that it freezes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    package = tmp_path / "package"
    for room in ("model", "ingest", "detect"):
        (package / room).mkdir(parents=True)
    for name in ("model/jit.py", "detect/one_kernel.py", "ingest/refusal.py"):
        (package / name).write_text("1")
    monkeypatch.setattr(jit, "_PACKAGE", package)
    names = {cache_folder().name}
    for name in ("detect/one_kernel.py", "ingest/refusal.py", "model/jit.py"):
        (package / name).write_text("2")
        names.add(cache_folder().name)
    assert len(names) == 4


@pytest.mark.parametrize("mode", [0o777, 0o750, 0o701])
def test_a_cache_that_others_may_reach_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int) -> None:
    """Its files are code that is run."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    cache_folder().chmod(mode)
    with pytest.raises(NodeCannot, match="open to other users.*rm -r"):
        cache_folder()


def test_a_link_in_the_caches_place_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NodeCannot, match="open to other users"):
        cache_folder()


def test_numba_writes_there_and_nowhere_else(tmp_path: Path) -> None:
    code = "from haechi.model.jit import numba, cache_folder; print(numba.config.CACHE_DIR == str(cache_folder()))"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment)
    assert ran.stdout == "True\n"
