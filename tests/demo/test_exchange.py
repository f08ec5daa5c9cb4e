"""Whether the demo's exchange holds: each promise broken by itself; the two sides played for true."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from haechi.demo import exchange
from haechi.demo.feeds import MISTAKEN
from haechi.demo.plan import load_plan
from haechi.demo.score import Row, SideScore
from tests.demo.shared import BEGAN, ENDED, receipt

ROOT = Path(__file__).parents[2]


def scores(found_shared: int = 10) -> list[SideScore]:
    names = ("planted", "known", "shared", "found", "missed", "unknown", "other_knew", "wrong")
    row = Row(
        country="KR",
        campaign="one",
        title="One",
        actor="",
        kind="unknown",
        found_shared=found_shared,
        **dict.fromkeys(names, 0),
    )
    return [SideScore(country="KR", rows=(row,), false=0, bait=0)]


def test_all_holds():
    assert exchange.judged(BEGAN, ENDED, scores()).faults == ()


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"events": 0, "words": {}}, "not_matched"),
        ({"words": {"KR": 9}}, "not_sighted_back"),
        ({"named": 1}, "victim_named"),
        ({"still_known": 1}, "not_deleted"),
        ({"withdrawn": 0, "confirmed": 0}, "not_deleted"),
        ({"unconfirmed": 1}, "not_confirmed"),
        ({"confirmed": 1}, "not_confirmed"),
        ({"receipts": ()}, "receipts_differ"),
    ],
)
def test_a_promise_broken_in_the_evening_is_named(changed, fault):
    found = exchange.judged(BEGAN, msgspec.structs.replace(ENDED, **changed), scores())
    assert fault in found.faults


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"left": {}}, "not_received"),
        ({"received": 21}, "not_received"),
        ({"refused": 1}, "not_received"),
        ({"agreed": False}, "receipts_differ"),
    ],
)
def test_a_promise_broken_in_the_morning_is_named(changed, fault):
    assert exchange.judged(msgspec.structs.replace(BEGAN, **changed), ENDED, scores()).faults == (fault,)


def test_the_lakes_count_by_source_must_be_what_was_planted():
    assert exchange.judged(BEGAN, ENDED, scores(9)).faults == ("not_matched",)


@pytest.mark.parametrize(
    "other",
    [
        receipt("KR", "received", "indicators", "cc"),
        receipt("KR", "received", "indicators", "aa", None),
        receipt("KR", "received", "indicators", "aa", False),
        receipt("KR", "received", "sightings", "aa"),
    ],
)
def test_receipts_that_differ_in_anything_do_not_agree(other):
    assert exchange.agree(ENDED.receipts)
    assert not exchange.agree((receipt("TW", "sent", "indicators", "aa"), other))


def test_who_gives_is_who_the_plan_says():
    assert {campaign.shared_by for campaign in load_plan().campaign if campaign.shared_by} == {exchange.GIVER}


@pytest.mark.slow
def test_the_whole_small_demo_holds_to_the_last_byte(tmp_path):
    home = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "haechi", "demo", "--small", "--keep", "--json", "--home", home],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    shared = told["exchange"]
    korea = next(side for side in told["scores"] if side["country"] == "KR")
    assert shared["ended"]["events"] == sum(row["found_shared"] for row in korea["rows"]) == 10
    assert shared["began"]["left"]["indicator"] == 11
    assert shared["faults"] == []
    [wrong] = (home / "inbox" / "TW" / MISTAKEN).read_bytes().split()
    holding = [path for path in (home / "KR").rglob("*") if path.is_file() and wrong in path.read_bytes()]
    assert holding == [], "what was taken back is in no byte of the receiver's home"
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        assert str(home).encode() not in _said(process), "no server outlives the demo"


def _said(process: Path) -> bytes:
    try:
        return process.read_bytes()
    except OSError:
        return b""
