"""The wheel installs and runs outside the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from haechi import __version__

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    code = f"import os; os.chdir({str(ROOT)!r}); from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    name = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()[-1]
    return folder / name


def test_it_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {"haechi", f"haechi-{__version__}.dist-info"}
    for wanted in ("haechi/messages/en/help.toml", "haechi/py.typed", "haechi/cli/main.py"):
        assert wanted in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    sources = {
        str(p.relative_to(ROOT)) for p in (ROOT / "haechi").rglob("*") if p.is_file() and "__pycache__" not in p.parts
    }
    assert sources <= set(names), "package data is missing in the wheel"


def test_it_runs_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """The wheel's own files with this environment's dependencies."""
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {"PYTHONPATH": str(site), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    code = "import haechi, sys; from haechi.cli.main import main; print(haechi.__file__); sys.exit(main(['doctor', '--json']))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(site))


@pytest.mark.slow
def test_it_installs_into_a_fresh_environment(wheel: Path, tmp_path: Path) -> None:
    """With all its dependencies, from the index that this machine uses."""
    uv = ROOT / ".tools/bin/uv"
    if not uv.exists():
        pytest.skip("needs .tools/bin/uv: run make check once")
    clean = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    subprocess.run([uv, "venv", "-q", "--python", sys.executable, tmp_path / "venv"], check=True, env=clean)
    python = tmp_path / "venv/bin/python"
    subprocess.run([uv, "pip", "install", "-q", "--python", python, wheel], check=True, env=clean, cwd=tmp_path)
    shown = subprocess.run(
        [tmp_path / "venv/bin/haechi", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert "Commands:" in shown.stdout
    subprocess.run(
        [tmp_path / "venv/bin/haechi", "doctor"], check=True, cwd=tmp_path, env={**clean, "HOME": str(tmp_path)}
    )
