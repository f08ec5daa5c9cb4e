"""Killed, raced, out of space: whatever happens, each record is in the lake once (DESIGN.md, "Acknowledged means durable")."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot
from haechi.model.event import EVENT, QUARANTINE, SIGHTING
from haechi.node.audit import verify
from haechi.node.home import Home
from haechi.node.ingest import ingest
from haechi.store.catalog import inputs
from haechi.store.lake import Lake
from tests.journeys.small import NOW, indicators_into, sized

ROOT = Path(__file__).parent.parent.parent
CHILD = """
import sys
from pathlib import Path
from tests.journeys.small import NOW, sized
from haechi.model.clock import FixedClock
from haechi.model.errors import HaechiError
from haechi.node.home import Home
from haechi.node.ingest import ingest
sized()
home = Home.open(Path(sys.argv[1]), clock=FixedClock(NOW))
print("ready", flush=True)
sys.stdin.readline()
try:
    result = ingest(home, sys.argv[2:])
except HaechiError as error:
    print(error)
    sys.exit(error.exit_status)
print(result.events, result.sightings, result.quarantined)
"""


class Log:
    """A log and what must come of it: offsets of good and refused lines, (offset, value's number) of what is sighted."""

    def __init__(self, path: Path, lines: int, seed: int) -> None:
        self.path = path
        self.good: list[int] = []
        self.bad: dict[int, bytes] = {}
        self.seen: set[tuple[int, str]] = set()
        self._at = 0
        chance = random.Random(seed)
        with path.open("wb") as file:
            for number in range(lines):
                line, at = self._line(chance, number), file.tell()
                file.write(line + b"\n")
                if line and at not in self.bad:
                    self.good.append(at)
        os.utime(path, (NOW / 1e6 - 600,) * 2)

    def _line(self, chance: random.Random, number: int) -> bytes:
        at = self._at
        at_time = datetime.fromtimestamp(NOW / 1e6 - chance.randrange(3 * 86400), UTC)
        record: dict[str, Any] = {
            "timestamp": at_time.isoformat(timespec="microseconds"),
            "event_type": "dns",
            "src_ip": f"10.0.{chance.randrange(256)}.{chance.randrange(256)}",
            "dest_ip": "192.0.2.1",
            "dns": {"rrname": f"n{number}.example.com"},
            "flow_id": number,
        }
        draw = chance.random()
        line = b""
        if draw < 0.01:
            line = b""
        elif draw < 0.04:
            record["dest_port"] = 70_000 if draw < 0.02 else 53
            line = json.dumps(record).encode()
            line = line if draw < 0.02 else line[: len(line) // 2]
            self.bad[at] = line
        else:
            if draw < 0.05:
                record["dns"]["rrname"] = "www.evil.example"
                self.seen.add((at, "evil.example"))
            elif draw < 0.06:
                record["dest_ip"] = "203.0.113.9"
                self.seen.add((at, "203.0.113.0/24"))
            line = json.dumps(record).encode()
        self._at = at + len(line) + 1
        return line


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = made(tmp_path / "node")
    yield home
    home.close()


def made(path: Path) -> Home:
    home = Home.init(path, party="KrCERT/CC", country="KR", sector="government", clock=FixedClock(NOW))
    indicators_into(home)
    return home


class Child:
    """An ingest in a process of its own: ready when made, it begins at `go`."""

    def __init__(self, home: Home, *paths: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(home.path), *map(str, paths)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        assert told == "ready\n", told + self._process.stdout.read()

    def go(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def runs(self) -> bool:
        return self._process.poll() is None

    def ended(self, *, kill: bool = False) -> tuple[int, str]:
        """Exit status (negative: killed) and what it said."""
        if kill:
            self._process.kill()
        said, _ = self._process.communicate(timeout=120)
        return self._process.returncode, said


def rows(lake: Lake, kind: str, columns: str, input_id: int) -> list[tuple[Any, ...]]:
    found = lake.query(f"select {columns} from {kind} where input_id = $id order by all", {"id": input_id})
    return [tuple(row.values()) for row in found.to_pylist()]


def check(home: Home, log: Log) -> None:
    """Exactly the right rows, each once."""
    with home.catalog().connect() as conn:
        (row,) = [row for row in inputs.list_inputs(conn) if row.path == str(log.path)]
        texts: dict[int, str] = dict(conn.exec_driver_sql("select id, text from value").fetchall())
    lake = Lake(home.lake_path)
    assert lake.committed(row.uuid) == row.committed == log.path.stat().st_size
    assert [o for (o,) in rows(lake, EVENT, "raw_offset", row.id)] == log.good
    assert rows(lake, QUARANTINE, "raw_offset, raw", row.id) == sorted(log.bad.items())
    seen = [(o, texts[v]) for o, v in rows(lake, SIGHTING, "raw_offset, matcher_id", row.id)]
    assert len(seen) == len(set(seen))
    assert set(seen) == log.seen
    verify(home)  # raises where the trail is torn


def kill_often(home: Home, log: Log, times: int, chance: random.Random) -> int:
    """Start an ingest and kill it, up to `times`; how many were killed before they were done."""
    killed = 0
    for _ in range(times):
        child = Child(home, log.path)
        child.go()
        time.sleep(chance.uniform(0, 0.6))
        status, _ = child.ended(kill=True)
        if status == 0:
            break
        assert status == -9
        killed += 1
    return killed


def finish(home: Home, log: Log) -> None:
    child = Child(home, log.path)
    child.go()
    assert child.ended()[0] == 0


def test_killed_at_random_moments_nothing_is_lost_or_twice(home: Home, tmp_path: Path) -> None:
    log = Log(tmp_path / "eve.json", 12_000, seed=1)
    assert kill_often(home, log, 5, random.Random(os.getpid())) >= 2
    finish(home, log)
    check(home, log)


@pytest.mark.slow
def test_killed_at_two_hundred_moments(home: Home, tmp_path: Path) -> None:
    chance, killed, number = random.Random(7), 0, 0
    while killed < 200:
        log = Log(tmp_path / f"eve-{number}.json", 12_000, seed=number)
        killed += kill_often(home, log, min(12, 200 - killed), chance)
        finish(home, log)
        check(home, log)
        number += 1


def test_two_ingests_and_a_reader_at_once(home: Home, tmp_path: Path) -> None:
    logs = [Log(tmp_path / f"eve-{n}.json", 6_000, seed=n) for n in (1, 2)]
    children = [Child(home, log.path) for log in logs]
    for child in children:
        child.go()
    lake, last, looked = Lake(home.lake_path), 0, 0
    while any(child.runs() for child in children):
        (told,) = lake.query("select count(*) as n, count(distinct (input_id, raw_offset)) as m from event").to_pylist()
        assert told["n"] == told["m"] >= last, "what was committed stays, and once"
        last, looked = told["n"], looked + 1
    assert looked > 1
    for child in children:
        status, said = child.ended()
        assert status == 0, said
    for log in logs:
        check(home, log)


def test_one_log_by_two_processes_at_once(home: Home, tmp_path: Path) -> None:
    log = Log(tmp_path / "eve.json", 6_000, seed=3)
    children = [Child(home, log.path) for _ in range(2)]
    for child in children:
        child.go()
    ends = [child.ended() for child in children]
    assert {status for status, _ in ends} <= {0, 3}, ends
    assert all(status == 0 or "Run the ingest again" in said for status, said in ends), ends
    finish(home, log)
    check(home, log)


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    tried = subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=False, capture_output=True
    )
    if tried.returncode:
        pytest.skip(f"mount isn't allowed here: {tried.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("room", [0, 20_000, 60_000, 150_000, 300_000, 450_000])
def test_a_full_disk_says_so_and_goes_on_after_room_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """The disk fills at different places: at the first batch's files, or some batches later."""
    sized(monkeypatch)
    disk = tmp_path / "disk"
    with mounted(disk, "40m"):
        home = made(disk / "node")
        log = Log(tmp_path / "eve.json", 12_000, seed=5)
        ingest(home, [Log(tmp_path / "first.json", 50, seed=4).path])  # the index is there
        filler = disk / "filler"
        status = os.statvfs(disk)
        filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - room)))
        with pytest.raises(NodeCannot, match="Make room") as refused:
            ingest(home, [log.path])
        assert refused.value.exit_status == 3
        (partly,) = Lake(home.lake_path).query("select count(*) as n from event").to_pylist()
        assert partly["n"] < len(log.good)
        filler.unlink()
        assert ingest(home, [log.path]).files[0].problem == ""
        check(home, log)
        home.close()


def test_a_disk_too_full_for_the_index(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    with mounted(disk, "4m"):
        home = made(disk / "node")
        log = Log(tmp_path / "eve.json", 50, seed=4)
        for number in range(200):
            if os.statvfs(disk).f_bavail * 4096 < 1_000_000:
                break
            (disk / f"filler-{number}").write_bytes(bytes(15_000))
        with pytest.raises(NodeCannot, match="Make room"):
            ingest(home, [log.path])
        assert not list(home.cache_path.glob(".*")), "half an index is taken away again"
        for filler in disk.glob("filler-*"):
            filler.unlink()
        ingest(home, [log.path])
        check(home, log)
        home.close()


def test_the_numbers_are_json(home: Home, tmp_path: Path) -> None:
    log = Log(tmp_path / "eve.json", 300, seed=9)
    told = json.loads(msgspec.json.encode(ingest(home, [log.path])))
    assert (told["events"], told["sightings"], told["quarantined"]) == (len(log.good), len(log.seen), len(log.bad))
