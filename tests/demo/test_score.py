"""The score on data made by hand, where every cell is known."""

import msgspec
import pytest

from haechi.demo.score import Row, Seen, score, total
from haechi.demo.truth import CampaignTruth, Planted, PlantedValue, Truth

HOUR = 3_600_000_000
MIDNIGHT = 1773100800 * 1_000_000
BAD, LATE, NEVER = PlantedValue("domain", "bad.test"), PlantedValue("ipv4", "192.52.193.9"), PlantedValue("ja3", "ab")


def _event(offset: int, hour: float, value: PlantedValue, campaign: str = "one") -> Planted:
    return Planted(
        campaign=campaign,
        file="eve-0.json",
        offset=offset,
        length=100,
        at=int(MIDNIGHT + hour * HOUR),
        values=(value,),
    )


def _campaign(id: str) -> CampaignTruth:
    return CampaignTruth(
        id=id,
        title=id.title(),
        actor="",
        kind="unknown",
        sectors=(),
        first_hit=None,
        known_at=None,
        known_elsewhere_at=None,
    )


TRUTH = Truth(
    country="TW",
    seed=7,
    day="2026-03-10",
    events=1000,
    period=6 * HOUR,
    campaigns=(_campaign("one"), _campaign("two")),
    planted=(
        _event(0, 1, BAD),
        _event(100, 2, BAD),
        _event(200, 7, LATE),  # the list comes at 6: known from this period on
        _event(300, 5, LATE),  # before
        _event(400, 13, NEVER, "two"),
    ),
    known={"bad.test": MIDNIGHT, "192.52.193.9": MIDNIGHT + 6 * HOUR},
    known_elsewhere={"192.52.193.9": MIDNIGHT, "ab": MIDNIGHT + 18 * HOUR},
    bait=(PlantedValue("ipv4", "8.8.8.8"),),
)


def _row(campaign: str, **figures: int) -> Row:
    return Row(country="TW", campaign=campaign, title=campaign.title(), actor="", kind="unknown", **figures)


def test_every_cell():
    seen = [
        Seen("eve-0.json", 0, "bad.test"),
        Seen("eve-0.json", 0, "bad.test"),  # two fields of one event: one event found
        Seen("eve-0.json", 200, "192.52.193.9"),
        Seen("eve-0.json", 400, "bad.test"),  # the event doesn't hold it
        Seen("eve-0.json", 77, "bad.test"),  # nothing planted there
        Seen("eve-1.json", 0, "8.8.8.8"),
    ]
    found = score(TRUTH, seen)
    none = {"shared": 0, "found_shared": 0}
    assert found.rows == (
        _row("one", planted=4, known=3, found=2, missed=1, unknown=1, other_knew=1, wrong=0, **none),
        _row("two", planted=1, known=0, found=0, missed=0, unknown=1, other_knew=0, wrong=1, **none),
    )
    assert (found.false, found.bait, found.missed, found.wrong) == (2, 1, 1, 3)
    assert total([found, found], "planted") == 10


def test_an_event_found_before_its_list_came_is_wrong():
    found = score(TRUTH, [Seen("eve-0.json", 300, "192.52.193.9")])
    assert found.rows[0].wrong == 1
    assert found.rows[0].found == 0


def test_what_the_other_side_shared_in_time_is_known_and_counted_apart():
    shared = msgspec.structs.replace(TRUTH, shared={"ab": MIDNIGHT + 6 * HOUR})
    assert score(shared, []).rows[1] == _row(
        "two", planted=1, known=0, shared=1, found=0, found_shared=0, missed=1, unknown=0, other_knew=0, wrong=0
    )
    seen = score(shared, [Seen("eve-0.json", 400, "ab"), Seen("eve-0.json", 0, "bad.test")]).rows
    assert (seen[1].found, seen[1].found_shared, seen[1].missed) == (1, 1, 0)
    assert (seen[0].found, seen[0].found_shared) == (1, 0)
    late = msgspec.structs.replace(TRUTH, shared={"ab": MIDNIGHT + 13 * HOUR})
    assert score(late, []).rows[1].unknown == 1


@pytest.mark.parametrize("truth_of", ["TW", "KR"])
def test_seeing_all_that_was_known_in_time_misses_nothing(small_day, truth_of):
    truth = small_day[truth_of].truth
    seen = [
        Seen(event.file, event.offset, value.text)
        for event in truth.planted
        for value in event.values
        if min(known.get(value.text, 1 << 62) for known in (truth.known, truth.shared))
        <= MIDNIGHT + (event.at - MIDNIGHT) // truth.period * truth.period
    ]
    found = score(truth, seen)
    assert (found.missed, found.wrong) == (0, 0)
    assert sum(row.unknown for row in found.rows) > 0
    assert sum(row.other_knew for row in found.rows) > 0
