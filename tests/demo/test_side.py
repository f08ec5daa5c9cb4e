"""A node's day from inbox to sightings."""

from haechi.demo.layouts.every import logs
from haechi.demo.report import Progress, decode
from haechi.demo.side import SENSORS
from haechi.demo.world import SIDES


def test_every_log_has_its_sensor():
    watched = {log for logs_of in SENSORS.values() for log in logs_of}
    assert watched == {log.name for side in SIDES.values() for log in logs(side)}


def test_all_that_was_written_is_read(lived, small_day):
    assert lived.report.problems == ()
    assert lived.report.events == small_day["TW"].summary.events
    assert lived.report.size == small_day["TW"].summary.size
    assert lived.report.quarantined == 0
    assert lived.report.indicators == 2_000
    assert lived.report.refused == 0
    assert lived.report.suppressed == len(small_day["TW"].truth.bait)


def test_it_tells_how_far_it_is_in_its_own_time(lived):
    lines = [line for line in map(decode, lived.said) if isinstance(line, Progress)]
    assert len(lines) == len(lived.said)
    assert [line.hour for line in lines] == sorted(line.hour for line in lines)
    assert lines[-1].events == lived.report.events
