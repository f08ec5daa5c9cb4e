"""The operators' part against two served nodes, without a day around it."""

import json

import pytest

from haechi.demo import sharing
from haechi.demo.feeds import MISTAKEN
from haechi.demo.serving import serving
from haechi.demo.side import OWN
from haechi.model.clock import FixedClock
from haechi.model.marking import Tlp
from haechi.node import indicators, ingest, parties
from haechi.node.home import Home

MORNING, EVENING = 1_773_122_400_000_000, 1_773_187_200_000_000  # 2026-03-10 06:00 and 24:00
SEEN, WRONG = "192.52.193.9", "mistake.test"


@pytest.fixture
def sides(tmp_path):
    clock, homes = FixedClock(MORNING), {}
    for country in ("TW", "KR"):
        name = f"{country}-cert"
        homes[country] = Home.init(tmp_path / country, party=name, country=country, sector="government", clock=clock)
    yield homes["TW"], homes["KR"], clock
    for home in homes.values():
        home.close()


def test_shared_seen_sighted_back_taken_back(sides, tmp_path):
    taiwan, korea, clock = sides
    paths = {"TW": taiwan.path, "KR": korea.path}
    (tmp_path / "own.txt").write_text(f"{SEEN}\n{WRONG}\n")
    (tmp_path / "theirs.txt").write_text("192.52.193.77\n")
    indicators.add(taiwan, [tmp_path / "own.txt"], source=OWN, marking=Tlp.AMBER, own=True)
    indicators.add(taiwan, [tmp_path / "theirs.txt"], marking=Tlp.AMBER)
    parties.add(korea, name="Daejeon Fab Nine", country="KR", sector="semiconductor", networks=["192.0.2.0/24"])
    with serving(paths, MORNING, tmp_path / "log") as urls:
        morning = sharing.begin(taiwan, korea, urls)
    assert (morning.left, morning.refused, morning.agreed) == ({"indicator": 2}, 0, True)
    assert [(one.marking, one.count) for one in morning.stayed] == [("TLP:AMBER", 1)]

    log = tmp_path / "eve.json"
    event = {"timestamp": "2026-03-10T10:00:00Z", "event_type": "flow", "src_ip": SEEN, "dest_ip": "192.0.2.1"}
    log.write_text(json.dumps({**event, "proto": "TCP"}) + "\n")
    clock.at = EVENING
    assert ingest.ingest(korea, [log], sensor="edge").sightings == 1

    place = tmp_path / "TW" / MISTAKEN
    place.parent.mkdir(parents=True)
    place.write_text(WRONG + "\n")
    with serving(paths, EVENING, tmp_path / "log") as urls:
        evening = sharing.end(taiwan, korea, tmp_path, urls)
    assert (evening.sightings, evening.events, evening.indicators) == (1, 1, 1)
    assert evening.sectors == {"semiconductor": 1}
    assert evening.words == {"KR, semiconductor": 1}
    assert (evening.named, evening.withdrawn, evening.confirmed, evening.still_known) == (0, 1, 1, 0)
    assert {one.agreed for one in evening.receipts} == {True}
