"""The chapter on exchange in a person's words."""

import msgspec

from haechi.demo import chapter
from haechi.report.table import render
from tests.demo.shared import BEGAN, ENDED, EXCHANGE, receipt


def test_the_figure_says_where_and_thanks_to_whom():
    said = chapter.headline(EXCHANGE)
    assert said.startswith("12 sightings in KR's networks exist only because TW shared")
    assert "semiconductor 8, of no known sector 4" in said


def test_the_steps_stand_in_order_with_what_stayed_and_why():
    said = chapter.story(EXCHANGE, "haechi", "demo/KR")
    steps = ["12345 67890", "indicator 11", "56 objects stayed: TLP:AMBER doesn't", "30 objects", "agree", "10 events"]
    steps += ["sighting--1-2-3", "haechi --home demo/KR sightings --only-by TW-cert", "KR, semiconductor 6; KR 4"]
    steps += ["names 0 of KR's parties", "retracted 1 indicator", "confirmed 2 deletions"]
    places = [said.index(step) for step in steps]
    assert places == sorted(places)


def test_receipts_that_differ_are_seen_to():
    assert "DIFFER" not in render(chapter.receipts(EXCHANGE))
    other = (*ENDED.receipts[:1], receipt("KR", "received", "indicators", "cc"))
    broken = msgspec.structs.replace(
        EXCHANGE,
        began=msgspec.structs.replace(BEGAN, agreed=False),
        ended=msgspec.structs.replace(ENDED, receipts=other),
    )
    shown = chapter.receipts(broken)
    assert [row[-1] for row in shown.rows] == ["DIFFER"]
    assert "DIFFER" in chapter.story(broken, "haechi", "demo/KR")


def test_every_fault_has_its_words():
    told = ("not_received", "not_matched", "not_sighted_back", "victim_named")
    names = (*told, "not_deleted", "not_confirmed", "receipts_differ")
    said = chapter.faults(msgspec.structs.replace(EXCHANGE, faults=names))
    assert len(set(said)) == len(names)
