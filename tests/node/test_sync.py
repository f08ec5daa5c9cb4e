"""A sync over real HTTP with real signatures; two `haechi serve` processes are in tests/journeys/test_sync_two_nodes.py."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from haechi.exchange.message import Response
from haechi.model.errors import NodeCannot, NotFound, NotVerified, UsageError
from haechi.node import sync
from haechi.node.sync import Synced, pause
from haechi.store.catalog import received, recipients
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Korea's transport is a function: what it sends is signed, checked and answered as over HTTP."""
    made = Pair(tmp_path).connected(monkeypatch)
    yield made
    made.close()


def test_all_that_is_given_comes_and_is_receipted(pair: Pair) -> None:
    pair.gives(*(pair.indicator(n, f"45.61.136.{n}") for n in range(1, 9)))
    told: list[tuple[str, int]] = []
    [done] = sync.run(pair.kr.home, told=lambda name, rows: told.append((name, rows)))
    assert (done.objects, done.agreed, done.status, done.error) == (8, True, 0, None)
    assert told == [("TWCERT", 8)]
    with pair.kr.home.catalog().connect() as conn:
        state = received.state(conn, pair.kr.peer_id)
    assert (state.done_at, state.failures, state.seq) == (pair.clock.now(), 0, 8)


def test_an_answer_that_the_peer_did_not_sign_is_refused(pair: Pair) -> None:
    from dataclasses import replace

    pair.gives(pair.indicator(1, "45.61.136.1"))
    pair.spoil = lambda answer: replace(answer, body=answer.body + b" ")
    [done] = sync.run(pair.kr.home)
    assert isinstance(done.error, NotVerified)
    assert done.status == 4
    with pair.kr.home.catalog().connect() as conn:
        assert received.state(conn, pair.kr.peer_id).failures == 1
    assert "exchange.failed" in (pair.kr.home.path / "audit" / "log.jsonl").read_text()


def test_a_node_that_is_no_confirmed_peer_is_not_served(pair: Pair) -> None:
    with pair.tw.home.catalog().begin() as conn:
        recipients.change(conn, pair.tw.peer_id, confirmed_at=None)
    [done] = sync.run(pair.kr.home)
    assert isinstance(done.error, NotVerified)


def test_a_peer_that_cannot_be_reached_does_not_stop_the_others(pair: Pair) -> None:
    def fail(answer: Response) -> Response:
        raise NodeCannot("http.unreachable", host="tw.example", cause="no route")

    pair.spoil = fail
    [done] = sync.run(pair.kr.home)
    assert (done.status, done.agreed) == (3, False)


def test_only_a_confirmed_peer_with_an_address_is_called(pair: Pair) -> None:
    with pytest.raises(NotFound):
        sync.run(pair.kr.home, "nobody")
    with pytest.raises(UsageError, match="it calls us"):
        sync.run(pair.tw.home, "KrCERT")
    assert sync.run(pair.tw.home) == []
    with pair.kr.home.catalog().begin() as conn:
        recipients.change(conn, pair.kr.peer_id, confirmed_at=None)
    with pytest.raises(UsageError, match="isn't confirmed"):
        sync.run(pair.kr.home, "TWCERT")


def test_watching_goes_on_until_it_is_stopped(pair: Pair) -> None:
    stop = Event()
    rounds: list[list[Synced]] = []
    for done in sync.watch(pair.kr.home, every=0.01, stop=stop):
        rounds.append(done)
        pair.gives(pair.indicator(len(rounds), f"45.61.136.{len(rounds)}"))
        if len(rounds) == 3:
            stop.set()
    assert [one.objects for [one] in rounds] == [0, 1, 1]


def test_pauses_grow_with_failures_and_are_never_in_step() -> None:
    assert pause(60, 0) == 60
    for failures in range(1, 40):
        whole = min(60 * 2**failures, 3600)
        assert whole / 2 <= pause(60, failures) <= whole
    assert len({pause(60, 3) for _ in range(10)}) > 5
    assert pause(7200, 9) <= 7200
