import itertools

import pytest
from sqlalchemy import Engine

from haechi.model.merkle import root_of
from haechi.store.catalog import ledger, ledger_leaves, recipients
from haechi.store.catalog.ledger import Taken
from haechi.store.catalog.recipients import CollectionRow
from tests.store.catalog.test_ledger import outgoing, recipient

__all__ = ["recipient"]


@pytest.fixture
def indicators(engine: Engine, recipient: int) -> CollectionRow:
    """a twice, b, c; a withdrawn; a sighting between."""
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a"), outgoing("s", collection="sightings"), outgoing("b")], now=10)
        ledger.write(conn, recipient, [outgoing("a", 2), outgoing("c")], now=20)
        ledger.write(conn, recipient, [outgoing("a", 3)], [], now=30)
        ledger.write(conn, recipient, [], [Taken(6, "[]")], now=40)
    return of(engine, recipient)


def of(engine: Engine, recipient: int, name: str = "indicators") -> CollectionRow:
    with engine.connect() as conn:
        return next(one for one in recipients.collections(conn, recipient) if one.name == name)


def test_rows_of_one_collection_in_a_range(engine: Engine, indicators: CollectionRow) -> None:
    with engine.connect() as conn:
        found = ledger_leaves.between(conn, indicators, after=1, upto=6)
        hidden = ledger_leaves.between(conn, indicators, after=0, upto=99, hidden=True)
        cut = ledger_leaves.between(conn, indicators, after=0, upto=99, limit=2)
    assert [one.seq for one in found] == [3, 4, 5, 6]
    assert [(one.seq, one.withdraws) for one in hidden] == [(1, False), (4, False), (6, False), (7, True)]
    assert [one.seq for one in cut] == [1, 3]
    assert all(before.date < after.date for before, after in itertools.pairwise(found))


def test_the_tree_of_any_range(engine: Engine, recipient: int, indicators: CollectionRow) -> None:
    with engine.connect() as conn:
        every = ledger_leaves.between(conn, indicators, after=0, upto=99)
        for after in range(8):
            for upto in range(after, 9):
                made = ledger_leaves.tree(conn, indicators, after=after, upto=upto)
                inside = [one.leaf for one in every if after < one.seq <= upto]
                assert (made.size, made.root()) == (len(inside), root_of(inside))
    assert indicators.last_seq == 7
    assert of(engine, recipient, "sightings").last_seq == 2
    assert of(engine, recipient, "inbox").last_seq == 0


def test_a_withdrawal_names_every_version_that_it_takes_back(
    engine: Engine, recipient: int, indicators: CollectionRow
) -> None:
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a", 4)], now=50)
        ledger.write(conn, recipient, [], [Taken(3, "[]"), Taken(8, "[]")], now=60)
        found = ledger_leaves.withdrawals(conn, recipient, after=0, limit=10, versions=100)
        later = ledger_leaves.withdrawals(conn, recipient, after=7, limit=1, versions=100)
        few = ledger_leaves.withdrawals(conn, recipient, after=0, limit=1, versions=2)
    assert [tuple(one) for one in found] == [(7, [6, 4, 1]), (9, [3]), (10, [8])]
    assert [one.seq for one in later] == [9]
    assert few[0].of == [6, 4]
