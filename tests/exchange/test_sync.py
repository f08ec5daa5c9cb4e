"""Two nodes in one process: in peace, with a wire that spoils answers, and with a peer that lies."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from haechi.exchange import receipt
from haechi.exchange.message import Request, Response
from haechi.model.errors import BadInput, HaechiError, NodeCannot, NotVerified

Spoil = Callable[[Any], Any]


def spoiled(between: Any, part: str, spoil: Spoil, times: int = 1_000_000) -> Callable[[Request], Response]:
    """The sender's answers, those to requests with `part` in their target changed by `spoil` (of the decoded JSON)."""
    left = [times]

    def send(request: Request) -> Response:
        response: Response = between.sender.answer(request)
        if part not in f"{request.method} {request.target}" or not left[0]:
            return response
        left[0] -= 1
        changed = spoil(msgspec.json.decode(response.body))
        return replace(response, body=changed if isinstance(changed, bytes) else msgspec.json.encode(changed))

    return send


def synced(between: Any) -> None:
    """That the receiver has just what the sender gave."""
    with between.sender.engine.connect() as conn:
        rows = conn.execute(text("SELECT seq, leaf, live, body FROM ledger")).all()
    have = between.shelf.rows["indicators"] | between.shelf.rows["sightings"]
    assert have == {row.seq: bytes(row.leaf) for row in rows}
    live = {row.seq: bytes(row.body) for row in rows if row.live}
    assert live.items() <= between.shelf.objects.items()


def test_all_rows_come_and_receipts_agree(on_each: Any) -> None:
    on_each.sender.gives(*(on_each.outgoing(n) for n in range(250)), on_each.outgoing(7, kind="sighting"))
    on_each.sender.gives(on_each.outgoing(3, 2), on_each.outgoing(900), takes=[6])
    done = on_each.pull()
    assert done.agreed
    assert (done.rows, done.objects, done.withdrawn) == (254, 251, 1)
    assert [(one.collection, one.size) for one in done.agreements] == [("indicators", 253), ("sightings", 1)]
    synced(on_each)
    with on_each.sender.engine.connect() as conn:
        kept = conn.execute(text("SELECT direction, agreed, size FROM receipt ORDER BY id")).all()
        assert conn.execute(text("SELECT seq FROM confirmation")).scalars().all() == [252]
    assert [tuple(row) for row in kept] == [("sent", 1, 253), ("sent", 1, 1)]
    assert [action for action, _, _ in on_each.sender.log.entries] == [
        "withdrawal.confirmed", "receipt.received", "receipt.received",
    ]  # fmt: skip


def test_the_second_pull_asks_for_what_is_new_alone(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(300)))
    between.pull()
    between.sender.asked.clear()
    assert between.pull().rows == 0
    assert len(between.sender.asked) == 5  # heads, withdrawals, two collections, receipts
    between.sender.gives(between.outgoing(1000))
    assert between.pull().rows == 1
    synced(between)


def test_versions_that_were_replaced_before_we_came_are_leaves(between: Any) -> None:
    for version in range(1, 6):
        between.sender.gives(between.outgoing(1, version))
    done = between.pull()
    assert (done.rows, done.objects, done.agreed) == (5, 1, True)


def test_chunks_are_bounded_and_taken_once(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(1050)))
    between.pull(page=100, chunk=300)
    assert between.shelf.takes == [300, 300, 300, 150]


def test_a_break_at_any_answer_loses_nothing(between: Any) -> None:
    """As after kill -9: each run goes on from what was taken."""
    between.sender.gives(*(between.outgoing(n) for n in range(350)), between.outgoing(2, kind="sighting"))
    between.sender.gives(takes=[9, 17])
    for fail_at in range(1, 40):
        count = [0]

        def send(request: Request, count: list[int] = count, fail_at: int = fail_at) -> Response:
            count[0] += 1
            if count[0] >= fail_at:
                raise NodeCannot("sync.status", status=0)
            response: Response = between.sender.answer(request)
            return response

        try:
            between.pull(send)
        except NodeCannot:
            continue
        break
    assert between.pull().agreed
    synced(between)


def test_a_withdrawal_takes_every_version_that_we_may_have(between: Any) -> None:
    between.sender.gives(between.outgoing(1))
    between.pull()
    between.sender.gives(between.outgoing(1, 2))
    between.sender.gives(between.outgoing(1, 3))
    between.sender.gives(takes=[3])
    done = between.pull()
    assert between.shelf.withdrawals[0].of == [3, 2, 1]
    assert (between.shelf.objects, done.agreed, done.withdrawn) == ({}, True, 1)


def test_a_withdrawal_that_comes_while_we_read_is_applied_in_the_same_pull(between: Any) -> None:
    between.sender.gives(between.outgoing(1), between.outgoing(2))
    between.pull()
    between.sender.gives(between.outgoing(3))
    withdrawn: list[Any] = []

    def send(request: Request) -> Response:
        if "/objects/" in request.target and not withdrawn:
            withdrawn.append(between.sender.gives(takes=[1]))
            between.sender.gives(between.outgoing(4))
        response: Response = between.sender.answer(request)
        return response

    done = between.pull(send)
    assert 1 not in between.shelf.objects
    assert (done.withdrawn, done.agreed) == (1, True)
    synced(between)


def test_what_is_withdrawn_and_given_again_stays(between: Any) -> None:
    between.sender.gives(between.outgoing(1))
    between.pull()
    between.sender.gives(takes=[1])
    between.sender.gives(between.outgoing(1))
    assert between.pull().agreed
    assert set(between.shelf.objects) == {3}


@pytest.mark.parametrize(
    ("spoil", "error", "told"),
    [
        (lambda page: {**page, "x_haechi_leaves": page["x_haechi_leaves"][::-1]}, NotVerified, "out of order"),
        (lambda page: {**page, "objects": page["objects"][:-1]}, BadInput, "each object needs its own"),
        (lambda page: {**page, "objects": page["objects"] * 2}, BadInput, "each object needs its own"),
        (
            lambda page: {k: v * 2 if isinstance(v, list) else v for k, v in page.items()},
            BadInput,
            "no more than was asked for",
        ),
        (lambda page: {**page, "objects": [], "x_haechi_leaves": [], "more": True}, NotVerified, "shows none"),
        (lambda page: msgspec.json.encode(page)[:-9], BadInput, "not of the expected shape"),
        (lambda page: b"[" * 100_000, BadInput, "not of the expected shape"),
        (lambda page: b"\xff", BadInput, "not of the expected shape"),
        (lambda page: {**page, "x_haechi_leaves": [[1, 2]]}, BadInput, "not of the expected shape"),
        (lambda page: {**page, "x_haechi_leaves": [[-1, 2, ""]] * 100}, BadInput, "not of the expected shape"),
    ],
)
def test_a_page_that_is_spoilt_is_refused_whole(between: Any, spoil: Spoil, error: type, told: str) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(250)))
    with pytest.raises(error, match=told):
        between.pull(spoiled(between, "/objects/", spoil))
    assert not between.shelf.objects
    assert between.pull().agreed
    synced(between)


def test_the_same_page_again_is_refused(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(250)))
    first: list[Response] = []

    def send(request: Request) -> Response:
        response: Response = between.sender.answer(request)
        if "/objects/" not in request.target:
            return response
        first.append(response)
        return first[0]

    with pytest.raises(NotVerified, match="out of order|shows none"):
        between.pull(send)
    assert between.pull().agreed
    synced(between)


def test_a_row_that_was_left_out_is_named_and_fetched_again(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(250)), between.outgoing(8, kind="sighting"))

    def leave_out(page: Any) -> Any:
        return {**page, "objects": page["objects"][:50] + page["objects"][53:],
                "x_haechi_leaves": page["x_haechi_leaves"][:50] + page["x_haechi_leaves"][53:]}  # fmt: skip

    done = between.pull(spoiled(between, "/objects/", leave_out, times=1))
    assert (done.missing, done.agreed) == (["51", "52", "53"], True)
    synced(between)


def test_an_object_that_was_forged_on_the_way_is_replaced_by_the_true_one(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(20)))

    def forge(page: Any) -> Any:
        page["objects"][7]["pattern"] = "[ipv4-addr:value = '203.0.113.9']"
        return page

    done = between.pull(spoiled(between, "/objects/", forge, times=1))
    assert (done.missing, done.agreed) == (["8"], True)
    synced(between)


def test_a_peer_that_keeps_forging_is_named(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(20)))

    def forge(page: Any) -> Any:
        for one in page.get("objects", []):
            if one["id"] == between.stix_id(7):
                one["pattern"] = "[ipv4-addr:value = '203.0.113.9']"
        return page

    with pytest.raises(NotVerified, match="row 8 of the peer's indicators isn't what its leaf says"):
        between.pull(spoiled(between, "/objects/", forge))
    assert len(between.shelf.objects) == 20


def test_rows_that_we_lost_come_back(between: Any) -> None:
    """Our catalog was restored from a backup whose rows are not all there."""
    between.sender.gives(*(between.outgoing(n) for n in range(5000)))
    between.pull(page=1000, chunk=5000)
    for seq in (1, 2500, 2501, 4999):
        del between.shelf.rows["indicators"][seq]
    done = between.pull(page=1000, chunk=5000)
    assert (done.missing, done.agreed) == (["1", "2500", "2501", "4999"], True)
    synced(between)


def test_rows_that_the_peer_does_not_have_are_named(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(10)))
    between.pull()
    between.shelf.rows["sightings"][11] = b"x" * 32
    done = between.pull()
    assert (done.unknown, done.agreed) == ([11], True)


def test_a_peer_that_lies_in_its_receipt_is_named_and_nothing_is_lost(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(30)))

    def lie(answer: Any) -> Any:
        said = receipt.verify(answer["receipts"][0], between.tw_key.public_key())
        false = msgspec.structs.replace(said, root="00" * 32)
        return {"receipts": [receipt.sign(false, between.tw_key), *answer["receipts"][1:]]}

    done = between.pull(spoiled(between, "POST /haechi/receipts", lie))
    assert not done.agreed
    reasons = [one.id for one in done.agreements[0].reasons]
    assert reasons == ["receipt.differs.root", "sync.lie"]
    assert between.tw in str(done.agreements[0].reasons[1])
    assert len(between.shelf.objects) == 30
    assert [agreed for _, _, agreed in between.shelf.kept] == [False, True]


def test_a_receipt_of_another_key_is_refused(between: Any) -> None:
    between.sender.gives(between.outgoing(1))

    def forge(answer: Any) -> Any:
        return {
            "receipts": [
                receipt.sign(receipt.verify(one, between.tw_key.public_key()), between.kr_key)
                for one in answer["receipts"]
            ]
        }

    with pytest.raises(NotVerified, match="isn't signed by that key"):
        between.pull(spoiled(between, "POST /haechi/receipts", forge))
    with pytest.raises(BadInput, match="0 receipts came for the 2"):
        between.pull(spoiled(between, "POST /haechi/receipts", lambda _: {"receipts": []}))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: {**found, "withdrawals": found["withdrawals"][::-1]},
        lambda found: {**found, "withdrawals": found["withdrawals"] * 2},
        lambda found: {**found, "withdrawals": [[5, [9]]]},
        lambda found: {**found, "withdrawals": [], "more": True},
        lambda found: {"withdrawals": [[0, [0]]], "more": False},
    ],
)
def test_withdrawals_out_of_order_are_refused(between: Any, spoil: Spoil) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(4)))
    between.sender.gives(takes=[1, 2])
    with pytest.raises(NotVerified):
        between.pull(spoiled(between, "GET /haechi/withdrawals", spoil))
    assert not between.shelf.withdrawals


def test_a_withdrawal_beyond_the_ledgers_end_stops_no_later_one(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(4)))
    made_up = {"withdrawals": [[1 << 60, [1]]], "more": False}
    assert between.pull(spoiled(between, "GET /haechi/withdrawals", lambda _: made_up)).withdrawn == 0
    between.sender.gives(takes=[2])
    assert between.pull().withdrawn == 1


@pytest.mark.parametrize(
    "spoil", [lambda f: {**f, "leaves": f["leaves"][::-1]}, lambda f: {"leaves": [], "more": True}]
)
def test_leaves_out_of_order_are_refused(between: Any, spoil: Spoil) -> None:
    for version in range(1, 4):
        between.sender.gives(between.outgoing(1, version))
    with pytest.raises(NotVerified):
        between.pull(spoiled(between, "/leaves", spoil))


def new_epoch(between: Any, seq: int) -> None:
    """The sender's catalog is restored from a backup in which the ledger ended at `seq`."""
    with between.sender.engine.begin() as conn:
        conn.execute(text("DELETE FROM ledger WHERE seq > :seq"), {"seq": seq})
        conn.execute(text("UPDATE recipient SET epoch = epoch + 1, last_seq = :seq"), {"seq": seq})
        leaves = conn.execute(text("SELECT leaf FROM ledger ORDER BY seq")).scalars().all()
        from haechi.model.merkle import Tree

        tree = Tree()
        for leaf in leaves:
            tree.add(bytes(leaf))
        conn.execute(
            text("UPDATE collection SET size = :size, frontier = :frontier, last_seq = :seq WHERE name = 'indicators'"),
            {"size": tree.size, "frontier": tree.frontier, "seq": seq},
        )


def test_a_new_epoch_keeps_what_both_have_and_sets_the_rest_aside(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(10)))
    between.sender.gives(*(between.outgoing(n) for n in range(10, 15)))
    between.pull()
    new_epoch(between, 10)
    between.sender.gives(between.outgoing(11), between.outgoing(77))
    done = between.pull()
    assert (done.agreed, between.shelf.known.epoch, between.shelf.aside) == (True, 2, {11, 12, 13, 14, 15})
    assert set(between.shelf.objects) >= set(range(1, 16)), "nothing was thrown away"
    assert sorted(between.shelf.rows["indicators"]) == list(range(1, 13))


def test_a_new_epoch_with_the_same_rows_changes_nothing(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(10)))
    between.pull()
    new_epoch(between, 10)
    done = between.pull()
    assert (done.agreed, done.rows, between.shelf.aside) == (True, 0, set())


def test_an_older_epoch_is_refused(between: Any) -> None:
    between.sender.gives(between.outgoing(1))
    between.pull()
    between.pull(spoiled(between, "GET /haechi/receipts", lambda heads: {**heads, "epoch": 5}))
    with pytest.raises(NotVerified, match="is of epoch 1; epoch 5 was seen before"):
        between.pull()


def test_a_ledger_set_back_without_a_new_epoch_is_told(between: Any) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(10)))
    between.pull()
    new_epoch(between, 4)
    with between.sender.engine.begin() as conn:
        conn.execute(text("UPDATE recipient SET epoch = 1"))
    between.sender.gives(between.outgoing(99))
    with pytest.raises(NotVerified, match="has to open a new epoch"):
        between.pull()


def test_only_a_signed_peer_is_served(between: Any) -> None:
    with pytest.raises(NodeCannot, match="status 404"):
        between.pull(lambda request: between.sender.answer(request, how="bearer"))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_history_pulled_at_any_time_ends_in_agreement(between: Any, data: st.DataObject) -> None:
    live = {}
    with between.sender.engine.connect() as conn:
        for row in conn.execute(text("SELECT seq, object_id FROM ledger WHERE live = 1")):
            live[row.object_id] = row.seq
    for _ in range(data.draw(st.integers(1, 6))):
        numbers = data.draw(st.lists(st.integers(1, 12), unique=True, max_size=6))
        kind = data.draw(st.sampled_from(["indicator", "sighting"]))
        version = data.draw(st.integers(1, 59))
        places = data.draw(st.lists(st.integers(0, 30), max_size=3))  # what was drawn must not hang on earlier examples
        takes = sorted({sorted(live.values())[place % len(live)] for place in places}) if live else []
        between.sender.gives(*(between.outgoing(n, version, kind) for n in numbers), takes=takes)
        with between.sender.engine.connect() as conn:
            found = conn.execute(text("SELECT seq, object_id FROM ledger WHERE live = 1"))
            live = {row.object_id: row.seq for row in found}
        if data.draw(st.booleans()):
            assert between.pull(page=data.draw(st.integers(1, 5)), chunk=data.draw(st.integers(1, 9))).agreed
    assert between.pull(page=3).agreed
    synced(between)
    assert {seq for seq in between.shelf.objects if seq in live.values()} == set(live.values())


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.generate],
)
@given(data=st.data())
def test_no_answer_whatsoever_breaks_more_than_one_pull(between: Any, data: st.DataObject) -> None:
    between.sender.gives(*(between.outgoing(n) for n in range(5)))
    junk = st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )

    def send(request: Request) -> Response:
        response: Response = between.sender.answer(request)
        if data.draw(st.booleans()):
            return response
        if data.draw(st.booleans()):
            return replace(response, body=data.draw(st.binary(max_size=50)))
        told = msgspec.json.decode(response.body) if response.body else {}
        # An epoch or a last row that the peer signed and that isn't so binds it from then on: its own matter.
        names = sorted(set(told) - {"epoch", "seq"}) if isinstance(told, dict) else []
        if names:
            told[data.draw(st.sampled_from(names))] = data.draw(junk)
        return replace(response, body=msgspec.json.encode(told))

    with suppress(HaechiError):
        between.pull(send)
    between.pull()
