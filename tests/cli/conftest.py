"""A node that gives: what the tests of grants, groups and release start from."""

from pathlib import Path

import pytest

from haechi.cli.main import main


@pytest.fixture
def giver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    """A node with a list of its own and one consumer."""
    home = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(home))
    assert main(["init", str(home), "--party", "MODA", "--country", "TW"]) == 0
    made = tmp_path / "ours.txt"
    made.write_text("45.155.205.1\nevil.example\n")
    assert main(["indicators", "add", str(made), "--own", "--source", "MODA", "--marking", "AMBER"]) == 0
    assert main(["consumer", "add", "kisa", "--country", "KR", "--relation", "community"]) == 0
    capsys.readouterr()
    return home
