"""Sightings as the score takes them: exactly what was planted and known in time, and not the bait."""

from haechi.demo.found import seen
from haechi.demo.score import score
from haechi.node.home import Home


def test_a_node_finds_all_that_its_lists_told_in_time_and_nothing_else(lived, small_day):
    home = Home.open(lived.home)
    found = score(small_day["TW"].truth, seen(home))
    home.close()
    assert sum(row.known for row in found.rows) > 20
    assert (found.missed, found.wrong, found.bait) == (0, 0, 0)
    assert sum(row.found for row in found.rows) <= lived.report.sightings
