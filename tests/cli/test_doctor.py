import json
from pathlib import Path

import pytest

from haechi.cli.main import main


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HAECHI_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_a_machine_without_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["check", "state", "seen"]
    assert ["duckdb", "ok"] in [line.split()[:2] for line in out.splitlines()]
    assert err in ("All is well.\n", "Nothing stops the node; look at the warnings.\n")


def test_a_named_home_that_is_not_there_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--home", str(tmp_path / "gone"), "doctor", "--json"]) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["state"] == "fail"
    last = document["checks"][-1]
    assert (last["name"], last["state"], last["seen"]) == ("home", "fail", f"{tmp_path}/gone is not there")
    assert last["advice"].startswith(f"Make the node with 'haechi init {tmp_path}/gone")
