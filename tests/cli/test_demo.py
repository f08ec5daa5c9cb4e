"""`haechi demo`: its words, its refusals, its exit status; the play itself is tested in tests/demo."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from haechi.cli.main import main
from haechi.demo import story
from haechi.demo.report import Report, Summary
from haechi.demo.score import Row, SideScore
from tests.demo.shared import EXCHANGE


def _outcome(*, found: int = 3, problems: tuple[str, ...] = (), faults: tuple[str, ...] = ()) -> story.Outcome:
    row = Row(
        country="TW",
        campaign="one",
        title="Title",
        actor="",
        kind="unknown",
        planted=5,
        known=3,
        shared=0,
        found=found,
        found_shared=0,
        missed=3 - found,
        unknown=2,
        other_knew=1,
        wrong=0,
    )
    written = Summary(
        country="TW", events=10, size=1, files=1, indicators=1, list_size=1, planted=5, seconds=1.0, peak_memory=1
    )
    node = Report(
        country="KR",
        home="demo/KR",
        parties=1,
        indicators=1,
        suppressed=0,
        refused=0,
        events=10,
        sightings=3,
        quarantined=0,
        problems=problems,
        size=1,
        list_seconds=1.0,
        log_seconds=1.0,
        seconds=1.0,
        peak_memory=1,
    )
    return story.Outcome(
        day="2026-03-10",
        seed=7,
        small=True,
        folder="demo",
        written=(written,),
        nodes=(node,),
        scores=(SideScore(country="TW", rows=(row,), false=0, bait=0),),
        exchange=msgspec.structs.replace(EXCHANGE, faults=faults),
        exchange_seconds=1.0,
        write_seconds=1.0,
        node_seconds=1.0,
        seconds=2.0,
    )


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[story.Settings]:
    """The settings that the command played with; the play itself is over at once."""
    seen: list[story.Settings] = []

    def play(settings: story.Settings, _tell: story.Tell) -> story.Outcome:
        seen.append(settings)
        return _outcome()

    monkeypatch.setattr(story, "play", play)
    return seen


def test_the_words_become_settings(played, tmp_path):
    assert main(["demo", "--small", "--seed", "3", "--home", str(tmp_path), "--keep", "--json"]) == 0
    assert played == [story.Settings(folder=tmp_path, seed=3, small=True, keep=True)]


def test_it_says_first_what_is_synthetic_and_then_shows_tables(played, capsys):
    assert main(["demo"]) == 0
    assert played == [story.Settings(folder=Path("demo-home"), seed=7, small=False, keep=False)]
    shown = capsys.readouterr()
    assert "synthetic" in shown.err
    assert "What was planted and what was found" in shown.out
    assert "exist only because TW shared" in shown.out
    assert "haechi --home demo/KR sightings" in shown.out


def test_json_is_one_document_and_nothing_beside_it(played, capsys):
    assert main(["demo", "--json"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["scores"][0]["rows"][0]["found"] == 3
    assert shown.err == ""


@pytest.mark.parametrize("outcome", [_outcome(found=2)])
def test_a_miss_is_not_verified(outcome, monkeypatch, capsys):
    monkeypatch.setattr(story, "play", lambda settings, tell: outcome)
    assert main(["demo", "--small"]) == 4
    assert "0 events not read, 1 missed that the lists named in time" in capsys.readouterr().err


def test_a_promise_of_the_exchange_that_did_not_hold_is_named_and_not_verified(monkeypatch, capsys):
    monkeypatch.setattr(story, "play", lambda settings, tell: _outcome(faults=("victim_named",)))
    assert main(["demo", "--small"]) == 4
    said = capsys.readouterr().err
    assert "error: the giver's catalog names who was hit" in said
    assert "1 of the exchange's promises did not hold" in said


def test_a_log_that_was_not_read_is_named(monkeypatch, capsys):
    monkeypatch.setattr(story, "play", lambda settings, tell: _outcome(problems=("sshd-0.log: not recognised",)))
    main(["demo", "--small"])
    assert "error: sshd-0.log: not recognised" in capsys.readouterr().err


def test_a_full_disk_is_told_with_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=10**9))
    assert main(["demo", "--home", str(tmp_path / "new")]) == 3
    assert "the demo needs 5.0 GB" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
