"""Taiwan and Korea, each a `haechi serve` process over TLS: share, match, sight back, withdraw, confirm; kill -9 between."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from haechi.model.clock import SystemClock
from haechi.model.release import Grant
from haechi.node import parties, peers
from haechi.node.home import Home
from haechi.store.catalog import grants, received
from tests.node.test_withdrawing import found_in
from tests.web.conftest import begun, ended, free_port

ROOT = Path(__file__).parents[2]
VICTIM = "Hsinchu Fab Nine"


class Side:
    """One country's node and its server."""

    def __init__(self, folder: Path, name: str, country: str) -> None:
        self.home = Home.init(folder / country, party=name, country=country, sector="government", clock=SystemClock())
        self.port = free_port()
        self.server = begun(self.home.path, "--port", str(self.port), "--tls")

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def says(self, *words: str, status: int = 0) -> Any:
        """The JSON that a command writes."""
        done = subprocess.run(
            [sys.executable, "-m", "haechi", "--home", self.home.path, *words, "--json"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def trusts(self, other: "Side") -> None:
        offer = peers.discover(self.home, other.url, allow_private=True)
        added = peers.add(self.home, offer)
        peers.confirm(self.home, added.uuid, offer.code)
        with self.home.catalog().begin() as conn:
            grant = Grant(id=str(uuid4()), recipient=other.home.config.party_uuid)
            grants.add(conn, grant, at=self.home.clock.now(), by="kim")

    def adds(self, values: list[str], name: str) -> None:
        path = self.home.path.parent / name
        path.write_text("".join(f"{value}\n" for value in values))
        self.says("indicators", "add", str(path), "--own", "--marking", "amber", "--source", "campaign")


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Side, Side]]:
    tw, kr = Side(tmp_path, "TWCERT/CC", "TW"), Side(tmp_path, "KrCERT/CC", "KR")
    tw.trusts(kr)
    kr.trusts(tw)
    yield tw, kr
    for side in (tw, kr):
        assert ended(side.server) == 0
        side.home.close()


def log_of(kr: Side, address: str) -> Path:
    path = kr.home.path.parent / "eve.json"
    record = {"event_type": "flow", "src_ip": address, "src_port": 4444, "dest_ip": "192.0.2.1", "dest_port": 443}
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(SystemClock().now() / 1e6 - 3600))
    path.write_text(json.dumps({**record, "proto": "TCP", "timestamp": moment}) + "\n")
    os.utime(path, (SystemClock().now() / 1e6 - 600,) * 2)
    return path


@pytest.mark.slow
def test_share_match_sight_back_withdraw_confirm(both: tuple[Side, Side]) -> None:
    tw, kr = both
    values = [f"45.61.{n >> 8}.{n & 255}" for n in range(1, 1001)]
    tw.adds(values, "campaign.txt")
    tw.says("sync")
    [first] = kr.says("sync")["peers"]
    assert (first["agreed"], first["refused"]) == (True, 0)
    assert first["objects"] >= 1000

    parties.add(kr.home, name=VICTIM, country="KR", sector="semiconductor", networks=["192.0.2.0/24"])
    kr.says("ingest", str(log_of(kr, values[7])), "--sensor", "edge")
    assert kr.says("sync")["peers"][0]["agreed"]
    [back] = tw.says("sync")["peers"]
    assert (back["agreed"], back["refused"]) == (True, 0)
    with tw.home.catalog().connect() as conn:
        sighted = conn.execute(text("SELECT count FROM foreign_sighting")).scalars().all()
        assert sighted == [1]
    everything = b"".join(path.read_bytes() for path in tw.home.path.rglob("*") if path.is_file())
    assert VICTIM.encode() not in everything, "who was hit is Korea's to tell"

    with tw.home.catalog().connect() as conn:
        seen = conn.execute(
            text("SELECT l.object_id FROM ledger l JOIN value v ON v.id = l.value_id WHERE v.text = :v"),
            {"v": values[-1]},
        ).scalar_one()
    tw.says("indicators", "expire", values[-1], "--why", "a mistake")
    tw.says("sync")
    [third] = kr.says("sync")["peers"]
    assert (third["withdrawn"], third["agreed"]) == (1, True)
    assert found_in(kr.home.path, values[-1], seen) == set()

    for side in both:
        found = side.says("receipts")
        assert all(one["agreed"] is not False for one in found["receipts"])
        assert found["unconfirmed"] == 0
    sent = {one["collection"]: one for one in tw.says("receipts")["receipts"] if one["direction"] == "sent"}
    got = {one["collection"]: one for one in kr.says("receipts")["receipts"] if one["direction"] == "received"}
    assert sent["indicators"]["root"] == got["indicators"]["root"]
    for side in both:
        side.says("audit", "verify")


@pytest.mark.slow
def test_killed_at_any_moment_a_sync_goes_on_where_it_was(both: tuple[Side, Side]) -> None:
    tw, kr = both
    tw.adds([f"45.{61 + (n >> 16)}.{n >> 8 & 255}.{n & 255}" for n in range(1, 150_001)], "campaign.txt")
    tw.says("sync")
    draw = random.Random(20261124)
    killed = 0
    for _ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-m", "haechi", "--home", kr.home.path, "sync", "--json"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
        )
        try:
            process.wait(draw.uniform(2.0, 9.0))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed += 1
    assert killed, "none was killed: the machine is too quick for this test's times"
    [last] = kr.says("sync")["peers"]
    assert (last["agreed"], last["missing"], last["unknown"]) == (True, [], [])
    with kr.home.catalog().connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM assertion WHERE gone_at IS NULL")).scalar_one() == 150_000
        peer = conn.execute(text("SELECT id FROM recipient")).scalar_one()
        assert received.held(conn, peer)["indicators"][0] >= 150_000
    kr.says("audit", "verify")
