"""What the check of the audit log finds: each kind of change, with its line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haechi.model.clock import FixedClock
from haechi.model.errors import NodeCannot, NotVerified
from haechi.store.audit import CHECKPOINTS, LOG, START, AuditLog, Checkpoint, digest
from haechi.store.audit_check import verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key()
Lines = list[bytes]


def filled(folder: Path, entries: int = 6) -> Lines:
    """A log that lost all signatures but those of the 4th and the last entry."""
    log = AuditLog.open(folder, key=KEY, clock=FixedClock(1_790_000_000_000_000), actor="user:kim")
    for number in range(entries):
        log.append("parties.add", subject=f"party--{number}")
    signed = (folder / CHECKPOINTS).read_bytes().splitlines(keepends=True)
    (folder / CHECKPOINTS).write_bytes(signed[3] + signed[-1])
    return (folder / LOG).read_bytes().splitlines(keepends=True)


def changed(line: bytes) -> bytes:
    return line.replace(b"party--", b"Party--")


def chained(lines: Lines) -> Lines:
    """The same entries with sequence and hashes made to fit, as one without the key could."""
    made: Lines = []
    head = START
    for seq, line in enumerate(lines, start=1):
        entry = json.loads(line) | {"seq": seq, "prev": head}
        fitted = json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()
        head = digest(fitted)
        made.append(fitted + b"\n")
    return made


def test_a_whole_log_holds(tmp_path: Path) -> None:
    lines = filled(tmp_path)
    found = verify(tmp_path, PUBLIC)
    assert (found.entries, found.checkpoints, found.signed, found.torn) == (6, 2, 6, 0)
    assert found.head == digest(lines[-1][:-1])


TAMPERING: list[tuple[str, Callable[[Lines], Lines], int, str]] = [
    ("changed", lambda x: [*x[:2], changed(x[2]), *x[3:]], 4, "the chain breaks: line 3 or this line was changed"),
    ("changed last", lambda x: [*x[:5], changed(x[5])], 6, "written anew"),
    ("removed", lambda x: [*x[:2], *x[3:]], 3, "entry 4 stands where entry 3 should"),
    ("removed first", lambda x: x[1:], 1, "entry 2 stands where entry 1 should"),
    ("inserted", lambda x: [*x[:2], x[1], *x[2:]], 3, "entry 2 stands where entry 3 should"),
    ("appended", lambda x: [*x, x[5]], 7, "entry 6 stands where entry 7 should"),
    ("moved", lambda x: [x[0], x[2], x[1], *x[3:]], 2, "entry 3 stands where entry 2 should"),
    ("tail cut", lambda x: x[:5], 6, "the tail is cut off: a checkpoint signed 6 entries, 5 are left"),
    ("all cut", lambda x: [], 1, "the tail is cut off: a checkpoint signed 6 entries, 0 are left"),
    ("cut in a line", lambda x: [*x[:5], x[5][:-20]], 6, "a checkpoint signed 6 entries, 5 are left"),
    ("spaces", lambda x: [x[0].replace(b":1,", b": 1,"), *x[1:]], 1, "the entry was changed"),
    ("second key", lambda x: [x[0].replace(b"{", b'{"actor":"user:lee",', 1), *x[1:]], 1, "the entry was changed"),
    ("no entry", lambda x: [x[0], b"[]\n", *x[2:]], 2, "not an entry"),
    ("empty line", lambda x: [x[0], b"\n", *x[1:]], 2, "not an entry"),
    ("long line", lambda x: [x[0], b" " * 70_000 + x[1], *x[2:]], 2, "the line is longer than 65536 bytes"),
    ("not text", lambda x: [x[0], b"\xff\xfe\n", *x[2:]], 2, "not an entry"),
    ("deep", lambda x: [b'{"details":' + b"[" * 60_000 + b"\n", *x[1:]], 1, "not an entry"),
    ("chain anew", lambda x: chained([changed(x[0]), *x[1:]]), 4, "written anew"),
    ("removed, chain anew", lambda x: chained([*x[:4], x[5]]), 6, "the tail is cut off"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "line", "reason"), [t[1:] for t in TAMPERING], ids=[t[0] for t in TAMPERING])
def test_tampering_is_found_with_its_line(
    tmp_path: Path, tamper: Callable[[Lines], Lines], line: int, reason: str
) -> None:
    lines = filled(tmp_path)
    (tmp_path / LOG).write_bytes(b"".join(tamper(lines)))
    with pytest.raises(NotVerified) as refused:
        verify(tmp_path, PUBLIC)
    assert str(refused.value).startswith(f"{tmp_path / LOG}:{line}: ")
    assert reason in str(refused.value)
    assert refused.value.exit_status == 4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_changed_byte_is_found(tmp_path: Path, data: st.DataObject) -> None:
    whole = tmp_path / "whole"
    if not whole.exists():
        filled(tmp_path, entries=5)
        whole.write_bytes((tmp_path / LOG).read_bytes())
    log = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(log) - 1))
    log[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != log[place]))
    (tmp_path / LOG).write_bytes(bytes(log))
    with pytest.raises(NotVerified):
        verify(tmp_path, PUBLIC)


@pytest.mark.parametrize("field", ["seq", "at", "head"])
def test_a_changed_checkpoint_does_not_hold(tmp_path: Path, field: str) -> None:
    filled(tmp_path)
    checkpoints = [json.loads(line) for line in (tmp_path / CHECKPOINTS).read_bytes().splitlines()]
    checkpoints[1][field] = START if field == "head" else checkpoints[1][field] - 1
    (tmp_path / CHECKPOINTS).write_text("".join(json.dumps(each) + "\n" for each in checkpoints))
    with pytest.raises(NotVerified, match=rf"{CHECKPOINTS}:2: the signature doesn't hold"):
        verify(tmp_path, PUBLIC)


def test_moved_checkpoints_do_not_hold(tmp_path: Path) -> None:
    filled(tmp_path)
    path = tmp_path / CHECKPOINTS
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(NotVerified, match=rf"{CHECKPOINTS}:2: checkpoints were moved or added"):
        verify(tmp_path, PUBLIC)


def test_another_keys_checkpoint_does_not_count(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(NotVerified, match=rf"{CHECKPOINTS}:1: signed by another key"):
        verify(tmp_path, Ed25519PrivateKey.generate().public_key())


def test_a_checkpoint_kept_elsewhere_finds_both_files_put_back(tmp_path: Path) -> None:
    filled(tmp_path)
    kept = json.loads((tmp_path / CHECKPOINTS).read_bytes().splitlines()[-1])
    for name, lines in ((LOG, 4), (CHECKPOINTS, 1)):
        path = tmp_path / name
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:lines]))
    assert verify(tmp_path, PUBLIC).signed == 4
    with pytest.raises(NotVerified, match="a checkpoint signed 6 entries, 4 are left"):
        verify(tmp_path, PUBLIC, known=[Checkpoint(**kept)])


def test_no_log_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match="no audit log at"):
        verify(tmp_path, PUBLIC)


def test_keys_follow_each_other_and_never_go_back(tmp_path: Path) -> None:
    keys = [Ed25519PrivateKey.generate() for _ in range(3)]
    earlier = [key.public_key() for key in keys[:2]]

    def appended(order: str) -> Path:
        folder = tmp_path / order
        folder.mkdir()
        using = [keys[0]]
        log = AuditLog.open(folder, key=lambda: using[0], clock=FixedClock(1), actor="user:kim")
        for place in order:
            using[0] = keys[int(place)]
            log.append("parties.add")
        return folder

    assert verify(appended("0112"), keys[2].public_key(), earlier=earlier).signed == 4
    assert verify(appended("02"), keys[2].public_key(), earlier=earlier).signed == 2
    for order in ("010", "0120", "121"):
        with pytest.raises(NotVerified, match="signed by another key"):
            verify(appended(order), keys[2].public_key(), earlier=earlier)
    with pytest.raises(NotVerified, match="signed by another key"):
        verify(tmp_path / "0112", keys[2].public_key(), earlier=earlier[1:])
