import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from haechi.cli.main import main
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Two indicators given, pulled; one of them withdrawn, that pulled too."""
    made = Pair(tmp_path)
    made.gives(made.indicator(1, "45.61.136.1"), made.indicator(2, "evil.example"))
    made.pull()
    made.gives(takes=[1])
    yield made
    made.close()


def says(home: Path, *words: str) -> int:
    return main(["--home", str(home), "receipts", *words])


def test_what_went_out_and_came_in_with_the_peers_word(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    assert says(pair.tw.home.path) == 0
    shown = capsys.readouterr()
    assert "no word yet" in shown.out
    assert "1 withdrawals aren't confirmed yet" in shown.err
    pair.pull()
    assert says(pair.tw.home.path) == 0
    shown = capsys.readouterr()
    assert "That it is deleted is the peer's signed word; nobody can check it from here." in shown.out
    assert "deleted, by the peer's signed word of 2026-09-21" in shown.out
    assert "backups made before" in shown.out
    assert [line.split()[:6] for line in shown.out.splitlines() if line.startswith("KrCERT") and "sent" in line] == [
        ["KrCERT", "sent", "indicators", "3", "agree", "2026-09-21"],
        ["KrCERT", "sent", "sightings", "0", "agree", "2026-09-21"],
    ]
    assert says(pair.kr.home.path) == 0
    assert "received" in capsys.readouterr().out


def test_as_json_the_roots_are_equal_and_the_words_are_whole(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.pull()
    assert says(pair.tw.home.path, "--json") == 0
    tw = json.loads(capsys.readouterr().out)
    assert says(pair.kr.home.path, "TWCERT", "--json") == 0
    kr = json.loads(capsys.readouterr().out)
    sent = {one["collection"]: one for one in tw["receipts"] if one["direction"] == "sent"}
    got = {one["collection"]: one for one in kr["receipts"] if one["direction"] == "received"}
    assert {name: one["root"] for name, one in sent.items()} == {name: one["root"] for name, one in got.items()}
    assert got["indicators"]["objects"] == 1
    assert json.loads(sent["indicators"]["theirs"]) == json.loads(got["indicators"]["ours"])
    [word] = tw["withdrawals"]
    assert (word["seq"], word["cannot"]) == (3, {"backups": 1})
    assert json.loads(word["word"])["purpose"] == "haechi withdrawal confirmation 1"


def test_as_lines_each_says_what_it_is(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.pull()
    assert says(pair.tw.home.path, "--jsonl") == 0
    kinds = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert kinds == ["receipt", "receipt", "withdrawal"]


def test_receipts_that_differ_end_with_4(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    with pair.kr.home.catalog().begin() as conn:
        conn.execute(text("UPDATE receipt SET agreed = 0 WHERE collection = 'indicators'"))
    assert says(pair.kr.home.path) == 4
    assert "DIFFER" in capsys.readouterr().out


def test_what_is_held_apart_is_told(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    pair.shelf().epoch(2, {"indicators": (1, 1)}, 0)
    assert says(pair.kr.home.path) == 0
    assert "1 objects are held that the peer's present ledger doesn't have" in capsys.readouterr().err


def test_an_unknown_peer(pair: Pair) -> None:
    assert says(pair.kr.home.path, "nobody") == 1
