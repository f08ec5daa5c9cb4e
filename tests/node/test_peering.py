"""Signed messages between two nodes whose keys change."""

import base64
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from haechi.exchange import signature, succession
from haechi.exchange.message import Request, Response
from haechi.model.errors import HaechiError, NotVerified
from haechi.node import peering, rotation, sync
from haechi.store.audit import fingerprint
from haechi.store.catalog import recipients
from tests.node.pair import Pair


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    made = Pair(tmp_path)
    with made.kr.home.catalog().begin() as conn:
        recipients.change(conn, made.kr.peer_id, url="http://tw.example/haechi/")

    class Client:
        def __enter__(self) -> "Client":  # noqa: PYI034 (a stand-in of this test alone)
            return self

        def __exit__(self, *_: object) -> None: ...

        def send(self, request: Request, *, most: int, check) -> Response:
            answer = made.spoil(peering.answer(made.tw.home, request, peering.recognise(made.tw.home, request)))
            check(answer)
            return answer

    monkeypatch.setattr(peering, "client", lambda _: Client())
    yield made
    made.close()


def synced(pair: Pair) -> int:
    """How many objects a sync brought; its receipts agree."""
    [done] = sync.run(pair.kr.home)
    if done.error is not None:
        raise done.error
    assert done.agreed
    return done.objects


def gives(pair: Pair, number: int) -> None:
    pair.gives(pair.indicator(number, f"45.61.136.{number}"))


def actions(pair: Pair) -> list[str]:
    found = [entry.action for side in (pair.tw, pair.kr) for entry in side.home.audit().entries()]
    return [action for action in found if action.startswith("peer.")]


def test_whoever_changes_its_key_the_other_goes_over_to_it(pair: Pair) -> None:
    gives(pair, 1)
    assert synced(pair) == 1
    for number, sides in enumerate([[pair.kr], [pair.tw], [pair.kr, pair.tw], [pair.tw, pair.tw, pair.tw]], start=2):
        for side in sides:
            rotation.rotate(side.home)
        gives(pair, number)
        assert synced(pair) == 1
        for side, other in ((pair.tw, pair.kr), (pair.kr, pair.tw)):
            known = side.peer()
            assert known.key == other.home.key().public_key().public_bytes_raw()
            assert known.next_key is None
    assert actions(pair).count("peer.key_announced") == actions(pair).count("peer.key_changed") == 5


def test_who_missed_too_many_changes_is_told(pair: Pair) -> None:
    for _ in range(succession.MOST + 1):
        rotation.rotate(pair.tw.home)
    with pytest.raises(NotVerified, match="no confirmed peer has the key"):
        synced(pair)


def asked(pair: Pair, key: object, nonce: bytes = b"") -> Request:
    """Korea's request, signed by a key of the test's choice."""
    request = Request("GET", "/haechi/receipts", {}, b"", "http", "tw.example")
    told = base64.b64encode(nonce or os.urandom(16)).decode()
    to = fingerprint(pair.tw.home.key().public_key())
    return signature.sign_request(request, key=key, now=pair.clock.now(), nonce=told, to=to)  # type: ignore[arg-type]


def refusal(pair: Pair, request: Request) -> str:
    with pytest.raises(HaechiError) as refused:
        peering.recognise(pair.tw.home, request)
    return refused.value.id


def test_the_old_key_counts_until_the_new_one_is_used(pair: Pair) -> None:
    old = pair.kr.home.key()
    chain = [rotation.rotate(pair.kr.home)]
    announced = replace(asked(pair, old), headers={})
    signed = signature.sign_request(
        replace(announced, headers=succession.header(chain)),
        key=old,
        now=pair.clock.now(),
        nonce=base64.b64encode(os.urandom(16)).decode(),
        to=fingerprint(pair.tw.home.key().public_key()),
    )
    peering.recognise(pair.tw.home, signed)
    assert pair.tw.peer().next_key == chain[0].new.public_bytes_raw()
    peering.recognise(pair.tw.home, asked(pair, old))
    peering.recognise(pair.tw.home, asked(pair, pair.kr.home.key()))
    assert pair.tw.peer().key == chain[0].new.public_bytes_raw()
    assert refusal(pair, asked(pair, old)) == "signature.unknown_key"


def test_an_announcement_that_the_old_key_did_not_make_counts_nothing(pair: Pair) -> None:
    thief = rotation.rotate(pair.tw.home)  # Taiwan's own change is no word on Korea's key
    forged = succession.header([thief])
    for headers in (forged, {succession.FIELD: "spoilt"}, {succession.FIELD: "A" * 50_000}):
        assert peering.announced(pair.tw.home, [pair.tw.peer()], headers) == [pair.tw.peer()]
    assert pair.tw.peer().next_key is None


def test_a_request_counts_once_and_for_us_alone(pair: Pair) -> None:
    request = asked(pair, pair.kr.home.key())
    assert peering.recognise(pair.tw.home, request).recipient.uuid == pair.kr.uuid
    assert refusal(pair, request) == "signature.replayed"
    with pytest.raises(NotVerified):
        peering.recognise(pair.kr.home, request)


def test_a_request_to_our_key_of_before_is_still_ours(pair: Pair) -> None:
    request = asked(pair, pair.kr.home.key())
    rotation.rotate(pair.tw.home)
    assert peering.recognise(pair.tw.home, request).recipient.uuid == pair.kr.uuid


def test_an_unconfirmed_peer_is_nobody(pair: Pair) -> None:
    with pair.tw.home.catalog().begin() as conn:
        recipients.change(conn, pair.tw.peer_id, confirmed_at=None)
    assert refusal(pair, asked(pair, pair.kr.home.key())) == "signature.unknown_key"


def test_a_private_host_is_called_only_if_a_person_said_so(tmp_path: Path) -> None:
    made = Pair(tmp_path)
    with made.kr.home.catalog().begin() as conn:
        recipients.change(conn, made.kr.peer_id, url="http://127.0.0.1:9/haechi/")
    with peering.client(made.kr.peer()) as client, pytest.raises(HaechiError) as refused:
        peering.Wire(made.kr.home, made.kr.peer(), client).send(Request("GET", "/haechi/receipts"))
    assert refused.value.id == "http.private"
    with made.kr.home.catalog().begin() as conn:
        recipients.change(conn, made.kr.peer_id, allow_private=1)
    with peering.client(made.kr.peer()) as client, pytest.raises(HaechiError) as refused:
        peering.Wire(made.kr.home, made.kr.peer(), client).send(Request("GET", "/haechi/receipts"))
    assert refused.value.id == "http.unreachable"
    made.close()
