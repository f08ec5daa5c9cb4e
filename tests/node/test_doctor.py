import fcntl
import os
import sqlite3
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from haechi.model.clock import FixedClock
from haechi.node import config as settings
from haechi.node import doctor

CONFIG = settings.Config(
    version=settings.HOME_VERSION, node="n", party="p", party_uuid="u", country="TW", sector="government"
)
NOW = 1_790_000_000_000_000


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "home"
    (home / "keys").mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    for name in ("haechi.toml", "keys/node.key"):
        (home / name).touch(mode=0o600)
    (home / "haechi.toml").write_text(settings.encode(CONFIG))
    return home


def one(checks: list[doctor.Check], name: str) -> doctor.Check:
    return next(check for check in checks if check.name == name)


def test_a_sound_home(home: Path) -> None:
    sqlite3.connect(home / "catalog.sqlite").close()
    (home / "catalog.sqlite").chmod(0o600)
    write_deltalake(str(home / "lake"), pa.table({"x": [1]}))
    (home / "lake").chmod(0o700)
    checks = doctor.examine(home, FixedClock(NOW))
    assert [c for c in checks if c.state == "fail"] == []
    assert one(checks, "lake").seen == "version 0, 1 files"
    assert one(checks, "log").seen == "00000000000000000000.json"
    assert one(checks, "catalog").seen == "0 B, ok"
    assert one(checks, "rights").seen == "only the owner reads it"
    assert doctor.worst([c for c in checks if c.name not in ("disk", "files")]) == "ok"


@pytest.mark.parametrize(("at", "state"), [(0, "fail"), (NOW, "ok"), (doctor.LATEST, "fail")])
def test_clock(at: int, state: str) -> None:
    check = doctor.time_of_day(FixedClock(at))
    assert check.state == state
    assert bool(check.advice) == (state == "fail")


def test_a_key_that_others_read(home: Path) -> None:
    (home / "keys/node.key").chmod(0o640)
    check = doctor.rights(home)
    assert (check.state, check.seen) == ("fail", f"{home}/keys/node.key 0640")
    assert check.advice.endswith(f"chmod go-rwx {home}/keys/node.key")


def test_an_old_lock_is_told_only_while_someone_holds_it(home: Path) -> None:
    lock = home / "commit.lock"
    lock.touch(mode=0o600)
    os.utime(lock, (1, 1))
    assert doctor.locks(home, FixedClock(NOW)).state == "ok"
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        check = doctor.locks(home, FixedClock(NOW))
    assert (check.state, check.seen) == ("warn", str(lock))


def test_a_catalog_that_is_no_database(home: Path) -> None:
    (home / "catalog.sqlite").write_bytes(b"garbage" * 1000)
    check = doctor.catalog_sound(home / "catalog.sqlite")
    assert (check.state, check.seen) == ("fail", "7.0 kB, file is not a database")


def test_a_torn_log_entry(home: Path) -> None:
    write_deltalake(str(home / "lake"), pa.table({"x": [1]}))
    entry = home / "lake/_delta_log/00000000000000000000.json"
    entry.write_bytes(entry.read_bytes()[:-20])
    check = doctor.lake_log(home / "lake")
    assert check.state == "fail"
    assert check.seen.startswith(entry.name)
    assert "never acknowledged" in check.advice
    entry.write_bytes(b"")
    assert doctor.lake_log(home / "lake").seen == f"{entry.name} is empty"
    entry.unlink()
    assert doctor.lake_log(home / "lake").seen == "the log has no entry"
    assert doctor.lake_opens(home / "lake").state == "fail"


def test_a_data_file_that_is_gone(home: Path) -> None:
    write_deltalake(str(home / "lake"), pa.table({"x": [1]}))
    gone = Path(DeltaTable(str(home / "lake")).file_uris()[0])
    gone.unlink()
    check = doctor.lake_opens(home / "lake")
    assert (check.state, check.seen) == ("fail", f"1 of 1 files are missing, first {gone}")


def test_kernels_that_others_could_change(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache/haechi/kernels-0123"
    folder.mkdir(parents=True, mode=0o700)
    assert doctor.compiled_kernels() == doctor.Check("kernels", "ok", str(folder))
    folder.chmod(0o777)
    check = doctor.compiled_kernels()
    assert (check.state, check.seen) == ("fail", str(folder))


def test_a_folder_that_is_no_home(tmp_path: Path) -> None:
    assert doctor.home_folder(tmp_path).seen == f"{tmp_path} has no haechi.toml"
    assert doctor.home_folder(tmp_path / "x").seen == f"{tmp_path}/x is not there"


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LIBRARIES", ("no-such-library",))
    assert doctor.libraries() == [
        doctor.Check(
            "no-such-library", "fail", "not installed", "Set Haechi up again: no-such-library is one of its parts."
        )
    ]


def test_low_limits_and_little_space(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (256, 4096))
    assert doctor.open_files() == doctor.Check(
        "files", "warn", "256", "Raise the limit to at least 1024 (ulimit -n; the hard limit is 4096)."
    )
    for free, state in ((doctor.DISK_FAIL - 1, "fail"), (doctor.DISK_WARN - 1, "warn"), (doctor.DISK_WARN, "ok")):
        monkeypatch.setattr("shutil.disk_usage", lambda _, free=free: type("U", (), {"free": free}))
        assert doctor.disk(home).state == state


def test_a_home_of_a_newer_version(home: Path) -> None:
    (home / "haechi.toml").write_text("version = 99\n")
    check = doctor.home_folder(home)
    assert check.state == "fail"
    assert "has version 99" in check.seen
    assert check.advice.startswith("Update Haechi")
    assert doctor.examine(home, FixedClock(NOW))[-1] == check


def test_a_catalog_in_postgresql(postgresql_url: str) -> None:
    check = doctor.database(postgresql_url)
    assert check.state == "ok"
    assert check.seen.startswith("PostgreSQL ")


def test_a_database_that_does_not_answer(home: Path) -> None:
    config = msgspec.structs.replace(CONFIG, database="postgresql://nobody:secret@127.0.0.1:1/x")
    (home / "haechi.toml").write_text(settings.encode(config))
    check = one(doctor.examine(home, FixedClock(NOW)), "catalog")
    assert check.state == "fail"
    assert "refused" in check.seen
    assert "secret" not in check.seen
