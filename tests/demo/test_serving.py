"""The demo's servers: both up in the block, none after it, whatever ended it."""

from urllib.parse import urlsplit

import pytest

from haechi.demo.serving import serving
from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot
from haechi.node import peers
from haechi.node.home import Home

AT = 1_773_122_400_000_000  # 2026-03-10 06:00


@pytest.fixture
def homes(tmp_path):
    made = {}
    for country in ("TW", "KR"):
        made[country] = tmp_path / country
        Home.init(made[country], party=country, country=country, sector="government", clock=FixedClock(AT)).close()
    return made


def test_each_is_found_by_the_other_and_all_end_with_the_block(homes, tmp_path):
    korea = Home.open(homes["KR"], clock=FixedClock(AT))
    with pytest.raises(KeyboardInterrupt), serving(homes, AT, tmp_path / "log") as urls:  # noqa: PT012 (what happens inside is what is ended)
        assert peers.discover(korea, urls["TW"], allow_private=True).identity.country == "TW"
        assert len({urlsplit(url).port for url in urls.values()}) == 2
        raise KeyboardInterrupt
    with pytest.raises(NodeCannot, match="can't be reached"):
        peers.discover(korea, urls["TW"], allow_private=True)
    korea.close()
    assert (tmp_path / "log" / "server TW.log").stat().st_mode & 0o777 == 0o600


def test_one_that_can_not_begin_is_told_with_its_words_and_the_other_ends(homes, tmp_path):
    homes["KR"] = tmp_path / "nowhere"
    with (
        pytest.raises(NodeCannot, match="server KR ended with status 1: .*nowhere"),
        serving(homes, AT, tmp_path / "log"),
    ):
        raise AssertionError
