import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from haechi.model.clock import FixedClock
from haechi.node import config as settings
from haechi.node import doctor, keys
from haechi.store.audit import AuditLog
from haechi.store.files import locked
from haechi.store.lake import Lake, Staged

CONFIG = settings.Config(
    version=settings.HOME_VERSION, node="n", party="p", party_uuid="u", country="TW", sector="government"
)
NOW = 1_790_000_000_000_000
KEY = f"keys/{keys.FILE}"


@pytest.fixture(autouse=True)
def _private() -> Iterator[None]:
    """As the command line runs: what is made is its owner's alone."""
    rights = os.umask(0o077)
    yield
    os.umask(rights)


def row(lake: Lake) -> Staged:
    """A staged file of one event of the day of `NOW`."""
    ts = pa.array([NOW], pa.timestamp("us", tz="UTC"))
    return lake.write("event", NOW // 86_400_000_000, pa.table({"ts": ts}))


def filled(home: Path) -> Path:
    """A lake with one file, which is returned."""
    lake = Lake.create(home / "lake")
    staged = row(lake)
    lake.commit([staged], {"a": 1})
    return lake.path / staged.path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / getattr(request, "param", "home")
    for name in ("keys", "audit"):
        (home / name).mkdir(mode=0o700, parents=True)
    home.chmod(0o700)
    (home / "haechi.toml").write_text(settings.encode(CONFIG))
    AuditLog.open(home / "audit", key=keys.create(home / KEY), clock=FixedClock(NOW), actor="user:kim").append(
        "node.init"
    )
    return home


def one(checks: list[doctor.Check], name: str) -> doctor.Check:
    return next(check for check in checks if check.name == name)


def test_a_sound_home(home: Path) -> None:
    sqlite3.connect(home / "catalog.sqlite").close()
    (home / "catalog.sqlite").chmod(0o600)
    filled(home)
    checks = doctor.examine(home, FixedClock(NOW))
    assert [c for c in checks if c.state == "fail"] == []
    assert one(checks, "lake").seen == "version 1, 1 files"
    assert one(checks, "upkeep").seen == "0 small files of closed days, 0 files (0 B) that nothing names"
    assert one(checks, "catalog").seen == "0 B, ok"
    assert one(checks, "rights").seen == "only the owner reads it"
    assert doctor.worst([c for c in checks if c.name not in ("disk", "files")]) == "ok"


@pytest.mark.parametrize(("at", "state"), [(0, "fail"), (NOW, "ok"), (doctor.LATEST, "fail")])
def test_clock(at: int, state: str) -> None:
    check = doctor.time_of_day(FixedClock(at))
    assert check.state == state
    assert bool(check.advice) == (state == "fail")


def test_a_key_that_others_read(home: Path) -> None:
    (home / KEY).chmod(0o640)
    check = doctor.rights(home)
    assert (check.state, check.seen) == ("fail", f"{home}/{KEY} 0640")
    assert check.advice.endswith(f"chmod -R go-rwx {home}")


def test_what_others_read_deep_in_the_lake(home: Path) -> None:
    file = filled(home)
    file.chmod(0o644)
    assert doctor.rights(home).seen == f"{file} 0644"


@pytest.mark.parametrize("name", ["lake/_lock", "audit/log.jsonl", "cache/match.index.lock"])
def test_a_lock_that_is_held(home: Path, name: str) -> None:
    lock = home / name
    lock.parent.mkdir(exist_ok=True)
    lock.touch(mode=0o600)
    os.utime(lock, (1, 1))
    assert doctor.locks(home).state == "ok"
    with locked(lock):
        check = doctor.locks(home, patience=0.1)
    assert (check.state, check.seen) == ("warn", str(lock))
    assert check.advice.startswith("A process has held it for 0.1 seconds")


def test_a_lock_that_is_let_go_is_none(home: Path) -> None:
    filled(home)
    with locked(home / "lake/_lock"):
        looked: list[doctor.Check] = []
        looking = threading.Thread(target=lambda: looked.append(doctor.locks(home, patience=30)))
        looking.start()
        looking.join(0.2)
        assert not looked
    looking.join(30)
    assert looked[0].state == "ok"


def test_a_catalog_that_is_no_database(home: Path) -> None:
    (home / "catalog.sqlite").write_bytes(b"garbage" * 1000)
    check = doctor.catalog_sound(home / "catalog.sqlite")
    assert (check.state, check.seen) == ("fail", "7.0 kB, file is not a database")


def test_a_torn_log_entry(home: Path) -> None:
    filled(home)
    entry = home / "lake/_delta_log/00000000000000000001.json"
    whole = entry.read_bytes()
    for kept in (whole[:-20], b"", whole.splitlines(keepends=True)[0]):
        entry.write_bytes(kept)
        (check,) = doctor.lake_checks(home / "lake", FixedClock(NOW))
        assert (check.name, check.state, check.seen) == ("log", "fail", f"{entry.name} is cut off")
        assert "never acknowledged" in check.advice
        assert entry.read_bytes() == kept, "doctor changes nothing"


def test_a_log_without_entries(home: Path) -> None:
    (home / "lake/_delta_log").mkdir(parents=True)
    (check,) = doctor.lake_checks(home / "lake", FixedClock(NOW))
    assert (check.name, check.state) == ("lake", "fail")
    assert "holds no lake" in check.seen


@pytest.mark.parametrize("home", ["home", "홈", "臺 100%"], indirect=True)
def test_a_data_file_that_is_gone_and_none_that_is_there(home: Path) -> None:
    file = filled(home)
    assert [check.state for check in doctor.lake_checks(home / "lake", FixedClock(NOW))] == ["ok", "ok"]
    file.unlink()
    (check,) = doctor.lake_checks(home / "lake", FixedClock(NOW))
    assert (check.state, check.seen) == (
        "fail",
        f"1 of 1 files are missing or damaged, first {file}: No such file or directory",
    )
    assert "make a new node and ingest the logs there" in check.advice


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"PAR1", b"PAR1" + b"x" * 5000 + b"PAR1"])
def test_a_data_file_that_is_damaged(home: Path, content: bytes) -> None:
    file = filled(home)
    file.write_bytes(content)
    (check,) = doctor.lake_checks(home / "lake", FixedClock(NOW))
    assert (check.name, check.state) == ("lake", "fail")
    assert check.seen.startswith(f"1 of 1 files are missing or damaged, first {file}: ")


@pytest.mark.parametrize(
    ("gone", "name"),
    [(KEY, "key"), ("audit/log.jsonl", "audit"), ("catalog.sqlite", "catalog"), ("lake", "lake")],
)
def test_a_part_that_is_gone(home: Path, gone: str, name: str) -> None:
    sqlite3.connect(home / "catalog.sqlite").close()
    filled(home)
    (home / gone).rename(home.parent / "gone")
    failed = [check for check in doctor.examine(home, FixedClock(NOW)) if check.state == "fail"]
    assert [check.name for check in failed] == [name]
    assert failed[0].advice


def test_a_key_or_an_audit_log_that_is_spoilt(home: Path) -> None:
    assert [check.state for check in doctor.key_and_audit(home)] == ["ok", "ok"]
    log = home / "audit/log.jsonl"
    log.write_bytes(log.read_bytes().replace(b"kim", b"lee"))
    assert [(check.name, check.state) for check in doctor.key_and_audit(home)] == [("key", "ok"), ("audit", "fail")]
    (home / KEY).write_text("no key")
    assert [(check.name, check.state) for check in doctor.key_and_audit(home)] == [("key", "fail")]


def test_when_upkeep_pays(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(home)
    lake = Lake(home / "lake")
    lake.commit([row(lake)], {"b": 1})
    tomorrow = FixedClock(NOW + 86_400_000_000)
    assert doctor.upkeep(lake, tomorrow).seen.startswith("2 small files of closed days")
    monkeypatch.setattr(doctor, "SMALL_WARN", 2)
    check = doctor.upkeep(lake, tomorrow)
    assert check.state == "warn"
    assert "haechi lake compact" in check.advice
    assert doctor.upkeep(lake, FixedClock(NOW)).state == "ok", "a day that isn't closed is left alone"
    orphan = lake.path / row(lake).path
    os.utime(orphan, (1, 1))
    monkeypatch.setattr(doctor, "SPARE_WARN", orphan.stat().st_size)
    assert doctor.upkeep(lake, FixedClock(NOW)).state == "warn"


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
