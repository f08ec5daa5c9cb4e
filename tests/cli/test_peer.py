"""`haechi peer` between two real nodes, one of them served over TLS by its own process."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import SystemClock
from haechi.node.home import Home
from tests.web.conftest import ROOT, begun, ended, free_port


def make(folder: Path, name: str, country: str) -> Path:
    Home.init(folder, party=name, country=country, sector="government", clock=SystemClock()).close()
    return folder


@pytest.fixture(scope="module")
def korea(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    home, port = make(tmp_path_factory.mktemp("kr") / "node", "KrCERT/CC", "KR"), free_port()
    process = begun(home, "--port", str(port), "--tls")
    yield str(home), f"https://127.0.0.1:{port}"
    assert ended(process) == 0


@pytest.fixture
def taiwan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make(tmp_path / "tw", "TWCERT/CC", "TW")
    monkeypatch.setenv("HAECHI_HOME", str(made))
    return made


def said(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> str:
    assert main(list(words)) == status
    return capsys.readouterr().out


def test_added_compared_and_confirmed(
    taiwan: Path, korea: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, url = korea
    shown = said(capsys, "peer", "add", url, "--allow-private")
    assert "KrCERT/CC (KR, government), key " in shown
    assert "█" in shown
    (tmp_path / "tw.json").write_text(said(capsys, "peer", "identity"))
    there = json.loads(said(capsys, "--home", home, "peer", "add", "--identity", str(tmp_path / "tw.json"), "--json"))
    assert there["confirmed_at"] is None
    assert [line for line in shown.splitlines() if line.replace(" ", "").isdigit()] == [
        " ".join(there["code"].split()[at : at + 4]) for at in (0, 4, 8)
    ]
    assert main(["peer", "confirm", "KrCERT/CC", "--code", "0" * 60]) == 4
    assert "don't confirm" in capsys.readouterr().err
    assert main(["peer", "confirm", "KrCERT/CC"]) == 2  # no terminal, no code
    capsys.readouterr()
    assert said(capsys, "peer", "confirm", "KrCERT/CC", "--code", there["code"]) == "KrCERT/CC is confirmed\n"
    assert json.loads(said(capsys, "--home", home, "peer", "confirm", "TWCERT/CC", "--code", there["code"], "--json"))
    [one] = json.loads(said(capsys, "peer", "list", "--json"))["peers"]
    assert (one["name"], one["failures"], one["allow_private"], len(one["tls_pin"])) == ("KrCERT/CC", 0, True, 64)
    assert one["confirmed_at"] > 0
    assert said(capsys, "sync") != ""
    listed = said(capsys, "peer", "list")
    assert "KrCERT/CC" in listed
    assert url in listed
    assert there["code"].split()[0] in said(capsys, "peer", "show", "KrCERT/CC")
    before = json.loads(said(capsys, "peer", "show", "KrCERT/CC", "--json"))
    assert before["code"] == there["code"]
    assert said(capsys, "peer", "rotate-key").startswith("the key is now ")
    assert said(capsys, "sync") != ""
    known = json.loads(said(capsys, "--home", home, "peer", "list", "--json"))["peers"][0]
    assert known["key"] == json.loads(said(capsys, "peer", "identity"))["key"]
    assert said(capsys, "peer", "remove", "KrCERT/CC") == "ended with KrCERT/CC; what was shared before stays\n"
    assert main(["peer", "show", "KrCERT/CC"]) == 1
    assert said(capsys, "audit", "verify")


def test_a_code_given_at_once(taiwan: Path, korea: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = ("peer", "add", korea[1], "--allow-private", "--json")
    assert main([*words, "--confirm", "1" * 60]) == 4
    assert json.loads(capsys.readouterr().out)["error"]["id"] == "peer.code_differs"
    assert json.loads(said(capsys, "peer", "list", "--json"))["peers"] == []
    code = json.loads(said(capsys, *words))["code"]
    said(capsys, "peer", "remove", "KrCERT/CC")
    added = json.loads(said(capsys, *words, "--confirm", code.replace(" ", "-")))
    assert added["confirmed_at"] is not None


@pytest.mark.parametrize(("answer", "confirmed"), [("y", True), ("n", False)])
def test_a_person_at_a_terminal_is_asked(
    taiwan: Path, korea: tuple[str, str], capsys: pytest.CaptureFixture[str], answer: str, confirmed: bool
) -> None:
    ours, theirs = pty.openpty()
    call = [sys.executable, "-m", "haechi", "peer", "add", korea[1], "--allow-private"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(call, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
    os.write(ours, f"{answer}\n".encode())
    out, err = process.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, err
    assert b"Did you compare all digits" in err
    assert (b"is confirmed" in out) is confirmed
    [one] = json.loads(said(capsys, "peer", "list", "--json"))["peers"]
    assert (one["confirmed_at"] is not None) is confirmed


def test_what_cannot_be(taiwan: Path, korea: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["peer", "add"]) == 2
    assert main(["peer", "add", korea[1], "--identity", "x"]) == 2
    assert main(["peer", "add", korea[1]]) == 3  # a private address, and nobody allowed it
    assert main(["peer", "add", "https://user:secret@kr.example"]) == 2
    assert main(["peer", "confirm", "nobody", "--code", "1"]) == 1
    capsys.readouterr()
