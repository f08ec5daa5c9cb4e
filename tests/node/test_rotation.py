"""Changing the node's key: signatures, audit log, secrets, and processes that run meanwhile."""

import os
import stat
from pathlib import Path

import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import HaechiError, NotVerified
from haechi.node import audit, keys, rotation
from haechi.node.doctor import key_and_audit
from haechi.node.home import Home
from haechi.store.audit import AuditLog, fingerprint


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.init(
        tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(1_790_000_000_000_000)
    )


def test_the_new_key_signs_and_what_the_old_one_signed_still_holds(home: Home) -> None:
    for number in range(3):
        old = home.key()
        home.audit().append("test.before", subject=str(number))
        said = rotation.rotate(home)
        assert said.old.public_bytes_raw() == old.public_key().public_bytes_raw()
        assert home.key().public_key().public_bytes_raw() == said.new.public_bytes_raw()
    found = audit.verify(home)
    assert found.entries == found.signed == 1 + 3 * 2
    assert [check.state for check in key_and_audit(home.path)] == ["ok", "ok"]
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home.path / "keys").iterdir()}
    assert set(files) == {keys.FILE, keys.SUCCESSIONS, keys.ROOT, "rotation.lock"}
    assert set(files.values()) == {0o600}


def test_the_old_private_key_is_gone(home: Home) -> None:
    old = home.key().private_bytes_raw()
    pem = (home.path / "keys" / keys.FILE).read_bytes().splitlines()[1]
    rotation.rotate(home)
    for path in home.path.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert old not in content, path
        assert pem not in content, path


def test_secrets_stay(home: Home) -> None:
    before = [keys.secret(home, purpose) for purpose in ("a", "b")]
    for _ in range(2):
        rotation.rotate(home)
        assert [keys.secret(home, purpose) for purpose in ("a", "b")] == before
    assert len(set(before)) == 2


def test_a_process_that_runs_meanwhile_signs_with_the_new_key(home: Home) -> None:
    serving = Home.open(home.path, clock=home.clock)
    log = serving.audit()
    log.append("served.before")
    rotation.rotate(home)
    log.append("served.after")
    assert audit.verify(home).signed == 4
    assert serving.key().private_bytes_raw() == home.key().private_bytes_raw()


def test_after_the_new_key_the_old_one_signs_nothing(home: Home) -> None:
    """Who stole the old key can't write the log on, nor sign its tail anew."""
    old = home.key()
    rotation.rotate(home)
    thief = AuditLog.open(home.path / "audit", key=old, clock=home.clock, actor="thief")
    thief.append("audit.forged")
    with pytest.raises(NotVerified, match="signed by another key"):
        audit.verify(home)
    [_, failed] = key_and_audit(home.path)
    assert failed.state == "fail"


def test_a_key_that_nobody_vouches_for_is_no_earlier_one(home: Home) -> None:
    rotation.rotate(home)
    rotation.rotate(home)
    path = home.path / "keys" / keys.SUCCESSIONS
    first, second = path.read_text().splitlines()
    path.write_text(second + "\n")
    with pytest.raises(NotVerified):
        audit.verify(home)
    path.write_text(first + "\nspoilt\n")
    with pytest.raises(HaechiError):
        rotation.rotate(home)
    path.write_text(f"{first}\n{second}\n")
    assert audit.verify(home).entries == 3


@pytest.mark.parametrize("step", ["announced", "made"])
def test_a_change_that_broke_off_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    before = fingerprint(home.key().public_key())

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(os, "replace", fail)
        if step == "made":
            broken.setattr(rotation, "_append", fail)
        with pytest.raises(KeyboardInterrupt):
            rotation.rotate(home)
    assert fingerprint(home.key().public_key()) == before
    assert audit.verify(home).entries == 1
    said = rotation.rotate(home)
    assert fingerprint(said.old) == before
    assert audit.verify(home).signed == 2
    assert [fingerprint(one) for one in keys.earlier(home.path / "keys", said.new)] == [before]
