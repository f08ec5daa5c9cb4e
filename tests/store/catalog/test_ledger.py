import pytest
from sqlalchemy import Engine, text

from haechi.model.canonical import digest
from haechi.model.merkle import Tree, leaf_of, root_of
from haechi.model.release import Relation
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.ledger import Action, Outgoing, Taken

MINISTRY = "5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f"


def outgoing(name: str, version: int = 1, collection: str = "indicators") -> Outgoing:
    body = f'{{"id":"indicator--{name}","version":{version}}}'.encode()
    return Outgoing(collection, f"indicator--{name}", "indicator", version, body, 7, 9, "[]")


@pytest.fixture
def recipient(engine: Engine) -> int:
    with engine.begin() as conn:
        return recipients.add(
            conn,
            uuid=MINISTRY,
            name="MODA",
            country="TW",
            kind="peer",
            relation=Relation.COMMUNITY,
            now=1,
        ).id


def test_rows_are_numbered_without_a_gap_and_dates_grow(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        done = ledger.write(conn, recipient, [outgoing("a"), outgoing("b")], now=1000)
        ledger.write(conn, recipient, [outgoing("c")], now=500)  # a clock that was set back
        assert (done.released, done.first_seq, done.last_seq) == (2, 1, 2)
        found = ledger.rows(conn, recipient)
    assert [(row.seq, row.date_added) for row in found] == [(1, 1000), (2, 1001), (3, 1002)]
    assert all(row.leaf == leaf_of(row.salt or b"", digest(row.body or b"")) for row in found)


def test_a_newer_version_supersedes_and_the_older_can_still_be_read(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a")], now=1)
        done = ledger.write(conn, recipient, [outgoing("a", 2)], now=2)
        first, second = ledger.rows(conn, recipient)
    assert (done.superseded, second.action, second.of_seq) == (1, Action.SUPERSEDE, 1)
    assert (first.live, second.live) == (False, True)
    assert first.body is not None


def test_a_withdrawal_leaves_sequence_and_leaf_alone(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a"), outgoing("a", 2), outgoing("b")], now=1)
        done = ledger.write(conn, recipient, [], [Taken(2, "[]"), Taken(2, "[]")], now=5)
        found = ledger.rows(conn, recipient)
        assert [row.seq for row in ledger.withdrawals(conn, recipient)] == [4]
        left = conn.execute(text("SELECT * FROM ledger WHERE seq IN (1, 2, 4)")).all()
    assert done.withdrawn == 1
    assert (found[3].action, found[3].of_seq) == (Action.WITHDRAW, 2)
    assert not any("--a" in str(value) or b"--a" in bytes(str(value), "utf-8") for row in left for value in row)
    assert found[2].live


def test_the_tree_of_a_collection_is_that_of_its_rows(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing(f"i{n}") for n in range(5)], now=1)
        ledger.write(conn, recipient, [outgoing("s", collection="sightings")], [Taken(3, "[]")], now=1)
        by_name = {one.name: one for one in recipients.collections(conn, recipient)}
        for name, size in (("indicators", 6), ("sightings", 1), ("inbox", 0)):
            collection = by_name[name]
            found = [leaf for _, leaf in ledger.leaves(conn, collection.id, recipient, upto=99)]
            assert collection.size == size == len(found)
            assert Tree(collection.size, collection.frontier).root() == root_of(found)


def test_an_object_of_two_chunks_is_live_once(engine: Engine, recipient: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "_AT_ONCE", 2)
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a"), outgoing("a", 2), outgoing("a", 3)], now=1)
        assert [row.live for row in ledger.every(conn, recipient, page=1)] == [False, False, True]


def test_a_removed_recipient_comes_back_under_a_new_epoch(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        recipients.change(conn, recipient, removed_at=5)
        again = recipients.add(
            conn, uuid=MINISTRY, name="MODA", country="TW", kind="peer", relation=Relation.COMMUNITY, now=6
        )
    assert (again.id, again.epoch, again.confirmed_at) == (recipient, 2, None)
