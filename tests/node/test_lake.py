from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from haechi.model.clock import FixedClock
from haechi.node import lake
from haechi.store.lake import Lake


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


def test_the_day_that_is_not_closed_is_utc() -> None:
    assert lake.today(FixedClock(1_790_034_399_000_000)) == date(2026, 9, 21)
    assert lake.today(FixedClock(1_790_035_200_000_000)) == date(2026, 9, 22)


def test_upkeep_is_in_the_audit_log(node: Any) -> None:
    day = 24 * node.hour
    for number in range(3):
        node.reads(node.log([node.line(node.now - 2 * day, f"203.0.113.{number}")], f"{number}.json"))
    node.reads(node.log([node.line(node.now, "203.0.113.9")], "now.json"))
    before = Lake(node.home.lake_path).query("select * from event order by all")
    assert lake.compact(node.home) == 3
    freed = lake.vacuum(node.home)  # Delta asks the machine's clock, which is later than the node's by months
    assert freed.files == 3
    assert Lake(node.home.lake_path).query("select * from event order by all").equals(before)
    done = [(entry.action, entry.details) for entry in node.home.audit().entries()][-2:]
    assert done == [("lake.compact", {"files": 3}), ("lake.vacuum", {"files": 3, "bytes": freed.bytes})]
