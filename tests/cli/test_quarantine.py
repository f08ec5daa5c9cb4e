"""What a person or a script sees of refused records, and a replay from the command line."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home
from haechi.node.ingest import ingest

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
LOCAL = b'{"timestamp":"2026-09-21T20:00:00","event_type":"flow","src_ip":"10.0.0.%d","dest_ip":"192.0.2.1"}\n'
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    home = Home.init(tmp_path / "node", party="P", country="KR", sector="energy", clock=FixedClock(NOW))
    path = tmp_path / "eve.json"
    path.write_bytes(LOCAL % 1 + b"not \x1b[2J json\n" + LOCAL % 2)
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    assert ingest(home, [path], format="suricata-eve", sensor="edge").quarantined == 3
    home.close()
    return path


@pytest.fixture
def run(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        status = main(["--home", str(tmp_path / "node"), "quarantine", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def test_counts_first_then_what_to_do_then_records(run: Run, log: Path) -> None:
    status, out, _ = run("list")
    counts, texts, records = out.split("\n\n")
    assert status == 0
    assert counts.splitlines()[2].split()[:4] == ["2", "no-zone", "suricata-eve", str(log)]
    assert texts.splitlines()[0].startswith(
        "no-zone: The time has no zone. Name the sensor's: haechi quarantine replay"
    )
    assert [line.split()[0] for line in records.splitlines()[2:]] == [
        f"quarantine--1-{at}" for at in (0, len(LOCAL) - 1, len(LOCAL) + 13)
    ]
    assert "(the record)" in records
    assert run("list", "--limit", "1")[2].startswith("1 of 3 shown")


def test_list_for_machines(run: Run, log: Path) -> None:
    document = json.loads(run("list", "--json", "--limit", "2")[1])
    assert [(g["reason"], g["records"]) for g in document["groups"]] == [
        ("refused.no-zone", 2),
        ("refused.not-object", 1),
    ]
    assert (len(document["records"]), document["total"]) == (2, 3)
    first = document["records"][0]
    assert (first["input"], first["line"], first["field"], first["value"]) == (
        str(log),
        1,
        "time",
        "2026-09-21T20:00:00",
    )
    assert first["text"].startswith("The time has no zone.")
    assert len(run("list", "--jsonl", "--reason", "no-zone")[1].splitlines()) == 2
    assert run("list", "--reason", "bad-port")[::2] == (0, "No record is chosen.\n")
    assert run("list", "--reason", "nix")[0] == 2


def test_original_bytes_never_drive_the_terminal(run: Run, log: Path) -> None:
    id = json.loads(run("list", "--json", "--reason", "not-object")[1])["records"][0]["id"]
    status, out, _ = run("show", id)
    assert (status, out.splitlines()[-1], "\x1b" in out) == (0, "not \\x1b[2J json", False)
    assert f"{log}, line 2, byte" in out
    assert "6e 6f 74 20 1b 5b 32 4a" in run("show", id, "--hex")[1]
    document = json.loads(run("show", id, "--json")[1])
    assert (document["raw_text"], document["whole"]) == ("not \\x1b[2J json", True)
    assert run("show", "quarantine--7-7")[0] == 1


def test_replay(run: Run) -> None:
    status, out, err = run("replay")
    assert (status, out) == (1, "0 records read, with 0 sightings; 3 stay in the quarantine.\n")
    assert err.startswith("2 refused again. The time has no zone.")
    status, out, err = run("replay", "--reason", "no-zone", "--zone", "Asia/Seoul")
    assert (status, out, err) == (0, "2 records read, with 0 sightings; 0 stay in the quarantine.\n", "")
    document = json.loads(run("replay", "--json")[1])
    assert (document["chosen"], document["read"], document["still"]) == (1, 0, {"refused.not-object": 1})
    assert run("replay", "--reason", "no-zone")[:2] == (0, "No record is chosen.\n")
    assert run("replay", "--zone", "Nowhere")[0] == 1
    assert run("replay", "nix")[0] == 2


def test_replay_of_a_record_that_is_not_there(run: Run) -> None:
    status, out, err = run("replay", "quarantine--1-0", "quarantine--999-1", "--zone", "Asia/Seoul")
    assert (status, out) == (1, "")
    assert err.startswith("error: no quarantine--999-1 in the quarantine. ")
    assert len(json.loads(run("list", "--json")[1])["records"]) == 3, "nothing was read"


def test_an_empty_quarantine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Home.init(tmp_path / "new", party="P", country="KR", sector="energy", clock=FixedClock(NOW)).close()
    assert main(["--home", str(tmp_path / "new"), "quarantine", "list"]) == 0
    assert capsys.readouterr().err == "The quarantine is empty.\n"
