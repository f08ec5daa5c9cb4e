"""A sending node: a real ledger behind the real servers, and a shelf in memory for the node that pulls from it."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from haechi.exchange import peer_server, receipt, wire
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.sync import Pull, Pulled, Row, Side, converse
from haechi.exchange.taxii import server
from haechi.exchange.taxii.server import Service
from haechi.model.canonical import digest, encoded
from haechi.model.clock import FixedClock
from haechi.model.merkle import Tree, leaf_of, root_of
from haechi.model.release import Relation
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.engine import open_engine, sqlite_url
from haechi.store.catalog.ledger import Outgoing, Taken, Written
from haechi.store.catalog.received import Cursor, State
from haechi.store.catalog.recipients import RecipientRow

TW, KR = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
TW_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KR_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
Send = Callable[[Request], Response]


def stix_id(number: int, kind: str = "indicator") -> str:
    return f"{kind}--{UUID(int=number, version=4)}"


def body(number: int, version: int = 1, kind: str = "indicator") -> bytes:
    """An object as it leaves: an indicator for 198.51.X.Y, or a sighting."""
    time = f"2026-01-01T00:00:{version:02d}.000Z"
    common: dict[str, Any] = {
        "spec_version": "2.1",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": time,
        "type": kind,
    }
    common |= {"id": stix_id(number, kind), "object_marking_refs": [AMBER], "created_by_ref": f"identity--{TW}"}
    if kind == "sighting":
        return encoded({**common, "sighting_of_ref": stix_id(1), "count": version})
    pattern = f"[ipv4-addr:value = '198.51.{number >> 8 & 255}.{number & 255}']"
    return encoded({**common, "pattern": pattern, "pattern_type": "stix", "valid_from": time})


def outgoing(number: int, version: int = 1, kind: str = "indicator") -> Outgoing:
    return Outgoing(f"{kind}s", stix_id(number, kind), kind, version, body(number, version, kind), number, 0, "[]")


class Log:
    """An audit log in memory."""

    def __init__(self) -> None:
        self.entries: list[tuple[str, str, dict[str, Any]]] = []

    def append(self, action: str, *, subject: str = "", details: dict[str, Any] | None = None) -> None:
        self.entries.append((action, subject, details or {}))

    def warn(self, *_: object) -> None: ...
    def log(self, *_: object, **__: object) -> None: ...


class Sender:
    """Taiwan's node: what it gave to Korea's, behind TAXII and the peers' own resources."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.log, self.now, self.asked = engine, Log(), 1_000_000, list[str]()
        with engine.begin() as conn:
            self.recipient = recipients.add(
                conn, uuid=KR, name="KrCERT", country="KR", kind="peer", relation=Relation.COMMUNITY, now=1
            ).id
            recipients.change(
                conn, self.recipient, key=KR_KEY.public_key().public_bytes_raw(), confirmed_at=1, url="http://x/haechi/"
            )

    def gives(self, *objects: Outgoing, takes: Sequence[int] = ()) -> Written:
        self.now += 1_000
        with self.engine.begin() as conn:
            return ledger.write(conn, self.recipient, objects, [Taken(seq, "[]") for seq in takes], now=self.now)

    def row(self) -> RecipientRow:
        with self.engine.connect() as conn:
            return recipients.get(conn, self.recipient)

    def root(self) -> tuple[int, bytes]:
        with self.engine.connect() as conn:
            leaves = [row.leaf for row in ledger.every(conn, self.recipient)]
        return len(leaves), root_of(leaves)

    def answer(self, request: Request, how: str = SIGNATURE) -> Response:
        self.asked.append(f"{request.method} {request.target}")
        caller = Caller(self.row(), how)
        with self.engine.begin() as conn:
            if request.path.rstrip("/").rpartition("/")[2] in peer_server.PATHS:
                return peer_server.answer(request, caller, conn, us=TW, key=TW_KEY, now=self.now, log=self.log)
            return server.answer(request, caller, conn, Service("TW", "TW", self.log, FixedClock(self.now)))


class Memory:
    """A shelf in memory, each row checked as it is put."""

    def __init__(self) -> None:
        self.known = State()
        self.rows: dict[str, dict[int, bytes]] = {"indicators": {}, "sightings": {}}
        self.dates: dict[str, int] = {}
        self.objects: dict[int, bytes] = {}
        self.kept: list[tuple[str, str, bool]] = []
        self.aside: set[int] = set()
        self.takes: list[int] = []
        self.withdrawals: list[wire.Withdrawn] = []

    def state(self) -> State:
        return self.known

    def _set(self, **fields: int) -> None:
        self.known = State(**{**{n: getattr(self.known, n) for n in State.__struct_fields__}, **fields})

    def cursor(self, collection: str) -> Cursor:
        tree = Tree()
        rows = self.rows[collection]
        for seq in sorted(rows):
            tree.add(rows[seq])
        return Cursor(tree=tree, seq=max(rows, default=0), date=self.dates.get(collection, 0))

    def _put(self, collection: str, row: Row) -> None:
        if row.body is None:
            assert row.leaf is not None
            self.rows[collection][row.seq] = row.leaf
        else:
            assert row.salt is not None
            self.rows[collection][row.seq] = leaf_of(row.salt, digest(row.body))
            self.objects[row.seq] = row.body

    def take(self, collection: str, rows: Sequence[Row]) -> None:
        for row in rows:
            assert row.seq not in self.rows[collection]
            self._put(collection, row)
        self.dates[collection] = rows[-1].date
        self.takes.append(len(rows))

    def withdraw(self, withdrawals: Sequence[wire.Withdrawn]) -> Mapping[str, int]:
        self.withdrawals += withdrawals
        for one in withdrawals:
            for seq in one.of:
                self.objects.pop(seq, None)
        return {"backups": 1}

    def withdrawn(self, seq: int) -> None:
        self._set(withdrawn_seq=seq)

    def epoch(self, epoch: int, kept: Mapping[str, tuple[int, int]], withdrawn: int) -> None:
        for collection, (seq, date) in kept.items():
            rows = self.rows[collection]
            self.aside |= {one for one in rows if one > seq and one in self.objects}
            self.rows[collection] = {one: leaf for one, leaf in rows.items() if one <= seq}
            self.dates[collection] = date
        self._set(epoch=epoch, withdrawn_seq=withdrawn)

    def digest(self, collection: str, after: int, upto: int) -> tuple[int, bytes]:
        leaves = [leaf for _, leaf in self.leaves(collection, after, upto)]
        return len(leaves), root_of(leaves)

    def leaves(self, collection: str, after: int, upto: int) -> list[tuple[int, bytes]]:
        return [(seq, leaf) for seq, leaf in sorted(self.rows[collection].items()) if after < seq <= upto]

    def repair(self, collection: str, rows: Sequence[Row], gone: Sequence[int]) -> Sequence[str]:
        for seq in gone:
            del self.rows[collection][seq]
        for row in rows:
            self._put(collection, row)
        return [str(row.seq) for row in rows if row.body is not None]

    def receipts(self, ours: str, theirs: str, agreed: bool) -> None:
        receipt.verify(theirs, TW_KEY.public_key())
        self.kept.append((ours, theirs, agreed))


class Between:
    """Both nodes, and a wire between them that a test may spoil."""

    stix_id, body, outgoing = staticmethod(stix_id), staticmethod(body), staticmethod(outgoing)
    tw_key, kr_key, tw, kr = TW_KEY, KR_KEY, TW, KR

    def __init__(self, engine: Engine) -> None:
        self.sender, self.shelf = Sender(engine), Memory()

    def pull(self, send: Send | None = None, **options: int) -> Pulled:
        sized: dict[str, Any] = {"page": 100, "chunk": 100, **options}
        pull = Pull(
            peer=Side(TW, TW_KEY.public_key()), us=KR, key=KR_KEY, shelf=self.shelf, now=lambda: 7_000_000, **sized
        )
        return converse(pull, send or self.sender.answer)


@pytest.fixture
def between(tmp_path: Path) -> Between:
    return Between(open_engine(sqlite_url(tmp_path / "tw.sqlite"), create=True))


@pytest.fixture
def on_each(engine: Engine) -> Between:
    """The same, the sender once on each kind of database."""
    return Between(engine)
