import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home

NOW = 1_790_000_000_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HAECHI_HOME", str(tmp_path / "node"))
    made = Home.init(tmp_path / "node", party="P", country="KR", sector="energy", clock=FixedClock(NOW))
    made.audit().append("parties.add", subject="party--2", details={"name": "Q"})
    return made


def test_a_log_that_holds(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "verify"]) == 0
    out, err = capsys.readouterr()
    assert out == "The log holds: 2 entries, chained; 2 signatures reach to entry 2.\n"
    assert "only a checkpoint kept elsewhere can tell" in err
    assert main(["audit", "verify", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["verified"], document["entries"], document["signed"]) == (True, 2, 2)


def test_a_changed_entry_is_found_with_its_line(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    log = home.path / "audit/log.jsonl"
    log.write_bytes(
        log.read_bytes().replace(b'"name":"Q"', b'"name":"R"').replace(b'"country":"KR"', b'"country":"TW"')
    )
    assert main(["audit", "verify", "--json"]) == 4
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["kind"] == "NotVerified"
    assert f"{log}:" in err


def test_newest_first_and_cut_by_the_limit(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "list", "--limit", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["total"], len(document["entries"])) == (2, 1)
    entry = document["entries"][0]
    assert (entry["seq"], entry["action"], entry["at"]) == (2, "parties.add", "2026-09-21T14:13:20.000000Z")
    assert main(["audit", "list"]) == 0
    assert "2026-09-21 14:13:20 UTC" in capsys.readouterr().out


def test_a_log_cut_short_is_found(home: Home) -> None:
    log = home.path / "audit/log.jsonl"
    log.write_bytes(log.read_bytes().splitlines(keepends=True)[0])
    assert main(["audit", "verify"]) == 4


def test_entries_without_a_signature_are_told(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    signed = home.path / "audit/checkpoints.jsonl"
    signed.write_bytes(signed.read_bytes().splitlines(keepends=True)[0])
    assert main(["audit", "verify"]) == 0
    assert "No signature covers entries 2 to 2" in capsys.readouterr().err


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_checkpoint_kept_elsewhere_finds_a_log_put_back(
    form: list[str], home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = home.path / "audit"
    before = {path.name: path.read_bytes() for path in audit.iterdir()}
    home.audit().append("indicators.add", subject="x")
    assert main(["audit", "checkpoint", *form]) == 0
    kept = tmp_path / "kept.jsonl"
    kept.write_text(capsys.readouterr().out)
    assert main(["audit", "verify", "--known", str(kept)]) == 0
    for name, content in before.items():
        (audit / name).write_bytes(content)
    assert main(["audit", "verify"]) == 0
    assert main(["audit", "verify", "--known", str(kept)]) == 4


def test_a_file_that_holds_no_checkpoint(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text("\n{}\n")
    assert main(["audit", "verify", "--known", str(kept)]) == 1
    assert f"error: {kept}:2: " in capsys.readouterr().err
