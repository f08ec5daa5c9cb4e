"""`haechi ingest` as a person calls it: what it says, what it returns."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haechi.cli import ingest as ingest_command
from haechi.cli.main import main

GOOD = '{"timestamp":"2026-09-01T00:00:00+0900","event_type":"flow","src_ip":"192.0.2.1","dest_ip":"192.0.2.2"}'


@pytest.fixture
def home(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    folder = tmp_path / "node"
    assert main(["init", str(folder), "--party", "KrCERT/CC", "--country", "KR"]) == 0
    capsys.readouterr()
    return folder


def test_good_records_pass_and_bad_ones_are_told(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "eve.json"
    log.write_text(f'{GOOD}\n{{"timestamp":"2026-09-01T00:00:00+0900","event_type":\n{GOOD}\n')
    assert main(["--home", str(home), "ingest", str(log), "--json"]) == 1
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["events"], document["quarantined"]) == (2, 1)
    assert document["files"][0]["reader"] == "suricata-eve"
    assert "haechi quarantine list" in err


def test_a_second_run_goes_on_from_the_first(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "eve.json"
    log.write_text(GOOD + "\n")
    assert main(["--home", str(home), "ingest", str(log)]) == 0
    log.write_text(GOOD + "\n" + GOOD + "\n")
    capsys.readouterr()
    assert main(["--home", str(home), "ingest", str(log), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["events"], document["files"][0]["already"]) == (1, len(GOOD) + 1)


def test_how_a_log_was_recognised_is_told_in_words(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, empty = tmp_path / "eve.json", tmp_path / "empty.json"
    log.write_text(GOOD + "\n")
    empty.write_text("")
    assert main(["--home", str(home), "ingest", str(log), str(empty), "--json"]) == 0
    out, err = capsys.readouterr()
    told = {file["path"]: file["why"] for file in json.loads(out)["files"]}
    assert told == {str(log): "JSON objects with event_type and timestamp", str(empty): ""}
    assert f"{log} was read as suricata-eve: JSON objects with event_type and timestamp" in err


def test_an_unknown_format_names_those_there_are(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "letter.txt"
    log.write_text("Dear colleague,\n")
    assert main(["--home", str(home), "ingest", str(log)]) == 1
    assert "suricata-eve" in capsys.readouterr().err


def test_names_from_outside_never_drive_the_terminal(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "m.toml").write_text('[fields]\nwhen = "time"\n')
    log = tmp_path / "a\x1b[2J.csv"
    log.write_text("a\x1b[31mRED\x07,b\n1,2\n")
    assert main(["--home", str(home), "ingest", str(log), "--mapping", str(tmp_path / "m.toml")]) == 1
    out, err = capsys.readouterr()
    assert "It has: a\\x1b[31mRED\\x07, b" in err
    assert "a\\x1b[2J.csv" in err
    assert "\x1b" not in out + err


def test_csv_is_read_by_a_mapping(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mapping = tmp_path / "firewall.toml"
    mapping.write_text('name = "firewall"\ntime_zone = "Asia/Seoul"\n[fields]\n"when" = "time"\n"from" = "src_addr"\n')
    log = tmp_path / "firewall.csv"
    log.write_text("when,from\n2026-09-01 00:00:00,192.0.2.1\n2026-09-01 00:00:01,192.0.2.300\n")
    assert main(["--home", str(home), "ingest", str(log), "--mapping", str(mapping), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["events"], document["quarantined"], document["files"][0]["reader"]) == (1, 1, "firewall")


@pytest.mark.parametrize(("name", "advice"), [("foo", "suricata-eve"), ("csv", "--mapping")])
def test_a_wrong_format_is_a_usage_error(
    name: str, advice: str, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "eve.json"
    log.write_text(GOOD + "\n")
    assert main(["--home", str(home), "ingest", str(log), "--format", name]) == 2
    assert advice in capsys.readouterr().err


def test_a_line_that_is_still_being_written_is_no_fault(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Else every timed run of a live log would fail."""
    log = tmp_path / "eve.json"
    log.write_text(GOOD + "\n" + GOOD[:50])
    assert main(["--home", str(home), "ingest", str(log)]) == 0
    assert "50 bytes at the end are no whole line yet" in capsys.readouterr().err


def test_the_table_says_what_was_read_before_and_how(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log, copy = tmp_path / "eve.json", tmp_path / "eve.json.1"
    for path in (log, copy):
        path.write_text(GOOD + "\n")
    assert main(["--home", str(home), "ingest", str(log), str(copy), "--format", "access"]) == 1
    assert f"{copy}: the same log as {log}" in capsys.readouterr().err
    assert main(["--home", str(home), "ingest", str(log)]) == 0
    told = capsys.readouterr().err
    assert f"{log}: read before as access" in told
    assert f"haechi quarantine replay --input {log} --format suricata-eve" in told


def test_an_empty_log_and_events_that_show_nothing_are_told(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, asa = tmp_path / "empty.log", tmp_path / "asa.log"
    empty.touch()
    asa.write_text("Dec 10 06:55:46 fw %ASA-6-302013: Built outbound TCP connection 1 for outside:192.0.2.1/443\n")
    assert main(["--home", str(home), "ingest", str(empty), str(asa), "--zone", "Asia/Seoul"]) == 0
    told = capsys.readouterr().err
    assert f"{empty}: nothing in it yet" in told
    assert f"{asa}: 1 of 1 events show nothing that can be matched" in told


def test_the_bar_shows_bytes_of_all_events_a_second_and_when_it_ends(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, str, int | None]] = []

    @contextmanager
    def progress(*_: Any, **__: Any) -> Iterator[Any]:
        yield lambda *step: steps.append(step)

    monkeypatch.setattr(ingest_command, "progress", progress)
    log = tmp_path / "eve.json"
    log.write_text(GOOD + "\n")
    assert main(["--home", str(home), "ingest", str(log)]) == 0
    done, remark, total = steps[-1]
    assert done == total == len(GOOD) + 1
    assert re.fullmatch(r"1 events \([\d,]+/s\), 0 sightings, 0 refused", remark)
