"""What a peer takes back leaves no byte behind, but for what our own logs saw."""

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from haechi.exchange import confirmation
from haechi.model.canonical import encoded
from haechi.model.errors import NodeCannot
from haechi.model.release import Relation
from haechi.node import indicators, matching, parties
from haechi.node.ingest import ingest
from haechi.store.catalog import ledger, receipts, received, recipients, scrub
from haechi.store.catalog.indicator_load import load, source_id
from haechi.store.catalog.indicators import assertions_of
from haechi.store.catalog.ledger import Outgoing
from tests.node.pair import NOW, Pair

VALUE, SEEN = "45.61.136.77", "45.61.136.78"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    made = Pair(tmp_path)
    yield made
    made.close()


def found_in(folder: Path, *needles: str) -> set[str]:
    """The files that hold any of these, as text, as the bytes of an address or of a UUID."""
    wanted: list[bytes] = []
    for needle in needles:
        wanted += [needle.encode(), needle.encode("utf-16-le")]
        if "--" in needle:
            wanted += [needle.partition("--")[2].encode(), UUID(needle.partition("--")[2]).bytes]
        elif needle[0].isdigit():
            wanted += [bytes(map(int, needle.split("."))), bytes(reversed(list(map(int, needle.split(".")))))]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)) for path in files if any(one in path.read_bytes() for one in wanted)}


def log_of(pair: Pair, *addresses: str) -> Path:
    path = pair.kr.home.path.parent / "eve.json"
    lines = [
        json.dumps(
            {"timestamp": "2026-09-21T14:00:00Z", "event_type": "flow", "src_ip": one, "src_port": 4444,
             "dest_ip": "192.0.2.1", "dest_port": 443, "proto": "TCP"}
        )
        for one in addresses
    ]  # fmt: skip
    path.write_text("".join(f"{line}\n" for line in lines))
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    return path


def sighting(of: str, number: int) -> Outgoing:
    id = f"sighting--00000000-0000-4000-8000-{number:012d}"
    time = "2026-01-01T00:00:00.000Z"
    said = {"id": id, "type": "sighting", "spec_version": "2.1", "created": time, "modified": time}
    return Outgoing("sightings", id, "sighting", 1, encoded({**said, "sighting_of_ref": of}), 900, 0, "[]")


def test_of_what_was_never_seen_no_byte_stays(pair: Pair) -> None:
    gone, stays, name = (
        pair.indicator(1, VALUE),
        pair.indicator(2, "evil.example"),
        pair.indicator(3, "bad.gone.example"),
    )
    pair.gives(gone, stays, sighting(gone.object_id, 5), name)
    pair.pull()
    with pair.kr.home.catalog().begin() as conn:  # a third party says something of it, and we gave it on to a client
        third, _ = source_id(conn, "third", None)
        from haechi.formats import stix
        from haechi.model.marking import Tlp
        from haechi.model.source_object import SourceObject

        about = list(stix.parse(b'{"objects":[%b]}' % sighting(gone.object_id, 6).body, marking=Tlp.AMBER))
        load(conn, third, [one for one in about if isinstance(one, SourceObject)], at=NOW, list_name="")
        client = recipients.add(
            conn, uuid="33333333-3333-4333-8333-333333333333", name="Grid", country="KR", kind="consumer",
            relation=Relation.CLIENT, now=NOW,
        ).id  # fmt: skip
        row = conn.execute(text("SELECT id FROM object WHERE object_id = :id"), {"id": gone.object_id}).scalar_one()
        ledger.write(conn, client, [gone._replace(object_row=row)], now=NOW)
    indicators.verdict(pair.kr.home, VALUE, "confirmed", "a talk", "kim")
    matching.current_index(pair.kr.home)
    ids = (gone.object_id, sighting("", 5).object_id, sighting("", 6).object_id)
    before = found_in(pair.kr.home.path, VALUE, "gone.example", *ids)
    assert "cache/match.index" in before
    assert any(name.startswith("catalog.sqlite") for name in before)

    pair.gives(takes=[1, 3, 4])
    done = pair.pull()
    assert (done.withdrawn, done.agreed) == (3, True)
    assert found_in(pair.kr.home.path, VALUE, "gone.example", *ids, name.object_id) == set()
    assert indicators.find(pair.kr.home, "evil.example")
    assert not indicators.find(pair.kr.home, VALUE)
    with pair.kr.home.catalog().connect() as conn:
        assert [row.action for row in ledger.rows(conn, client)] == [0, 2]
        kept = conn.execute(text("SELECT seq, live, salt, object_id FROM received ORDER BY seq")).all()
    assert [tuple(row)[:2] for row in kept] == [(1, 0), (2, 1), (3, 0), (4, 0), (5, 0), (6, 0), (7, 0)]
    assert all(row.salt is None and row.object_id is None for row in kept if row.seq != 2)


def test_the_peer_has_our_word_and_what_we_cannot_take_back(pair: Pair) -> None:
    pair.gives(pair.indicator(1, VALUE))
    pair.pull()
    pair.gives(takes=[1])
    pair.pull()
    with pair.tw.home.catalog().connect() as conn:
        [kept] = receipts.confirmations(conn, pair.tw.peer_id)
    assert kept.word is not None
    said = confirmation.verify(kept.word, pair.kr.key.public_key())
    assert (said.seqs, said.cannot, said.recipient) == ([2], {"backups": 1}, pair.kr.uuid)
    log = (pair.tw.home.path / "audit" / "log.jsonl").read_text()
    assert "withdrawal.confirmed" in log


def test_what_our_own_logs_saw_is_our_observation_and_stays(pair: Pair) -> None:
    gone, seen = pair.indicator(1, VALUE), pair.indicator(2, SEEN)
    pair.gives(gone, seen)
    pair.pull()
    parties.add(pair.kr.home, name="Fab", country="KR", sector="semiconductor", networks=["192.0.2.0/24"])
    ingest(pair.kr.home, [log_of(pair, SEEN)], sensor="edge")
    pair.gives(takes=[1, 2])
    done = pair.pull()
    assert done.withdrawn == 2
    [value] = indicators.find(pair.kr.home, SEEN)
    with pair.kr.home.catalog().connect() as conn:
        assert assertions_of(conn, [value.id]) == []
    assert found_in(pair.kr.home.path, VALUE, gone.object_id, seen.object_id) == set()
    assert found_in(pair.kr.home.path, SEEN), "our own sighting holds it"
    everything = b"".join(path.read_bytes() for path in pair.kr.home.path.rglob("*") if path.is_file())
    assert "한국 campaign".encode() not in everything, "without the partner's context"
    with pair.tw.home.catalog().connect() as conn:
        word = receipts.confirmations(conn, pair.tw.peer_id)[0].word
    assert word is not None
    assert confirmation.verify(word, pair.kr.key.public_key()).cannot == {"backups": 1, "own": 1}
    assert len(matching.current_index(pair.kr.home).arrays.value_id) == 0


def test_a_value_that_another_source_asserts_stays_with_that_source(pair: Pair) -> None:
    with pair.kr.home.catalog().begin() as conn:
        from haechi.model.indicator import ValueType
        from haechi.model.source_object import SourceObject

        source, _ = source_id(conn, "own list", None)
        load(conn, source, [SourceObject(object_id="", values={ValueType.IPV4: [VALUE]})], at=NOW, list_name="l")
    pair.gives(pair.indicator(1, VALUE))
    pair.pull()
    pair.gives(takes=[1])
    pair.pull()
    [value] = indicators.find(pair.kr.home, VALUE)
    with pair.kr.home.catalog().connect() as conn:
        assert [one.source for one in assertions_of(conn, [value.id])] == ["own list"]


def test_an_older_version_goes_where_the_object_was_given_again(pair: Pair) -> None:
    pair.gives(pair.indicator(1, VALUE))
    pair.pull()
    withdrawn: list[object] = []

    def send(request):
        if "/objects/" in request.target and not withdrawn:
            withdrawn.append(pair.gives(takes=[1]))
            pair.gives(pair.indicator(1, "45.61.136.99", version=2))
        return pair.answer(request)

    assert pair.pull(send).agreed
    assert indicators.find(pair.kr.home, "45.61.136.99")
    with pair.kr.home.catalog().connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM object_version")).scalar_one() == 1
        assert received.held(conn, pair.kr.peer_id) == {"indicators": (1, 0)}
    assert found_in(pair.kr.home.path, VALUE) == set()


def test_nothing_is_confirmed_while_a_reader_keeps_the_log(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    pair.gives(pair.indicator(1, VALUE))
    pair.pull()
    pair.gives(takes=[1])
    monkeypatch.setattr(scrub, "_PATIENCE", 0.1)
    reader = sqlite3.connect(pair.kr.home.path / "catalog.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM object").fetchone()
    with pytest.raises(NodeCannot, match="what was withdrawn may still stand in it"):
        pair.pull()
    with pair.tw.home.catalog().connect() as conn:
        assert receipts.counts(conn, pair.tw.peer_id) == (1, 0)
    reader.close()
    assert pair.pull().withdrawn == 1
    with pair.tw.home.catalog().connect() as conn:
        assert receipts.counts(conn, pair.tw.peer_id) == (1, 1)
    assert found_in(pair.kr.home.path, VALUE) == set()


def test_a_million_times_nothing_else_is_touched(pair: Pair) -> None:
    pair.gives(*(pair.indicator(n, f"203.0.{n >> 8}.{n & 255}") for n in range(600)))
    pair.pull()
    pair.gives(takes=range(1, 600))
    assert pair.pull().agreed
    with pair.kr.home.catalog().connect() as conn:
        for table in ("value", "object", "object_version", "assertion"):
            assert conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 1


def test_postgresql_says_that_its_server_keeps_a_log(tmp_path: Path, postgresql_url: str) -> None:
    pair = Pair(tmp_path, postgresql_url)
    pair.gives(pair.indicator(1, VALUE))
    pair.pull()
    pair.gives(takes=[1])
    pair.pull()
    with pair.tw.home.catalog().connect() as conn:
        word = receipts.confirmations(conn, pair.tw.peer_id)[0].word
    assert word is not None
    assert confirmation.verify(word, pair.kr.key.public_key()).cannot == {"backups": 1, "database": 1}
    assert not indicators.find(pair.kr.home, VALUE)
    pair.close()
