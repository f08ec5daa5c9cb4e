"""What a peer is told, and what anyone else is: the same as if nothing were there."""

from typing import Any

import msgspec
import pytest

from haechi.exchange import confirmation, receipt
from haechi.exchange.confirmation import Confirmation
from haechi.exchange.message import Request
from haechi.exchange.receipt import Receipt
from haechi.store.catalog import receipts, recipients


def asked(between: Any, method: str, target: str, said: object = None, how: str = "signature") -> tuple[int, Any]:
    body = said if isinstance(said, bytes) else b"" if said is None else msgspec.json.encode(said)
    answer = between.sender.answer(Request(method, f"/haechi/{target}", body=body), how)
    return answer.status, msgspec.json.decode(answer.body)


def ours(between: Any, **other: Any) -> Receipt:
    said = {"role": "recipient", "sender": between.tw, "recipient": between.kr, "collection": "indicators", "epoch": 1,
            "seq": 3, "size": 3, "root": "", "at": 5}  # fmt: skip
    return Receipt(**{**said, **other})


@pytest.fixture
def given(between: Any) -> Any:
    between.sender.gives(between.outgoing(1), between.outgoing(2), between.outgoing(3))
    between.sender.gives(takes=[2])
    return between


def test_heads_say_how_far_the_slice_is(given: Any) -> None:
    status, heads = asked(given, "GET", "receipts")
    assert (status, heads["epoch"], heads["seq"]) == (200, 1, 4)
    assert {one["name"]: (one["size"], one["seq"]) for one in heads["collections"]} == {
        "indicators": (4, 4),
        "sightings": (0, 0),
    }


def test_a_receipt_is_answered_with_ours_over_the_same_rows(given: Any) -> None:
    status, answer = asked(given, "POST", "receipts", {"receipts": [receipt.sign(ours(given), given.kr_key)]})
    said = receipt.verify(answer["receipts"][0], given.tw_key.public_key())
    assert (status, said.role, said.size, said.seq, said.sender) == (200, "sender", 3, 3, given.tw)
    with given.sender.engine.connect() as conn:
        [kept] = receipts.last(conn, given.sender.recipient)
    assert (kept.agreed, kept.direction, kept.size) == (False, "sent", 3)
    assert given.sender.log.entries[-1][0] == "receipt.received"


@pytest.mark.parametrize("other", [{"sender": "x"}, {"recipient": "x"}, {"epoch": 7}, {"role": "sender"}])
def test_a_receipt_that_speaks_of_others_is_kept_as_not_agreeing(given: Any, other: dict[str, Any]) -> None:
    with given.sender.engine.connect() as conn:
        tree = recipients.collections(conn, given.sender.recipient)
    size = next(one.size for one in tree if one.name == "indicators")
    asked(given, "POST", "receipts", {"receipts": [receipt.sign(ours(given, size=size, **other), given.kr_key)]})
    with given.sender.engine.connect() as conn:
        assert not receipts.last(conn, given.sender.recipient)[0].agreed


def test_a_forged_receipt_is_refused_and_not_kept(given: Any) -> None:
    status, told = asked(given, "POST", "receipts", {"receipts": [receipt.sign(ours(given), given.tw_key)]})
    assert (status, "isn't signed by that key" in told["title"]) == (403, True)
    status, _ = asked(
        given, "POST", "receipts", {"receipts": [receipt.sign(ours(given, collection="x"), given.kr_key)]}
    )
    assert status == 422
    with given.sender.engine.connect() as conn:
        assert receipts.last(conn, given.sender.recipient) == []


def test_withdrawals_are_told_and_their_confirmation_is_kept(given: Any) -> None:
    assert asked(given, "GET", "withdrawals?after=0") == (200, {"withdrawals": [[4, [2]]], "more": False})
    assert asked(given, "GET", "withdrawals?after=4") == (200, {"withdrawals": [], "more": False})
    said = Confirmation(sender=given.tw, recipient=given.kr, seqs=[4], at=9)
    word = confirmation.sign(said, given.kr_key)
    assert asked(given, "POST", "withdrawals", {"confirmation": word}) == (200, {})
    with given.sender.engine.connect() as conn:
        [kept] = receipts.confirmations(conn, given.sender.recipient)
    assert (kept.seq, kept.word) == (4, word)
    assert given.sender.log.entries[-1] == ("withdrawal.confirmed", given.kr, {"count": 1, "last": 4})


@pytest.mark.parametrize("other", [{"sender": "x"}, {"recipient": "x"}, {"seqs": []}])
def test_a_confirmation_of_others_is_refused(given: Any, other: dict[str, Any]) -> None:
    said = Confirmation(**{"sender": given.tw, "recipient": given.kr, "seqs": [4], "at": 9, **other})
    word = confirmation.sign(said, given.kr_key)
    assert asked(given, "POST", "withdrawals", {"confirmation": word})[0] == 422
    with given.sender.engine.connect() as conn:
        assert receipts.counts(conn, given.sender.recipient) == (1, 0)


def test_leaves_and_their_digest(given: Any) -> None:
    status, found = asked(given, "GET", "leaves?collection=indicators&after=0&upto=9")
    assert (status, [one[0] for one in found["leaves"]], found["more"]) == (200, [1, 2, 3, 4], False)
    _, hidden = asked(given, "GET", "leaves?collection=indicators&after=0&upto=9&hidden=1")
    assert [(one[0], one[3]) for one in hidden["leaves"]] == [(2, False), (4, True)]
    _, digest = asked(given, "GET", "leaves?collection=indicators&after=1&upto=3&digest=1")
    assert digest["count"] == 2


@pytest.mark.parametrize(
    ("method", "target", "said", "status"),
    [
        ("GET", "leaves?collection=inbox", None, 404),
        ("GET", "leaves", None, 404),
        ("GET", "leaves?collection=indicators&after=-1", None, 422),
        ("GET", "leaves?collection=indicators&after=9999999999999999999", None, 422),
        ("GET", "withdrawals?after=x", None, 422),
        ("PUT", "receipts", None, 405),
        ("POST", "leaves", None, 405),
        ("POST", "receipts", b"[" * 100_000, 422),
        ("POST", "receipts", b"\xff", 422),
        ("POST", "receipts", {"receipts": ["{}"]}, 422),
        ("POST", "withdrawals", {"confirmation": "x"}, 422),
        ("POST", "receipts", b" " * ((8 << 20) + 1), 413),
    ],
)
def test_what_is_asked_wrongly(given: Any, method: str, target: str, said: object, status: int) -> None:
    assert asked(given, method, target, said)[0] == status


@pytest.mark.parametrize("how", ["basic", "bearer", "certificate"])
def test_only_a_peer_that_signs_is_answered(given: Any, how: str) -> None:
    for resource in ("receipts", "withdrawals", "leaves?collection=indicators"):
        assert asked(given, "GET", resource, how=how)[0] == 404
    with given.sender.engine.begin() as conn:
        recipients.change(conn, given.sender.recipient, kind="consumer")
    assert asked(given, "GET", "receipts")[0] == 404


def test_nothing_that_is_told_names_an_object_that_was_withdrawn(given: Any) -> None:
    told = b""
    for target in ("receipts", "withdrawals", "leaves?collection=indicators", "leaves?collection=indicators&hidden=1"):
        told += given.sender.answer(Request("GET", f"/haechi/{target}")).body
    assert given.stix_id(2).encode() not in told
