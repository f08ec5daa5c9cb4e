"""The way from a clone to a running node: what make says when something is missing, and what it installs."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-uv.lock")


def make(folder: Path, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "Makefile", folder)
    for name in LOCKS:
        shutil.copy(ROOT / name, folder)
    environment = {"PATH": str(path), "HOME": str(folder)}
    make = shutil.which("make")
    if make is None:
        pytest.skip("needs make")
    return subprocess.run([make, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with the few programs that a bare machine has, to be PATH; the test adds the rest."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "sh", "sed", "printf", "test", "mkdir", "touch", "env"):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_help_lists_the_targets_with_what_they_do(tmp_path: Path, programs: Path) -> None:
    shown = make(tmp_path, path=programs).stdout
    for target in ("demo", "test", "check", "bench", "format", "docs", "help", "clean"):
        assert re.search(rf"^  make {target} +\S+", shown, re.MULTILINE), target


@pytest.mark.parametrize(
    ("present", "said"),
    [
        ({}, "git is missing: install it"),
        ({"git": "exit 0"}, "python3 is missing: install Python 3.11 or newer"),
        (
            {"git": "exit 0", "python3": 'if [ "$1" = -c ]; then exit 1; else echo Python 3.9.2; fi'},
            "Python 3.9.2 is too old",
        ),
        ({"git": "exit 0", "python3": 'if [ "$1" = -m ]; then exit 1; fi'}, "pip is missing for python3"),
    ],
)
def test_what_is_missing_is_named(present: dict[str, str], said: str, tmp_path: Path, programs: Path) -> None:
    for name, script in present.items():
        program(programs, name, script)
    done = make(tmp_path, ".venv/.ok", path=programs)
    assert done.returncode == 2
    assert said in done.stderr


def test_the_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lock = (ROOT / "requirements.lock").read_text()
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    wanted += [name for extra in project["project"]["optional-dependencies"].values() for name in extra]
    wanted += project["build-system"]["requires"]
    for requirement in wanted:
        name = re.match(r"[\w.-]+", requirement)
        assert name is not None
        assert re.search(rf"^{re.escape(name[0])}(\[\w+\])?==", lock, re.MULTILINE), f"{name[0]}: run make lock"


@pytest.mark.parametrize("name", LOCKS)
def test_locks_hold_hashes_and_no_address(name: str) -> None:
    lock = (ROOT / name).read_text()
    assert "://" not in lock
    assert 0 < lock.count("==") <= lock.count("--hash=sha256:")


def test_nothing_is_installed_without_its_hash() -> None:
    """But for this project itself, which is here already."""
    script = (ROOT / "Makefile").read_text()
    installs = [
        line for line in script.splitlines() if re.search(r"pip (install|sync)", line) and "--no-deps" not in line
    ]
    assert len(installs) == 2
    assert all("--require-hashes" in line for line in installs)


def test_the_ci_script_calls_make_test() -> None:
    script = ROOT / ".ci/run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test\b", script.read_text(), re.MULTILINE)
