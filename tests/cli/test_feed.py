import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(path))
    clock = FixedClock(1_790_000_000_000_000)
    Home.init(path, party="TWCERT/CC", country="TW", sector="government", clock=clock).close()
    return path


def test_add_list_run_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = tmp_path / "token"
    secret.write_text("hunter2-hunter2\n")
    url = "http://127.0.0.1:9/api/collections/c/"
    words = ["--name", "vendor", "--token-file", str(secret), "--marking", "green", "--allow-private"]
    assert main(["feed", "add", url, *words]) == 0
    assert "haechi feed run vendor" in capsys.readouterr().out
    assert main(["feed", "list", "--json"]) == 0
    told = capsys.readouterr().out
    assert "hunter2" not in told
    (row,) = json.loads(told)["feeds"]
    assert (row["name"], row["kind"], row["url"], row["done"], row["failures"]) == ("vendor", "taxii", url, None, 0)
    assert main(["feed", "run"]) == 3
    shown = capsys.readouterr()
    assert "broke off" in shown.out
    assert "127.0.0.1:9" in shown.err
    assert main(["feed", "run", "vendor", "--json"]) == 3
    (ran,) = json.loads(capsys.readouterr().out)["feeds"]
    assert (ran["feed"], ran["added"], ran["error"]["kind"]) == ("vendor", 0, "NodeCannot")
    assert main(["feed", "list"]) == 0
    assert "vendor" in capsys.readouterr().out
    assert main(["feed", "list", "--jsonl"]) == 0
    assert json.loads(capsys.readouterr().out)["failures"] == 2
    assert main(["feed", "remove", "vendor"]) == 0
    assert main(["feed", "remove", "vendor"]) == 1
    assert main(["feed", "run", "vendor"]) == 1


def test_what_can_t_be_added(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["feed", "add", "https://a.example/", "--name", "x", "--marking", "pink"]) == 2
    assert main(["feed", "add", "nonsense", "--name", "x"]) == 2
    assert main(["feed", "add", "https://a.example/", "--name", "x", "--username", "u"]) == 2
    assert "not both" in capsys.readouterr().err
