"""The command over a transport that is a function; over HTTP see tests/journeys/test_sync_two_nodes.py."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.exchange.message import Response
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    made = Pair(tmp_path).connected(monkeypatch)
    monkeypatch.setattr("haechi.node.home.SystemClock", lambda: made.clock)  # both nodes on the test's time
    yield made
    made.close()


def says(pair: Pair, *words: str, country: str = "kr") -> int:
    side = pair.kr if country == "kr" else pair.tw
    return main(["--home", str(side.home.path), *words])


def test_a_sync_is_told_in_a_table(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.gives(pair.indicator(1, "45.61.136.1"), pair.indicator(2, "evil.example"))
    assert says(pair, "sync") == 0
    shown = capsys.readouterr()
    assert [line.split() for line in shown.out.splitlines() if "TWCERT" in line] == [["TWCERT", "2", "0", "0", "agree"]]
    assert shown.err == ""


def test_a_sync_is_told_as_json(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.gives(pair.indicator(1, "45.61.136.1"))
    assert says(pair, "sync", "TWCERT", "--json") == 0
    [found] = json.loads(capsys.readouterr().out)["peers"]
    assert (found["objects"], found["agreed"], found["error"]) == (1, True, None)
    assert [one["collection"] for one in found["receipts"]] == ["indicators", "sightings"]
    assert says(pair, "sync", "--jsonl") == 0
    assert json.loads(capsys.readouterr().out)["peer"] == "TWCERT"


def test_what_could_not_be_taken_is_told_and_the_status_is_1(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    bad = pair.indicator(1, "45.61.136.1")
    pair.gives(bad._replace(body=bad.body.replace(b"45.61.136.1", b"nonsense")))
    assert says(pair, "sync") == 1
    assert "TWCERT: 1 objects could not be taken; 'haechi receipts' names them" in capsys.readouterr().err
    assert says(pair, "receipts") == 0
    assert bad.object_id in capsys.readouterr().out


def test_a_peer_that_cannot_be_believed_ends_with_4(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.spoil = lambda answer: Response(answer.status, answer.headers, answer.body + b" ")
    assert says(pair, "sync") == 4
    shown = capsys.readouterr()
    assert "failed" in shown.out
    assert shown.err.startswith("TWCERT: ")
    assert says(pair, "receipts") == 0
    assert "1 syncs failed in a row" in capsys.readouterr().err


def test_without_peers_nothing_is_done(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert says(pair, "sync", country="tw") == 0
    assert "Nothing to show" in capsys.readouterr().err
    assert says(pair, "sync", "nobody") == 1
    assert says(pair, "sync", "--every", "0.5") == 2
