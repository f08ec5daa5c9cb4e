import pytest
from sqlalchemy import Engine

from haechi.model.merkle import Tree, root_of
from haechi.model.release import Relation
from haechi.store.catalog import received, recipients
from haechi.store.catalog.received import Row, State


@pytest.fixture
def peer(engine: Engine) -> int:
    with engine.begin() as conn:
        return recipients.add(
            conn, uuid="11111111-1111-4111-8111-111111111111", name="TW", country="TW", kind="peer",
            relation=Relation.COMMUNITY, now=1,
        ).id  # fmt: skip


def leaf(n: int) -> bytes:
    return bytes([n]) * 32


def row(seq: int, id: str | None = None, refused: str | None = None) -> Row:
    return Row(seq, leaf(seq), None if id is None else b"s" * 32, id, refused)


def test_of_a_peer_never_pulled_nothing_is_known(engine: Engine, peer: int) -> None:
    with engine.connect() as conn:
        assert received.state(conn, peer) == State()
        assert received.cursor(conn, peer, "indicators").tree.size == 0
        assert received.collections(conn, peer) == []


def test_state_is_kept_field_by_field(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.keep_state(conn, peer, epoch=3)
        received.keep_state(conn, peer, failures=2, tried_at=9)
        assert received.state(conn, peer) == State(epoch=3, failures=2, tried_at=9)


def test_rows_cursor_and_tree_grow_together(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a"), row(2)], date=20)
        now = received.add(conn, peer, "indicators", [row(5, "b")], date=50)
        assert received.add(conn, peer, "indicators", [], date=99).date == 50
    assert (now.seq, now.date, now.tree.size) == (5, 50, 3)
    assert now.tree.root() == root_of([leaf(1), leaf(2), leaf(5)])
    with engine.connect() as conn:
        assert list(received.leaves(conn, peer, "indicators", after=1, upto=4)) == [(2, leaf(2))]
        assert received.collections(conn, peer) == ["indicators"]


def test_a_newer_row_of_an_object_takes_the_place_of_the_older(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a"), row(2, "b")], date=2)
        received.add(conn, peer, "indicators", [row(3, "a")], date=3)
        assert received.held(conn, peer) == {"indicators": (2, 0)}
        assert received.later(conn, peer, ["a", "b"], after=2) == {"a"}
        assert received.objects(conn, peer, [1, 2, 3, 4]) == {1: "a", 2: "b", 3: "a"}


def test_what_is_forgotten_leaves_sequence_and_leaf(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a", "[]"), row(2, "a"), row(3, "b")], date=3)
        before = received.cursor(conn, peer, "indicators").tree.root()
        received.forget(conn, peer, ["a"], upto=1)
        assert received.objects(conn, peer, [1, 2, 3]) == {2: "a", 3: "b"}
        received.forget(conn, peer, ["a"], upto=9)
        assert received.objects(conn, peer, [1, 2, 3]) == {3: "b"}
        assert received.refusals(conn, peer) == []
        assert received.rebuild(conn, peer, "indicators").tree.root() == before


def test_refused_objects_are_listed_and_not_held(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a", "why"), row(2, "b"), row(3, "c", "that")], date=3)
        assert [one.object_id for one in received.refusals(conn, peer)] == ["a", "c"]
        assert [one.seq for one in received.refusals(conn, peer, after=1, limit=1)] == [3]
        assert received.held(conn, peer) == {"indicators": (1, 0)}


def test_a_repair_puts_in_what_is_missing_and_takes_out_what_is_not_theirs(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a"), row(3, "c"), row(4, "d")], date=4)
        now = received.repair(conn, peer, "indicators", [row(2, "b")], [4])
        assert now.tree.root() == root_of([leaf(1), leaf(2), leaf(3)])
        assert (now.seq, now.date) == (4, 4)
        assert received.held(conn, peer) == {"indicators": (4, 1)}, "d is held, and the peer's ledger lacks it"


def test_a_new_epoch_sets_rows_aside_and_takes_them_back_when_they_come(engine: Engine, peer: int) -> None:
    with engine.begin() as conn:
        received.add(conn, peer, "indicators", [row(1, "a"), row(2, "b"), row(3, "c"), row(4)], date=4)
        now = received.new_epoch(conn, peer, "indicators", kept=1, date=1)
        assert (now.seq, now.date, now.tree.root()) == (1, 1, root_of([leaf(1)]))
        assert received.held(conn, peer) == {"indicators": (3, 2)}
        received.add(conn, peer, "indicators", [row(2, "c"), row(3, "x")], date=9)
        assert received.held(conn, peer) == {"indicators": (4, 1)}, "b alone is not in the present ledger"
        received.new_epoch(conn, peer, "indicators", kept=2, date=2)
        assert received.held(conn, peer) == {"indicators": (4, 2)}


def test_many_leaves_are_read_in_parts(engine: Engine, peer: int) -> None:
    rows = [Row(n, n.to_bytes(32, "big")) for n in range(1, 25_002)]
    with engine.begin() as conn:
        now = received.add(conn, peer, "indicators", rows, date=5, fresh=True)
        found = list(received.leaves(conn, peer, "indicators"))
    assert [seq for seq, _ in found] == list(range(1, 25_002))
    tree = Tree()
    for _, one in found:
        tree.add(one)
    assert tree.root() == now.tree.root()
