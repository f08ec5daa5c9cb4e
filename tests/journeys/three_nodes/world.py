"""Three real nodes: Taiwan's and Korea's CERTs, who are one community, and a constituent of Korea's, its client.

Real homes, catalogs, releases and syncs; the wire is a function, and whatever crosses it is recorded. Who asks is known
without RFC 9421's signatures, which tests of `node.peering` look at and which would take half of the time here.
"""

import os
import shutil
import tempfile
from atexit import register
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import text

from haechi.exchange import peer_server
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.message import Request, Response
from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot
from haechi.model.release import Relation
from haechi.node import release, sync, taxii
from haechi.node.home import Home
from haechi.store.catalog import recipients
from haechi.store.catalog.recipients import RecipientRow
from tests.journeys.three_nodes.oracle import Oracle
from tests.journeys.three_nodes.record import Link, Record

NOW: Final = 1_790_000_000_000_000
MEMORY: Final = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # nobody cuts the power here
NODES: Final = {"TW": ("TWCERT/CC", "TW"), "KR": ("KrCERT/CC", "KR"), "FAB": ("Fab Korea", "KR")}
RELATIONS: Final = {
    ("TW", "KR"): "community",
    ("KR", "TW"): "community",
    ("KR", "FAB"): "client",
    ("FAB", "KR"): "community",
}


@cache
def _new_homes() -> Path:
    """Three homes just made, to be copied."""
    folder = Path(tempfile.mkdtemp(prefix="haechi-three-", dir=MEMORY))
    register(shutil.rmtree, folder, ignore_errors=True)
    for name, (party, country) in NODES.items():
        Home.init(folder / name, party=party, country=country, sector="government", clock=FixedClock(NOW)).close()
    return folder


class World:
    """The nodes, their clock, and the wire between each two."""

    def __init__(self, *, persons: frozenset[tuple[str, str]] = frozenset(), plain: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="haechi-three-", dir=MEMORY))
        self.clock = FixedClock(NOW)
        self.record = Record()
        self.oracle = Oracle(self.record)
        self.homes: dict[str, Home] = {}
        self.signed: dict[tuple[str, str], list[dict[str, tuple[int, str]]]] = {}
        for name in NODES:
            shutil.copytree(_new_homes() / name, self.folder / name)
            self.homes[name] = Home.open(self.folder / name, clock=self.clock)
            self.record.node(name)
        for (giver, taker), relation in RELATIONS.items():
            encrypted = not (plain and taker == "FAB")
            self.record.link(Link(giver, taker, relation, (giver, taker) in persons, encrypted))
            self._introduce(giver, taker, relation, (giver, taker) in persons, "https" if encrypted else "http")

    def _introduce(self, here: str, there: str, relation: str, person: bool, scheme: str) -> None:
        home, other = self.homes[here], self.homes[there]
        with home.catalog().begin() as conn:
            made = recipients.add(
                conn, uuid=other.config.party_uuid, name=there, country=other.config.country, kind="peer",
                relation=Relation(relation), person=person, url=f"{scheme}://{there.lower()}.example/haechi/", now=NOW,
            )  # fmt: skip
            key = other.key().public_key().public_bytes_raw()
            recipients.change(conn, made.id, key=key, confirmed_at=NOW)

    def close(self) -> None:
        for home in self.homes.values():
            home.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def uuid(self, name: str) -> str:
        return self.homes[name].config.party_uuid

    def peer(self, here: str, there: str) -> RecipientRow:
        with self.homes[here].catalog().connect() as conn:
            return recipients.find(conn, self.uuid(there))

    def release(self, giver: str) -> int:
        """Bring what a node gives out up to date; how many rows were written."""
        rows = 0
        for name, taker in RELATIONS:
            if name == giver:
                done = release.run(self.homes[giver], self.peer(giver, taker))
                rows += done.released + done.superseded + done.withdrawn
                self.oracle.released(giver, taker, self.clock.at)
        return rows

    def sync(self, giver: str, taker: str, *, lost: Callable[[int, bool], bool] = lambda _number, _asked: False) -> int:
        """The taker pulls; how many rows and withdrawals came. `lost` says of the nth request (or its answer) that it is."""
        slice, count = self.record.slices[giver, taker], 0
        home, peer = self.homes[taker], self.peer(taker, giver)

        def send(request: Request) -> Response:
            nonlocal count
            count += 1
            if lost(count, False):
                raise NodeCannot("http.unreachable", host=giver, cause="no route")
            answer = self._answer(giver, taker, request)
            self.oracle.crossed(giver, taker, request.path, answer.body)
            if lost(count, True):
                raise NodeCannot("http.unreachable", host=giver, cause="reset")
            assert answer.status == 200, answer
            self.record.delivered(giver, taker, request.method, request.path, dict(request.query), answer.body)
            if request.method == "POST" and request.path.endswith("/receipts"):
                self.signed[giver, taker] = [_said(request.body), _said(answer.body)]
            return answer

        done = sync.Synced(peer=giver, uuid=peer.uuid)
        try:
            sync.pull(home, peer, send, done, root="/haechi/")
        except NodeCannot:
            slice.broken = True
            if not any(lost(number, asked) for number in range(1, count + 1) for asked in (False, True)):
                raise
            return 1
        assert done.agreed, done
        assert not done.missing, done
        assert not done.unknown, done
        slice.broken = False
        for said in self.signed[giver, taker]:
            self.oracle.receipts(giver, taker, said)
        self.oracle.held(giver, taker, self.catalog(taker, giver))
        return done.rows + done.withdrawn

    def _answer(self, giver: str, taker: str, request: Request) -> Response:
        """The giver's server, the transaction done before the answer goes out."""
        home, caller = self.homes[giver], Caller(self.peer(giver, taker), SIGNATURE)
        with home.catalog().begin() as conn:
            if request.path.rstrip("/").rpartition("/")[2] in peer_server.PATHS:
                us, key, now = home.config.party_uuid, home.key(), home.clock.now()
                return peer_server.answer(request, caller, conn, us=us, key=key, now=now, log=home.audit())
            return taxii.answer(home, request, caller, conn)

    def catalog(self, node: str, giver: str) -> Mapping[str, bytes]:
        """What a node's catalog has from a peer: id to bytes."""
        query = text(
            "SELECT o.object_id, v.raw FROM object o JOIN source s ON s.id = o.source_id"
            " JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL WHERE s.recipient_id = :peer"
        )
        with self.homes[node].catalog().connect() as conn:
            return {id: bytes(raw) for id, raw in conn.execute(query, {"peer": self.peer(node, giver).id})}

    def settle(self) -> None:
        """Release and sync until nothing moves, then look at everything."""
        for _ in range(12):
            moved = 0
            for giver, taker in RELATIONS:
                moved += self.release(giver)
                moved += self.sync(giver, taker)
            if not moved:
                break
        else:
            raise AssertionError("it never comes to rest")
        for giver, taker in RELATIONS:
            self.oracle.settled(giver, taker, self.clock.at)
        for node, home in self.homes.items():
            files = {str(path): path.read_bytes() for path in home.path.rglob("*") if path.is_file()}
            self.oracle.forgotten(node, files)


def _said(body: bytes) -> dict[str, tuple[int, str]]:
    """The receipts of one side: collection to rows and root."""
    words = [msgspec.json.decode(word) for word in msgspec.json.decode(body)["receipts"]]
    return {word["collection"]: (word["size"], word["root"]) for word in words}
