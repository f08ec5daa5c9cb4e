from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.node import receipts
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_before_anything_went_there_is_nothing_to_agree_on(pair: Pair) -> None:
    found = receipts.report(pair.kr.home)
    assert [(one.direction, one.collection, one.agreed) for one in found.standings] == [
        ("sent", "indicators", None),
        ("sent", "sightings", None),
    ]


def test_limits_hold_for_words_and_refusals(pair: Pair) -> None:
    bad = [pair.indicator(n, f"45.61.136.{n}") for n in range(1, 6)]
    pair.gives(*(one._replace(body=one.body.replace(b"45.61.136", b"nonsense")) for one in bad))
    pair.pull()
    pair.gives(takes=[1, 2, 3])
    assert len(receipts.report(pair.tw.home, limit=2).words) == 2
    assert receipts.report(pair.tw.home, limit=2).unconfirmed == 3
    assert len(receipts.report(pair.kr.home, limit=4).refused) == 4
    assert len(receipts.report(pair.kr.home, limit=0).refused) == 5
    pair.pull()
    left = receipts.report(pair.kr.home, "TWCERT", limit=0)
    assert [one.seq for one in left.refused] == [4, 5]
    assert left.states["TWCERT"].withdrawn_seq == 8
