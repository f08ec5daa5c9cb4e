"""The file that is carried, as bytes: written by hand, read by the code, spoilt in every way."""

import io
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from haechi.exchange import airgap, receipt
from haechi.exchange.airgap import Answer, Manifest, Part, Signer, Start
from haechi.exchange.receipt import Receipt
from haechi.exchange.wire import Withdrawn
from haechi.model.canonical import digest
from haechi.model.errors import HaechiError
from haechi.model.merkle import Tree, leaf_of
from haechi.store.audit import fingerprint

KEY, OURS = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
TW, KR = "3f2f0c1e-7d0a-4c7b-9a3e-2b9f0c9d1a11", "9b1d4f6a-0a7d-4a55-8f0e-5d7a1c3e2b22"
NAMES = ("indicators", "sightings")
SALT = bytes(range(32))
# Row, collection, object: two objects, one of them pretty-printed as a foreign one may come; two rows that show none.
BODIES = {1: b'{"a":1}', 2: None, 3: b'{\n  "b": "\xea\xb5\xad"\n}\n', 5: None}
PLACES = {1: 0, 2: 0, 3: 1, 5: 0}


def leaf(seq: int) -> bytes:
    body = BODIES[seq]
    return bytes([seq]) * 32 if body is None else leaf_of(SALT, digest(body))


def tree(place: int, upto: int = 5) -> Tree:
    made = Tree()
    for seq in BODIES:
        if PLACES[seq] == place and seq <= upto:
            made.add(leaf(seq))
    return made


def said(place: int, **changed: Any) -> str:
    whole = tree(place)
    told: dict[str, Any] = {
        "role": "sender", "sender": TW, "recipient": KR, "collection": NAMES[place], "epoch": 1,
        "seq": 5, "size": whole.size, "root": whole.root().hex(), "at": 1,
    }  # fmt: skip
    return receipt.sign(Receipt(**{**told, **changed}), KEY)


def manifest(**changed: Any) -> Manifest:
    parts = [Part(name=name, rows=list(PLACES.values()).count(at), receipt=said(at)) for at, name in enumerate(NAMES)]
    told: dict[str, Any] = {
        "sender": TW, "recipient": KR, "to": fingerprint(OURS.public_key()), "epoch": 1, "after": 0, "seq": 5,
        "withdrawals": 1, "withdrawn": 5, "parts": parts, "bytes": 0, "sha256": "0" * 64, "at": 1,
    }  # fmt: skip
    return Manifest(**{**told, **changed})


def row(of: int, **changed: Any) -> bytes:
    seq = of
    told: dict[str, Any] = {"part": PLACES[seq], "seq": seq, "date": seq * 10, "leaf": leaf(seq)}
    told |= {"salt": SALT if BODIES[seq] else None, "body": BODIES[seq]}
    return airgap.row(**{**told, **changed})


def lines() -> list[bytes]:
    return [airgap.withdrawal(Withdrawn(5, [2])), *(row(seq) for seq in BODIES)]


def read(content: bytes, told: Manifest | None = None) -> list[airgap.Item]:
    return list(airgap.items(io.BytesIO(content), told or manifest()))


def refusal(call: Callable[[], object]) -> str:
    with pytest.raises(HaechiError) as refused:
        call()
    assert str(refused.value)
    return refused.value.id


def test_what_is_written_is_read_byte_by_byte() -> None:
    found = read(b"".join(lines()))
    assert found[0] == Withdrawn(5, [2])
    rows = [item for item in found if not isinstance(item, Withdrawn)]
    assert [(name, one.seq, one.date, one.body) for name, one, _ in rows] == [
        (NAMES[PLACES[seq]], seq, seq * 10, BODIES[seq]) for seq in BODIES
    ]
    assert [one for *_, one in rows] == [leaf(seq) for seq in BODIES]


@pytest.mark.parametrize(
    ("spoilt", "why"),
    [
        (lambda at: at[:-1], "airgap.cut"),
        (lambda at: at[1:], "sync.shape"),
        (lambda at: [*at, row(5)], "airgap.more"),
        (lambda at: [at[0], at[2], at[1], *at[3:]], "airgap.order"),
        (lambda at: [at[0], at[1], at[1], *at[3:]], "airgap.order"),
        (lambda at: [at[0], row(1, body=b'{"a":2}'), *at[2:]], "sync.forged"),
        (lambda at: [at[0], row(1, leaf=bytes(32)), *at[2:]], "sync.forged"),
        (lambda at: [at[0], row(1, date=500), *at[2:]], "airgap.order"),
        (lambda at: [at[0], row(1, part=2), *at[2:]], "airgap.order"),
        (lambda at: [at[0], row(1, part=1), *at[2:]], "airgap.order"),
        (lambda at: [*at[:-1], row(5, seq=6)], "airgap.order"),
        (lambda at: [airgap.withdrawal(Withdrawn(5, [5])), *at[1:]], "airgap.order"),
        (lambda at: [airgap.withdrawal(Withdrawn(4, [2])), *at[1:]], "airgap.order"),
        (lambda at: [airgap.withdrawal(Withdrawn(9, [2])), *at[1:]], "airgap.order"),
        (lambda at: [at[0], b"x" * 300_000, *at[1:]], "airgap.cut"),
        (lambda at: [at[0], b'[0,1,10,"%b",null,-5]\n' % (b"A" * 43 + b"="), *at[2:]], "sync.shape"),
        (lambda at: [at[0], at[1].replace(b",7]", b",99999]"), *at[2:]], "airgap.cut"),
        (lambda at: [at[0], at[1].replace(b",7]", b",99999999999]"), *at[2:]], "sync.shape"),
    ],
)
def test_what_is_cut_moved_or_altered_is_refused(spoilt: Callable[[list[bytes]], list[bytes]], why: str) -> None:
    assert refusal(lambda: read(b"".join(spoilt(lines())))) == why


@given(st.integers(min_value=0, max_value=len(b"".join(lines())) - 1))
def test_cut_anywhere_it_is_no_file(at: int) -> None:
    assert refusal(lambda: read(b"".join(lines())[:at])) in ("airgap.cut", "sync.shape", "airgap.order")


def checked(content: bytes, told: Manifest, starts: dict[str, Start] | None = None) -> None:
    empty = {name: Start(0, Tree()) for name in NAMES}
    airgap.check(lambda: io.BytesIO(content), told, starts or empty, KEY.public_key())


def test_the_receipts_must_come_out_over_our_own_trees() -> None:
    content = b"".join(lines())
    checked(content, manifest())
    half = {NAMES[0]: Start(2, tree(0, 2)), NAMES[1]: Start(0, Tree())}
    checked(content, manifest(), half)
    assert half[NAMES[0]].tree.size == 2  # what we have stays as it is
    other = Tree()
    other.add(b"x" * 32)
    for wrong in (
        {**half, NAMES[0]: Start(1, other)},
        {**half, NAMES[1]: Start(0, other)},
        {NAMES[0]: Start(0, Tree())},
    ):
        assert refusal(partial(checked, content, manifest(), wrong)) == "airgap.differs"


def test_a_row_left_out_shows_in_the_roots() -> None:
    parts = [Part(name=NAMES[0], rows=2, receipt=said(0)), Part(name=NAMES[1], rows=1, receipt=said(1))]
    content = b"".join(one for one in lines() if one != row(2))
    assert refusal(lambda: checked(content, manifest(parts=parts))) == "airgap.differs"


@pytest.mark.parametrize(
    "changed",
    [{"role": "recipient"}, {"sender": KR}, {"recipient": TW}, {"collection": "x"}, {"epoch": 2}, {"size": 9}],
)
def test_a_receipt_for_something_else_counts_nothing(changed: dict[str, Any]) -> None:
    parts = [Part(name=NAMES[0], rows=3, receipt=said(0, **changed)), Part(name=NAMES[1], rows=1, receipt=said(1))]
    assert refusal(lambda: checked(b"".join(lines()), manifest(parts=parts))) == "airgap.differs"


def test_of_a_restored_sender_the_common_beginning_stays() -> None:
    content = b"".join(lines())
    had = {NAMES[0]: [(1, leaf(1)), (2, leaf(2)), (4, leaf(5))], NAMES[1]: [(3, leaf(3))]}
    assert airgap.common(lambda: io.BytesIO(content), manifest(), had) == {NAMES[0]: (2, 20), NAMES[1]: (3, 30)}
    had = {NAMES[0]: [(1, leaf(2))], NAMES[1]: []}
    assert airgap.common(lambda: io.BytesIO(content), manifest(), had) == {NAMES[0]: (0, 0), NAMES[1]: (0, 0)}


def begun(line: bytes, **changed: Any) -> Manifest | Answer:
    def key_of(asked: Signer) -> Any:
        return KEY.public_key() if asked.sender == TW else None

    told: dict[str, Any] = {"us": KR, "key_ids": [fingerprint(OURS.public_key())], "key_of": key_of}
    return airgap.first(line, **{**told, **changed})[0]


def test_the_first_line_says_from_whom_and_for_whom() -> None:
    told = manifest()
    line = airgap.sign(told, KEY)
    assert begun(line) == told
    answer = Answer(sender=TW, recipient=KR, receipts=[], confirmations=[], at=1)
    assert begun(airgap.sign_answer(answer, KEY)) == answer
    assert refusal(lambda: begun(line, us=TW)) == "airgap.other_node"
    assert refusal(lambda: begun(line, key_ids=["x"])) == "airgap.other_node"
    assert refusal(lambda: begun(airgap.sign_answer(answer, KEY), us=TW)) == "airgap.other_node"
    assert refusal(lambda: begun(airgap.sign(manifest(sender=KR), KEY))) == "airgap.unknown"
    assert refusal(lambda: begun(airgap.sign(told, OURS))) == "signed.other"
    for spoilt in (b"", line[:-1], line[1:], b"{}\n", b"\xff\n", b"[" * 9999 + b"\n"):
        assert refusal(partial(begun, spoilt)) == "airgap.no_file"
    forged = line.replace(b'"seq":5', b'"seq":4')
    assert refusal(lambda: begun(forged)) == "signed.forged"
    answered = airgap.sign_answer(answer, KEY).replace(b"air gap answer 1", b"air gap slice 1")
    assert refusal(lambda: begun(answered)) in ("signed.shape", "signed.forged")


def test_an_answer_is_no_slice() -> None:
    both = msgspec.json.decode(airgap.sign(manifest(), KEY))
    both["purpose"] = airgap.ANSWER
    line = msgspec.json.encode(both | {"receipts": [], "confirmations": []}) + b"\n"
    assert refusal(lambda: begun(line)) == "signed.forged"
