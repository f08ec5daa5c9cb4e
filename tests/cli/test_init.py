import json
import stat
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.node.home import Home

WORDS = ["--party", "TWCERT/CC", "--country", "TW"]


def test_a_new_node(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "node"
    assert main(["init", str(home), *WORDS, "--sector", "government", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    opened = Home.open(home)
    assert document == {
        "home": str(home),
        "node": opened.config.node,
        "party": "TWCERT/CC",
        "country": "TW",
        "sector": "government",
        "catalog": "sqlite",
    }
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    opened.close()


def test_the_folder_may_stand_before_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path / "node"), "init", *WORDS]) == 0
    assert capsys.readouterr().out.endswith(
        f"is ready in {tmp_path}/node, catalog in sqlite.\nSo that every command finds it: export HAECHI_HOME={tmp_path}/node\n"
    )


def test_a_used_folder_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "precious").touch()
    assert main(["init", str(tmp_path), *WORDS]) == 2
    assert "exists and isn't an empty folder" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


def test_a_sector_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "node"), *WORDS, "--sector", "toys", "--json"]) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["location"]["value"] == "toys"
    assert "semiconductor" in err
    assert not (tmp_path / "node").exists()


def test_what_a_node_needs_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--party", "X"]) == 2
    assert capsys.readouterr().err == "error: Missing option '--country'. See 'haechi init --help'\n"
