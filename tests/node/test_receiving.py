"""What Taiwan gives lands in Korea's catalog: value, label, bytes; what can't be taken is named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text

from haechi.exchange.message import Request, Response
from haechi.messages.catalogue import decode
from haechi.model.canonical import encoded
from haechi.model.marking import Tlp
from haechi.node import indicators
from haechi.store.audit_check import verify
from haechi.store.catalog import receipts, received
from haechi.store.catalog.indicators import assertions_of
from haechi.store.catalog.ledger import Outgoing
from tests.node.pair import Pair


@pytest.fixture(params=["sqlite", "postgresql"])
def pair(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path, request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None)
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def test_an_indicator_comes_with_value_label_and_bytes(pair: Pair) -> None:
    given = pair.indicator(1, "203.0.113.7", marking=Tlp.RED)
    pair.gives(given, pair.indicator(2, "evil.example"))
    assert pair.pull().agreed
    found = indicators.find(pair.kr.home, "203.0.113.7")
    with pair.kr.home.catalog().connect() as conn:
        [said] = assertions_of(conn, [found[0].id])
        raw = conn.execute(text("SELECT raw FROM object_version WHERE marking = 4")).scalar_one()
    assert (said.source, said.marking, said.context.description) == ("TWCERT", Tlp.RED, "한국 campaign")
    assert bytes(raw) == given.body
    assert pair.told == [2]
    with pair.kr.home.catalog().connect() as conn:
        assert [(row.collection, row.size, row.agreed) for row in receipts.last(conn, pair.kr.peer_id)] == [
            ("indicators", 2, True),
            ("sightings", 0, True),
        ]


def test_what_carries_no_label_is_amber_strict(one: Pair) -> None:
    given = one.indicator(1, "203.0.113.7")
    bare = json.loads(given.body)
    del bare["object_marking_refs"]
    one.gives(given._replace(body=encoded(bare)))
    assert one.pull().agreed
    [value] = indicators.find(one.kr.home, "203.0.113.7")
    with one.kr.home.catalog().connect() as conn:
        assert assertions_of(conn, [value.id])[0].marking is Tlp.AMBER_STRICT


def test_a_newer_version_counts_and_an_older_one_comes_too(pair: Pair) -> None:
    pair.gives(pair.indicator(1, "203.0.113.7"))
    pair.pull()
    pair.gives(pair.indicator(1, "203.0.113.8", version=2))
    assert pair.pull().agreed
    with pair.kr.home.catalog().connect() as conn:
        live = conn.execute(
            text("SELECT v.text FROM value v JOIN assertion a ON a.value_id = v.id AND gone_at IS NULL")
        )
        assert live.scalars().all() == ["203.0.113.8"]
        assert received.held(conn, pair.kr.peer_id) == {"indicators": (1, 0)}


def test_a_warning_listed_value_stays_out_of_matching(one: Pair) -> None:
    one.gives(one.indicator(1, "8.8.8.8"))
    one.pull()
    with one.kr.home.catalog().connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM value_warning")).scalar_one() > 0


def test_what_cannot_be_taken_is_named_and_the_rest_goes_through(pair: Pair) -> None:
    bad = pair.indicator(1, "203.0.113.7")
    broken = json.loads(bad.body) | {"pattern": "[ipv4-addr:value = 'nonsense']"}
    shapeless = Outgoing("indicators", "report--x", "report", 1, b'{"id":"report--x","type":"report"}', 9, 0, "[]")
    pair.gives(bad._replace(body=encoded(broken)), shapeless, pair.indicator(2, "evil.example"))
    done = pair.pull()
    assert done.agreed
    with pair.kr.home.catalog().connect() as conn:
        refused = received.refusals(conn, pair.kr.peer_id)
    assert [(one.seq, one.object_id) for one in refused] == [(1, bad.object_id), (2, "report--x")]
    assert all(str(decode(one.reason)[0]) for one in refused)
    assert indicators.find(pair.kr.home, "evil.example")


def test_the_same_version_with_other_content_is_refused_by_itself(one: Pair) -> None:
    one.gives(one.indicator(1, "203.0.113.7"))
    one.pull()
    one.gives(one.indicator(1, "203.0.113.9"))
    assert one.pull().agreed
    with one.kr.home.catalog().connect() as conn:
        [refused] = received.refusals(conn, one.kr.peer_id)
    assert "other content" in str(decode(refused.reason)[0])
    assert not indicators.find(one.kr.home, "203.0.113.9")


def test_a_chunk_is_one_commit(one: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that dies in the middle of a chunk has nothing of it, and goes on from the one before."""
    one.gives(*(one.indicator(n, f"203.0.{n >> 8}.{n & 255}") for n in range(300)))
    real, count = received.add, [0]

    def dies(*args: object, **kwargs: object) -> object:
        count[0] += 1
        if count[0] == 2:
            raise KeyboardInterrupt
        return real(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(received, "add", dies)
    with pytest.raises(KeyboardInterrupt):
        one.pull(page=100, chunk=100)
    with one.kr.home.catalog().connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM object")).scalar_one() == 100
        assert received.cursor(conn, one.kr.peer_id, "indicators").seq == 100
    done = one.pull(page=100, chunk=100)
    assert (done.rows, done.agreed) == (200, True)


def test_rows_that_were_lost_are_repaired_in_the_catalog(pair: Pair) -> None:
    pair.gives(*(pair.indicator(n, f"203.0.113.{n}") for n in range(1, 9)))

    def leave_out(request: Request) -> Response:
        answer = pair.answer(request)
        page = msgspec.json.decode(answer.body) if answer.body else {}
        if "limit=10000" not in request.target or not page.get("objects"):
            return answer
        for name in ("objects", "x_haechi_leaves"):
            del page[name][3]
        return replace(answer, body=msgspec.json.encode(page))

    assert not indicators.find(pair.kr.home, "203.0.113.4")
    done = pair.pull(leave_out)
    assert done.agreed
    assert done.missing == [pair.indicator(4, "203.0.113.4").object_id]
    assert indicators.find(pair.kr.home, "203.0.113.4")


def test_an_epoch_that_lost_rows_keeps_their_objects_apart(one: Pair) -> None:
    one.gives(*(one.indicator(n, f"203.0.113.{n}") for n in range(1, 5)))
    one.pull()
    shelf = one.shelf()
    shelf.epoch(2, {"indicators": (2, one.clock.now())}, 0)
    with one.kr.home.catalog().connect() as conn:
        assert received.held(conn, one.kr.peer_id) == {"indicators": (4, 2)}
    assert shelf.cursor("indicators").tree.size == 2
    assert shelf.state().epoch == 2


def test_the_audit_log_tells_of_it_and_names_no_object(one: Pair) -> None:
    given = one.indicator(1, "203.0.113.7")
    one.gives(given)
    one.pull()
    log = (one.kr.home.path / "audit" / "log.jsonl").read_text()
    assert [json.loads(line)["action"] for line in log.splitlines()][1:] == [
        "exchange.epoch", "exchange.received", "receipt.exchanged", "receipt.exchanged",
    ]  # fmt: skip
    assert given.object_id not in log
    assert "203.0.113.7" not in log
    assert verify(one.kr.home.path / "audit", one.kr.key.public_key()).entries
