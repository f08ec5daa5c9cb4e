"""A node's day from inbox to sightings."""

from haechi.demo import report, side
from haechi.demo.layouts.every import logs
from haechi.demo.report import Progress, decode
from haechi.demo.side import SENSORS
from haechi.demo.world import SIDES
from haechi.model.marking import Tlp
from haechi.node.home import Home
from haechi.store.catalog import foreign_sightings
from tests.demo.conftest import DAY


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


def test_its_own_analysts_list_is_its_own_and_a_part_of_the_day_goes_on(small_day, tmp_path, capsys):
    inbox, home = small_day["TW"].inbox, tmp_path / "TW"
    night = side.live(SIDES["TW"], home, inbox, DAY, (0, 6))
    rest = side.live(SIDES["TW"], home, inbox, DAY, (12, 18, 24))
    capsys.readouterr()
    opened = Home.open(home)
    with opened.catalog().connect() as conn:
        own = [one for one in foreign_sightings.trust(conn) if one.own]
    opened.close()
    assert [(one.source, one.marking, one.assertions) for one in own] == [(side.OWN, Tlp.AMBER, 11)]
    whole = report.both(night, rest)
    assert (whole.events, whole.indicators) == (small_day["TW"].summary.events, 2_000)
    assert (whole.parties, rest.parties) == (night.parties, 0)
    assert whole.sightings == night.sightings + rest.sightings > 0


def test_it_tells_how_far_it_is_in_its_own_time(lived):
    lines = [line for line in map(decode, lived.said) if isinstance(line, Progress)]
    assert len(lines) == len(lived.said)
    assert [line.hour for line in lines] == sorted(line.hour for line in lines)
    assert lines[-1].events == lived.report.events
