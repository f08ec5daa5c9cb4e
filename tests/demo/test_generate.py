"""The day's files: same seed same bytes, right counts, in order, and the truth equals what a search finds."""

import hashlib
import json
import re
from datetime import UTC, date, datetime

from haechi.demo.generate import PERIODS, files, span, write_day
from haechi.demo.plan import load_plan, plan_events
from haechi.demo.world import SIDES, TAIWAN
from haechi.model.clock import DAY

DATE = date(2026, 3, 10)


def _day(folder, seed):
    planned = plan_events(load_plan(), TAIWAN, seed, 0.001)
    written = write_day(TAIWAN, folder, DATE, seed, 2_400, planned)
    return {w.path.name: hashlib.sha256(w.path.read_bytes()).digest() for w in written}


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    first = _day(tmp_path / "a", 7)
    assert first == _day(tmp_path / "b", 7)
    assert not set(first.values()) & set(_day(tmp_path / "c", 8).values())


def test_lines_sum_to_the_wanted_events():
    for side in SIDES.values():
        for events in (1_000, side.events):
            assert sum(file.number for file in files(side, events, ())) == events


def test_every_line_is_written_once(small_day):
    for country, day in small_day.items():
        logs = (day.inbox / "logs").iterdir()
        lines = [line for path in logs for line in path.read_bytes().splitlines() if not line.startswith(b"#")]
        assert len(lines) == day.summary.events == SIDES[country].events // 1000
        assert all(lines)


def test_no_byte_of_filling_is_left(small_day):
    for day in small_day.values():
        assert all(b"\0" not in path.read_bytes() for path in (day.inbox / "logs").iterdir())


def test_the_truth_is_what_a_search_finds_and_clean_lines_hold_no_planted_value(small_day):
    for day in small_day.values():
        told = {(p.file, p.offset): p for p in day.truth.planted}
        texts = {value.text: value for p in day.truth.planted for value in p.values}
        pattern = re.compile(
            "|".join(sorted((re.escape(_written(v)) for v in texts.values()), key=len, reverse=True)).encode()
        )
        found = set()
        for path in (day.inbox / "logs").iterdir():
            offset = 0
            for line in path.read_bytes().splitlines(keepends=True):
                if pattern.search(line):
                    found.add((path.name, offset))
                    assert told[path.name, offset].length == len(line) - 1
                    assert any(_written(v).encode() in line for v in told[path.name, offset].values)
                offset += len(line)
        assert found == set(told)


def _written(value):
    """How a value stands in a log: a URL as its path (its name stands in a field of its own), a digest with colons."""
    if value.type == "url":
        return value.text.split("/", 3)[3]
    return value.text if value.type != "cert" else ":".join(re.findall("..", value.text))


def test_planted_times_are_those_of_their_lines(small_day):
    day = small_day["TW"]
    for planted in day.truth.planted:
        if planted.file.startswith("eve"):
            line = (day.inbox / "logs" / planted.file).read_bytes()[planted.offset :][: planted.length]
            text = json.loads(line)["timestamp"]
            assert datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() * 1e6 == planted.at


def test_periods_cover_the_day_and_files_carry_its_end(small_day):
    assert [span(p) for p in range(PERIODS)] == [(p * DAY // 4, (p + 1) * DAY // 4) for p in range(4)]
    midnight = datetime(2026, 3, 10, tzinfo=UTC).timestamp()
    for path in (small_day["KR"].inbox / "logs").glob("*-1.*"):
        assert path.stat().st_mtime == midnight + 12 * 3600
        assert path.stat().st_mode & 0o777 == 0o600
