import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.exchange import receipt
from haechi.exchange.receipt import Receipt
from haechi.model.errors import NotVerified

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OURS = Receipt(
    role="recipient", sender="tw", recipient="kr", collection="indicators", epoch=1, seq=9, size=7, root="ab", at=5
)
THEIRS = msgspec.structs.replace(OURS, role="sender", at=6)


def test_a_receipt_is_signed_and_read_back() -> None:
    assert receipt.verify(receipt.sign(OURS, KEY), KEY.public_key()) == OURS


def test_another_document_of_the_same_key_is_no_receipt() -> None:
    from haechi.exchange import signed

    with pytest.raises(NotVerified):
        receipt.verify(signed.sign(OURS, "another", KEY), KEY.public_key())


def test_equal_receipts_have_no_differences() -> None:
    assert receipt.differences(OURS, THEIRS) == ()


def test_differences_are_named_one_by_one() -> None:
    other = msgspec.structs.replace(THEIRS, size=8, root="cd")
    assert [str(one) for one in receipt.differences(OURS, other)] == [
        "7 rows here, 8 there",
        "the rows are not the same: the Merkle root is ab here, cd there",
    ]
    for name in ("sender", "recipient", "collection"):
        assert name in str(receipt.differences(OURS, msgspec.structs.replace(THEIRS, **{name: "x"}))[0])
    assert "epoch" in str(receipt.differences(OURS, msgspec.structs.replace(THEIRS, epoch=2))[0])
    assert "row" in str(receipt.differences(OURS, msgspec.structs.replace(THEIRS, seq=2))[0])


def test_our_own_receipt_sent_back_is_no_receipt_of_theirs() -> None:
    assert [one.id for one in receipt.differences(OURS, OURS)] == ["receipt.differs.role"]
