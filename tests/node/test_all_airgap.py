"""From node to node by a file, and the answer back; what is cut, altered, foreign, old or out of order isn't taken."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from haechi.model.errors import BadInput, HaechiError, NodeCannot, NotFound, NotVerified, UsageError
from haechi.node import airgap_export, airgap_file, airgap_import, rotation
from haechi.node.airgap_import import Imported
from haechi.node.receiving import Catalog
from haechi.store.audit_check import verify
from haechi.store.catalog import receipts, received, recipients
from tests.node.pair import Node, Pair


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    url = None if request.param == "sqlite" else str(request.getfixturevalue("postgresql_url"))
    made = Pair(tmp_path, url)
    yield made
    made.close()


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def gives(pair: Pair, *numbers: int, version: int = 1, takes: tuple[int, ...] = ()) -> None:
    pair.gives(*(pair.indicator(n, f"45.61.136.{n}", version) for n in numbers), takes=takes)


def exported(pair: Pair, name: str, *, every: bool = False) -> Path:
    path = pair.tw.home.path.parent / name
    airgap_export.export(pair.tw.home, "KrCERT", path, every=every)
    return path


def taken(pair: Pair, path: Path, answer: Path | None = None) -> Imported:
    return airgap_import.take(pair.kr.home, path, answer=answer)


def values(node: Node) -> list[str]:
    with node.home.catalog().connect() as conn:
        return sorted(conn.execute(text("SELECT text FROM value")).scalars())


def state(pair: Pair) -> received.State:
    with pair.kr.home.catalog().connect() as conn:
        return received.state(conn, pair.kr.peer_id)


def refused(kind: type[HaechiError], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    assert str(error.value)
    return error.value.id


def test_a_slice_goes_over_and_the_answer_comes_back(pair: Pair, tmp_path: Path) -> None:
    gives(pair, 1, 2, 3)
    gives(pair, 2, version=2)
    path, answer = exported(pair, "one"), tmp_path / "answer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    done = taken(pair, path, answer)
    assert (done.rows, done.objects, done.refused, done.withdrawn) == (4, 3, 0, 0)
    assert values(pair.kr) == ["45.61.136.1", "45.61.136.2", "45.61.136.3"]
    came = airgap_import.take(pair.tw.home, answer)
    assert (came.answer, came.receipts, came.confirmations) == (True, 2, 0)
    with pair.tw.home.catalog().connect() as conn:
        assert {(row.collection, row.size, row.agreed) for row in receipts.last(conn, pair.tw.peer_id)} == {
            ("indicators", 4, True),
            ("sightings", 0, True),
        }
    with pair.kr.home.catalog().connect() as conn:
        assert all(row.agreed for row in receipts.last(conn, pair.kr.peer_id))
    assert refused(UsageError, lambda: exported(pair, "two")) == "airgap.nothing"


def test_the_next_file_holds_what_is_new_and_withdrawals_are_confirmed(pair: Pair, tmp_path: Path) -> None:
    gives(pair, 1, 2)
    airgap_import.take(pair.tw.home, answered(pair, exported(pair, "one"), tmp_path / "a1"))
    gives(pair, 3, takes=(1,))
    path = exported(pair, "two")
    manifest = json.loads(path.read_bytes().split(b"\n", 1)[0])
    assert (manifest["after"], manifest["seq"], manifest["withdrawals"]) == (2, 4, 1)
    answer = answered(pair, path, tmp_path / "a2")
    assert values(pair.kr) == ["45.61.136.2", "45.61.136.3"]
    assert state(pair).withdrawn_seq == 3
    came = airgap_import.take(pair.tw.home, answer)
    assert came.confirmations == 1
    with pair.tw.home.catalog().connect() as conn:
        assert receipts.counts(conn, pair.tw.peer_id) == (1, 1)
        assert receipts.first_unconfirmed(conn, pair.tw.peer_id) is None


def answered(pair: Pair, path: Path, answer: Path) -> Path:
    taken(pair, path, answer)
    return answer


def test_by_file_and_by_line_are_one(plain: Pair) -> None:
    gives(plain, 1, 2)
    taken(plain, exported(plain, "one"))
    gives(plain, 3)
    assert plain.pull().agreed
    gives(plain, 4)
    taken(plain, exported(plain, "two"))
    assert plain.pull().objects == 0
    assert len(values(plain.kr)) == 4


def test_what_was_not_answered_is_told_again(plain: Pair) -> None:
    gives(plain, 1)
    taken(plain, exported(plain, "one"))
    gives(plain, 2, takes=(1,))
    done = taken(plain, exported(plain, "two"))  # from the first row on, for no receipt came back
    assert (done.rows, done.withdrawn) == (2, 1)
    assert values(plain.kr) == ["45.61.136.2"]


def test_old_files_and_files_out_of_order_are_refused(plain: Pair, tmp_path: Path) -> None:
    gives(plain, 1, 2)
    one = exported(plain, "one")
    assert airgap_import.take(plain.tw.home, answered(plain, one, tmp_path / "a1")).receipts == 2
    gives(plain, 3)
    two = exported(plain, "two")
    assert airgap_import.take(plain.tw.home, answered(plain, two, tmp_path / "a2")).receipts == 2
    gives(plain, 4)
    three = exported(plain, "three")
    assert refused(NotVerified, lambda: taken(plain, one)) == "airgap.old"
    assert refused(NotVerified, lambda: taken(plain, two)) == "airgap.old"
    taken(plain, three)
    assert refused(NotVerified, lambda: airgap_import.take(plain.tw.home, tmp_path / "a2")) == "airgap.old"
    log = (plain.kr.home.path / "audit" / "log.jsonl").read_text()
    assert log.count("airgap.refused") == 2


def test_a_file_whose_forerunner_is_missing_is_refused(plain: Pair) -> None:
    gives(plain, 1, 2)
    plain.pull()
    gives(plain, 3)
    path = exported(plain, "two")
    with plain.kr.home.catalog().begin() as conn:  # Korea lost what it had
        for table in ("received", "received_tree", "peer_state"):
            conn.execute(text(f"DELETE FROM {table}"))
    assert refused(NotVerified, lambda: taken(plain, path)) == "airgap.gap"
    assert state(plain).seq == 0
    done = taken(plain, exported(plain, "all", every=True))
    assert done.rows == 3


def test_an_answer_can_be_written_again(plain: Pair, tmp_path: Path) -> None:
    gives(plain, 1, 2, takes=())
    path = exported(plain, "one")
    taken(plain, path)
    again = taken(plain, path, tmp_path / "answer")
    assert (again.rows, again.receipts) == (0, 2)
    assert airgap_import.take(plain.tw.home, tmp_path / "answer").receipts == 2
    assert refused(UsageError, lambda: taken(plain, path, tmp_path / "answer")) == "airgap.exists"


def test_whatever_is_spoilt_nothing_is_taken(plain: Pair) -> None:
    gives(plain, *range(1, 40))
    path = exported(plain, "one")
    whole = path.read_bytes()
    first = whole.index(b"\n") + 1
    cases = {
        b"": "airgap.no_file",
        whole[: first - 1]: "airgap.no_file",
        whole[:first]: "airgap.cut",
        whole[:-1]: "airgap.cut",
        whole + b"x": "airgap.more",
        whole[:first] + bytes(len(whole) - first): "airgap.altered",
        whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]: "airgap.altered",
        whole.replace(b'"seq":39', b'"seq":38', 1): "signed.forged",
        whole.replace(plain.kr.uuid.encode(), plain.tw.uuid.encode(), 1): "signed.forged",
        b"PK\x03\x04" + whole: "airgap.no_file",
    }
    for number, (content, why) in enumerate(cases.items()):
        spoilt = path.parent / f"spoilt-{number}"
        spoilt.write_bytes(content)
        with pytest.raises((BadInput, NotVerified)) as error:
            taken(plain, spoilt)
        assert error.value.id == why
    assert values(plain.kr) == []
    assert state(plain).seq == 0
    assert (plain.kr.home.path / "audit" / "log.jsonl").read_text().count("airgap.refused") == len(cases)
    assert taken(plain, path).rows == 39
    public = plain.kr.home.key().public_key()
    assert verify(plain.kr.home.path / "audit", public).entries > len(cases)


def test_only_a_confirmed_peers_file_for_us_is_taken(plain: Pair, tmp_path: Path) -> None:
    gives(plain, 1)
    path = exported(plain, "one")
    assert refused(NotVerified, lambda: airgap_import.take(plain.tw.home, path)) == "airgap.unknown"
    with plain.kr.home.catalog().begin() as conn:
        recipients.change(conn, plain.kr.peer_id, confirmed_at=None)
    assert refused(NotVerified, lambda: taken(plain, path)) == "airgap.unknown"
    with plain.tw.home.catalog().begin() as conn:
        recipients.change(conn, plain.tw.peer_id, confirmed_at=None)
    assert refused(UsageError, lambda: exported(plain, "two")) == "sync.unconfirmed"
    assert (
        refused(NotFound, lambda: airgap_export.export(plain.tw.home, "nobody", tmp_path / "x")) == "recipient.unknown"
    )
    other = Pair(tmp_path / "other")
    other.kr.knows(plain.tw)
    with other.kr.home.catalog().begin() as conn:
        recipients.change(conn, other.kr.peer_id, confirmed_at=1)
    assert refused(NotVerified, lambda: airgap_import.take(other.kr.home, path)) == "airgap.other_node"
    other.close()


def test_files_of_others_are_never_overwritten(plain: Pair, tmp_path: Path) -> None:
    gives(plain, 1)
    (tmp_path / "there").write_bytes(b"mine")
    assert refused(UsageError, lambda: exported(plain, "there")) == "airgap.exists"
    assert (tmp_path / "there").read_bytes() == b"mine"
    nowhere = tmp_path / "no" / "folder"
    assert refused(NodeCannot, lambda: airgap_export.export(plain.tw.home, "KrCERT", nowhere)) == "airgap.write"
    assert refused(NodeCannot, lambda: taken(plain, nowhere)) == "airgap.read"


def test_a_disk_that_is_full_leaves_no_half_a_file(
    plain: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gives(plain, 1)

    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(airgap_file, "fsync_path", full)
    assert refused(NodeCannot, lambda: exported(plain, "one")) == "airgap.write"
    assert not (tmp_path / "one").exists()


def test_keys_that_changed_between_two_files(plain: Pair, tmp_path: Path) -> None:
    gives(plain, 1)
    airgap_import.take(plain.tw.home, answered(plain, exported(plain, "one"), tmp_path / "a1"))
    rotation.rotate(plain.tw.home)
    gives(plain, 2)
    path = exported(plain, "two")
    rotation.rotate(plain.kr.home)  # after it was addressed to the old key
    airgap_import.take(plain.tw.home, answered(plain, path, tmp_path / "a2"))
    assert plain.kr.peer().key == plain.tw.home.key().public_key().public_bytes_raw()
    assert plain.tw.peer().key == plain.kr.home.key().public_key().public_bytes_raw()
    assert values(plain.kr) == ["45.61.136.1", "45.61.136.2"]


def test_an_import_that_broke_off_is_called_again(plain: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airgap_import, "CHUNK", 5)
    gives(plain, *range(1, 21))
    gives(plain, 30, takes=(1,))
    path = exported(plain, "one")
    real = Catalog.take
    for allowed in (0, 1, 2):
        calls = iter(range(100))

        def broken(self, collection, rows, calls=calls, allowed=allowed):
            if next(calls) == allowed:
                raise KeyboardInterrupt
            real(self, collection, rows)

        monkeypatch.setattr(Catalog, "take", broken)
        with pytest.raises(KeyboardInterrupt):
            taken(plain, path)
    monkeypatch.setattr(Catalog, "take", real)
    done = taken(plain, path, tmp_path / "answer")
    assert done.rows == 22 - 3 * 5  # what was taken isn't taken twice
    assert len(values(plain.kr)) == 20
    assert airgap_import.take(plain.tw.home, tmp_path / "answer").confirmations == 1


def test_a_restored_sender_begins_anew_with_a_whole_file(plain: Pair) -> None:
    gives(plain, 1, 2)
    taken(plain, exported(plain, "one"))
    with plain.tw.home.catalog().begin() as conn:
        conn.execute(text("UPDATE recipient SET epoch = 2"))
    gives(plain, 3)
    done = taken(plain, exported(plain, "two"))
    assert (done.rows, state(plain).epoch) == (1, 2)
    old = exported(plain, "three", every=True)
    with plain.kr.home.catalog().begin() as conn:
        received.keep_state(conn, plain.kr.peer_id, epoch=3)
    assert refused(NotVerified, lambda: taken(plain, old)) == "sync.epoch_back"


def test_no_copy_stays_behind(plain: Pair) -> None:
    gives(plain, 7)
    before = set(os.listdir(plain.kr.home.cache_path))
    taken(plain, exported(plain, "one"))
    left = set(os.listdir(plain.kr.home.cache_path)) - before
    assert all(name.startswith("sync-") for name in left)
