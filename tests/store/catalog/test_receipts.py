import pytest
from sqlalchemy import Engine

from haechi.store.catalog import ledger, receipts
from haechi.store.catalog.ledger import Taken
from haechi.store.catalog.receipts import ReceiptRow
from tests.store.catalog.test_ledger import outgoing, recipient

__all__ = ["recipient"]


def row(recipient: int, at: int, *, agreed: bool = True, collection: str = "indicators") -> ReceiptRow:
    return ReceiptRow(
        recipient_id=recipient, direction="sent", collection=collection, epoch=1, size=at, root=b"r" * 32, at=at,
        agreed=agreed, ours="{}", theirs="{}",
    )  # fmt: skip


def test_the_last_of_each_collection_and_direction_counts(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        for at in (1, 2, 3):
            receipts.keep(conn, row(recipient, at))
        receipts.keep(conn, row(recipient, 9, collection="sightings", agreed=False))
        found = receipts.last(conn, recipient)
    assert [(one.collection, one.at, one.agreed) for one in found] == [("indicators", 3, True), ("sightings", 9, False)]
    assert found[0] == row(recipient, 3)


def test_of_those_that_agree_the_oldest_give_way(
    engine: Engine, recipient: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "_KEPT", 3)
    with engine.begin() as conn:
        for at in range(10):
            receipts.keep(conn, row(recipient, at, agreed=at != 2))
        kept = [one[0] for one in conn.exec_driver_sql("SELECT at FROM receipt ORDER BY id").all()]
    assert kept == [2, 7, 8, 9]


def test_a_word_is_kept_for_withdrawals_of_ours_alone(engine: Engine, recipient: int) -> None:
    with engine.begin() as conn:
        ledger.write(conn, recipient, [outgoing("a"), outgoing("b")], now=1)
        ledger.write(conn, recipient, [], [Taken(1, "[]"), Taken(2, "[]")], now=9)
        assert receipts.counts(conn, recipient) == (2, 0)
        assert receipts.confirm(conn, recipient, [1, 3, 99], at=20, word="said") == 1
        assert receipts.confirm(conn, recipient, [3], at=30, word="said again") == 1
        found = receipts.confirmations(conn, recipient)
        assert receipts.counts(conn, recipient) == (2, 1)
    assert [(one.seq, one.at, one.word) for one in found] == [(4, None, None), (3, 20, "said")]
