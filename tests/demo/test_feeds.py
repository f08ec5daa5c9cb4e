"""Lists: together as many distinct values as asked for, arriving when the plan says, each form parsed by its own rules."""

import csv
import json
import re

import pytest

from haechi.demo.feeds import ARRIVALS, BAIT, MISTAKEN, write_feeds
from haechi.demo.plan import campaign_values, known_hours, load_plan, mistaken_values
from haechi.demo.world import SIDES, TAIWAN


def _values(path):
    if path.name.endswith(".stix.json"):
        objects = json.loads(path.read_bytes())["objects"]
        return [o["pattern"].split("'")[-2] for o in objects if o["type"] == "indicator"]
    if path.name.endswith(".misp.json"):
        return [a["value"] for a in json.loads(path.read_bytes())["Event"]["Attribute"]]
    if path.suffix == ".csv":
        return [row["value"] for row in csv.DictReader(path.read_text().splitlines())]
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_distinct_values_sum_to_the_total(small_day):
    for day in small_day.values():
        found = [value for name in ("lists", "own") for p in (day.inbox / name).rglob("*.*") for value in _values(p)]
        assert len(set(found)) == 2_000


def test_a_value_arrives_when_the_truth_says(small_day):
    for country, day in small_day.items():
        plan = load_plan()
        first: dict[str, int] = {}
        for hour in ARRIVALS:
            for path in day.inbox.glob(f"[lo]*/{hour:02d}/*"):
                for value in _values(path):
                    first.setdefault(value, hour)
        for value, hour in known_hours(plan, campaign_values(plan, 7), country).items():
            assert first[value.text] == hour


def test_what_a_side_never_knows_is_in_none_of_its_lists(small_day):
    values = campaign_values(load_plan(), 7)["unknown-one"]
    found = b"".join(path.read_bytes() for path in (small_day["TW"].inbox / "lists").rglob("*.*"))
    assert not any(value.text.encode() in found for value in values)


def test_the_haystack_and_the_needles_are_of_all_forms(small_day):
    for day in small_day.values():
        names = [path.name for path in (day.inbox / "lists").rglob("*.*")]
        for ending in (".stix.json", ".misp.json", ".csv", ".txt"):
            assert any(name.endswith(ending) for name in names)


def test_bait_is_in_the_lists_and_in_the_traffic(small_day):
    for day in small_day.values():
        listed = _values(day.inbox / "lists" / "00" / "names.txt")
        assert {value.text for value in BAIT} <= set(listed)
        logs = b"".join(path.read_bytes() for path in (day.inbox / "logs").iterdir())
        assert b"www.google.com" in logs
        assert b'"8.8.8.8"' in logs


def test_a_campaign_of_its_own_is_in_no_list_of_others_and_its_mistake_in_no_log(small_day):
    own = small_day["TW"].inbox / "own"
    [path] = (own / "06").iterdir()
    assert not (small_day["KR"].inbox / "own").exists()
    [wrong] = mistaken_values(load_plan(), 7)["supplier-update"]
    assert (small_day["TW"].inbox / MISTAKEN).read_text().split() == [wrong.text]
    assert set(_values(path)) == {v.text for v in campaign_values(load_plan(), 7)["supplier-update"]} | {wrong.text}
    for day in small_day.values():
        elsewhere = b"".join(p.read_bytes() for name in ("lists", "logs") for p in (day.inbox / name).rglob("*.*"))
        assert wrong.text.encode() not in elsewhere


def test_too_few_indicators_are_refused(tmp_path):
    plan = load_plan()
    with pytest.raises(ValueError, match="can't hold"):
        write_feeds(TAIWAN, tmp_path, plan, campaign_values(plan, 7), 0, 7, 10)


def test_no_listed_value_of_the_haystack_is_in_the_traffic(small_day):
    for country in SIDES:
        day = small_day[country]
        logs = b"".join(path.read_bytes() for path in (day.inbox / "logs").iterdir())
        assert b".feed.invalid" not in logs
        assert b"3fff:a" not in logs
        hay = [
            value
            for value in _values(day.inbox / "lists" / "00" / "blocklist.csv")
            if re.fullmatch("[0-9a-f]{32,}", value)
        ]
        assert hay
        assert not any(value.encode() in logs for value in hay)
