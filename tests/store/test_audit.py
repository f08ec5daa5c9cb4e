"""The audit log's writing: one chain whatever happens, nothing in it that doesn't belong."""

import fcntl
import json
import multiprocessing
import os
import stat
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot, NotVerified
from haechi.store.audit import CHECKPOINTS, LOG, START, AuditLog, digest
from haechi.store.audit_check import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
CLOCK = FixedClock(1_790_000_000_000_000)


def open_log(folder: Path) -> AuditLog:
    return AuditLog.open(folder, key=KEY, clock=CLOCK, actor="user:kim")


def test_an_entry_is_one_canonical_line(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    first = log.append("parties.add", subject="party--1", details={"네트워크": 2, "by": ["a", None, True]})
    log.append("parties.add", subject="party--2", actor="peer:krcert")
    lines = (tmp_path / LOG).read_bytes().splitlines()
    assert lines[0].decode() == (
        '{"action":"parties.add","actor":"user:kim","at":1790000000000000,"details":{"by":["a",null,true],"네트워크":2},'
        f'"prev":"{START}","seq":1,"subject":"party--1"' + "}"
    )
    second = json.loads(lines[1])
    assert (second["seq"], second["actor"], second["prev"]) == (2, "peer:krcert", digest(lines[0]))
    assert next(iter(log.entries())) == first
    assert stat.S_IMODE((tmp_path / LOG).stat().st_mode) == 0o600


def test_an_entry_is_on_disk_before_append_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append("node.init")
    synced: list[int] = []

    def fsync(descriptor: int, real: Any = os.fsync) -> None:
        synced.append(os.fstat(descriptor).st_size)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    log.append("node.start")
    assert synced == [(tmp_path / LOG).stat().st_size]


def test_the_new_logs_folder_is_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders: list[int] = []

    def fsync(descriptor: int, real: Any = os.fsync) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            folders.append(os.fstat(descriptor).st_ino)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    open_log(tmp_path)
    assert folders == [tmp_path.stat().st_ino]


def test_each_entry_is_signed(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    for _ in range(3):
        log.append("node.start")
    signed = [json.loads(line)["seq"] for line in (tmp_path / CHECKPOINTS).read_bytes().splitlines()]
    assert signed == [1, 2, 3]
    assert verify(tmp_path, KEY.public_key()).signed == 3
    (tmp_path / LOG).write_bytes((tmp_path / LOG).read_bytes().splitlines(keepends=True)[0])
    with pytest.raises(NotVerified, match="a checkpoint signed 3 entries, 1 are left"):
        verify(tmp_path, KEY.public_key())


def test_a_checkpoint_that_is_asked_for_is_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    made = log.checkpoint()
    assert made is not None
    assert made.seq == 1
    assert synced == [(tmp_path / CHECKPOINTS).stat().st_ino]


def test_an_empty_log_has_nothing_to_sign(tmp_path: Path) -> None:
    assert open_log(tmp_path).checkpoint() is None
    assert verify(tmp_path, KEY.public_key()).entries == 0


def _append_many(folder: Path, worker: int) -> None:
    log = open_log(folder)
    for number in range(40):
        log.append("test.append", subject=f"{worker}-{number}")


def test_processes_that_append_side_by_side_keep_one_chain(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_append_many, args=(tmp_path, worker)) for worker in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    found = verify(tmp_path, KEY.public_key())
    assert (found.entries, found.checkpoints, found.signed) == (80, 80, 80)
    subjects = [entry.subject for entry in open_log(tmp_path).entries()]
    for worker_id in range(2):  # each process's entries stand in the order in which it wrote them
        mine = [subject for subject in subjects if subject.startswith(f"{worker_id}-")]
        assert mine == [f"{worker_id}-{number}" for number in range(40)]


def _append_for_ever(folder: Path, said: Connection) -> None:
    log = open_log(folder)
    while True:
        said.send(log.append("test.append").seq)


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    acknowledged = 0
    for wanted in (3, 10, 1):
        receiving, sending = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=_append_for_ever, args=(tmp_path, sending))
        worker.start()
        for _ in range(wanted):
            acknowledged = receiving.recv()
        worker.kill()
        worker.join()
        sending.close()
        while receiving.poll():
            try:
                acknowledged = receiving.recv()
            except EOFError:
                break
        receiving.close()
        open_log(tmp_path)
        assert verify(tmp_path, KEY.public_key()).entries >= acknowledged


def test_the_lock_is_held_for_one_append_only(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    with (tmp_path / LOG).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises if it were held


@pytest.mark.parametrize("kept", [1, 20, -1])
def test_a_torn_last_line_is_moved_aside_and_said(tmp_path: Path, kept: int) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    whole = (tmp_path / LOG).read_bytes()
    log.append("node.stop")
    torn = (tmp_path / LOG).read_bytes()[len(whole) :][:kept]
    (tmp_path / LOG).write_bytes(whole + torn)
    (tmp_path / CHECKPOINTS).write_bytes((tmp_path / CHECKPOINTS).read_bytes().splitlines(keepends=True)[0])
    assert verify(tmp_path, KEY.public_key()).torn == len(torn)

    again = open_log(tmp_path)
    assert again.torn is not None
    assert again.torn.read_bytes() == torn
    assert (tmp_path / LOG).read_bytes().startswith(whole)
    said = list(again.entries())[-1]
    assert (said.seq, said.action, said.details) == (2, "audit.torn", {"file": again.torn.name, "bytes": len(torn)})
    assert open_log(tmp_path).torn is None
    assert verify(tmp_path, KEY.public_key()).torn == 0


def test_a_line_torn_while_the_log_is_open_is_found_too(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"action":')  # another process died here
    log.append("node.stop")
    assert [entry.action for entry in log.entries()] == ["node.start", "audit.torn", "node.stop"]
    assert verify(tmp_path, KEY.public_key()).entries == 3


def test_a_torn_checkpoint_does_not_spoil_the_next(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    signed = (tmp_path / CHECKPOINTS).read_bytes()
    (tmp_path / CHECKPOINTS).write_bytes(signed[:-30])
    assert verify(tmp_path, KEY.public_key()).signed == 0
    log.append("node.stop")
    found = verify(tmp_path, KEY.public_key())
    assert (found.checkpoints, found.signed) == (1, 2)


def test_a_write_that_fails_leaves_the_log_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(tmp_path)
    log.append("node.start")
    before = (tmp_path / LOG).read_bytes()

    def half(descriptor: int, content: Any, real: Any = os.write) -> int:
        if len(content) < 20:
            raise OSError(28, "No space left on device")
        return int(real(descriptor, content[:-10]))

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        with pytest.raises(NodeCannot, match="can't be written: No space left on device"):
            log.append("node.stop")
    assert (tmp_path / LOG).read_bytes() == before
    log.append("node.stop")
    assert verify(tmp_path, KEY.public_key()).entries == 2


@pytest.mark.parametrize("key", ["password", "api_key", "Authorization", "session-token", "client_secret"])
def test_a_detail_that_names_a_secret_is_refused(tmp_path: Path, key: str) -> None:
    log = open_log(tmp_path)
    with pytest.raises(ValueError, match="names a secret"):
        log.append("feed.add", details={"feed": {key: "x"}})
    assert list(log.entries()) == []


def test_passwords_and_deterministic_ids_are_left_out(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    entry = log.append(
        "feed.add",
        subject="https://kim:hunter2@feed.example/taxii",
        details={"ids": ["ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd", "a1b2c3d4-0000-4000-8000-000000000000"]},
    )
    assert entry.subject == "https://(left out)@feed.example/taxii"
    assert entry.details == {"ids": ["ipv4-addr--(left out)", "a1b2c3d4-0000-4000-8000-000000000000"]}
    written = (tmp_path / LOG).read_bytes()
    assert b"hunter2" not in written
    assert b"ff26c055" not in written


def test_an_overlong_entry_is_refused(tmp_path: Path) -> None:
    log = open_log(tmp_path)
    with pytest.raises(ValueError, match="details are for ids and counts"):
        log.append("parties.import", details={"names": ["x" * 1000] * 70})
    assert list(log.entries()) == []


def test_nothing_is_appended_behind_a_spoilt_line(tmp_path: Path) -> None:
    (tmp_path / LOG).write_bytes(b"not an entry\n")
    with pytest.raises(NotVerified, match="has a line that is no entry"):
        open_log(tmp_path).append("node.start")


def test_an_unwritable_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match=r"audit log .* can't be written: No such file or directory"):
        open_log(tmp_path / "nowhere")


def test_a_log_on_a_read_only_disk_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = open_log(tmp_path).append("parties.add", subject="party--1")
    torn = b'{"action":"par'
    with (tmp_path / LOG).open("ab") as file:
        file.write(torn)
    monkeypatch.setattr(os, "access", lambda *_: False)
    log = open_log(tmp_path)
    assert (list(log.entries()), log.torn) == ([entry], None)
    assert (tmp_path / LOG).read_bytes().endswith(torn), "nothing is moved"
