"""Checks of this machine and of a node's home: what was seen, whether it is well, and what to do.

Each check is a small function that returns a `Check` and never raises: a broken node is what this is for.
Nothing is changed. Texts are the catalogue's, under `doctor`.
"""

import os
import platform
import resource
import shutil
import sqlite3
import stat
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import msgspec

from haechi.model.clock import Clock
from haechi.model.errors import HaechiError, MissingExtra
from haechi.node import config as settings
from haechi.node.home import CATALOG
from haechi.report import format as formats
from haechi.report.messages import text

State = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
LIBRARIES = ("duckdb", "deltalake", "pyarrow", "numba", "numpy", "sqlalchemy", "msgspec", "typer")
DISK_WARN, DISK_FAIL = 5_000_000_000, 500_000_000  # bytes free: a full demo, one batch with its commit
FILES_WARN = 1024  # open files: a day's partitions, the catalog and the lake's log at once
STALE_LOCK = 3_600_000_000  # a lock is held for milliseconds (DESIGN.md, idea 2); an hour is a dead holder
EARLIEST = 1_767_225_600_000_000  # 2026-01-01: a clock before this software was written is wrong
LATEST = 4_102_444_800_000_000  # 2100-01-01


class Check(msgspec.Struct, frozen=True):
    """One thing looked at: its name, how it is, what was seen, and what to do where it isn't well."""

    name: str
    state: State
    seen: str
    advice: str = ""


def examine(home: Path | None, clock: Clock) -> list[Check]:
    """All checks of the machine and, where `home` is given, of that node."""
    checks = [python(), *libraries(), time_of_day(clock), open_files(), compiled_kernels()]
    if home is None:
        return checks
    present = home_folder(home)
    checks.append(present)
    if present.state == "fail":
        return checks
    checks += [disk(home), rights(home), locks(home, clock)]
    catalog = home / CATALOG
    if url := settings.read(home / settings.FILE).database:
        checks.append(database(url))
    elif catalog.exists():
        checks.append(catalog_sound(catalog))
    lake = home / "lake"
    if (lake / "_delta_log").is_dir():
        checks += [lake_log(lake), lake_opens(lake)]
    return checks


def worst(checks: list[Check]) -> State:
    """The state of the whole: fail before warn before ok."""
    states = {check.state for check in checks}
    return "fail" if "fail" in states else "warn" if "warn" in states else "ok"


def _check(name: str, state: State, seen: str, **arguments: Any) -> Check:
    advice = "" if state == "ok" else text(f"doctor.{name}", **arguments)
    return Check(name, state, seen, advice)


def python() -> Check:
    """Python's version against the oldest that is tested."""
    import sys

    good = sys.version_info[:2] >= OLDEST_PYTHON
    seen = f"{platform.python_version()} {platform.machine()} {platform.system()}"
    return _check("python", "ok" if good else "fail", seen)


def libraries() -> list[Check]:
    """The versions of the libraries that carry the work."""
    checks = []
    for name in LIBRARIES:
        try:
            checks.append(Check(name, "ok", version(name)))
        except PackageNotFoundError:
            checks.append(Check(name, "fail", text("doctor.absent"), text("doctor.library", name=name)))
    return checks


def time_of_day(clock: Clock) -> Check:
    """Whether the clock can be right: sightings, legal clocks and signatures rest on it."""
    now = clock.now()
    return _check("clock", "ok" if EARLIEST <= now < LATEST else "fail", formats.time(now))


def open_files() -> Check:
    """The limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = soft == resource.RLIM_INFINITY
    seen = "unlimited" if unlimited else str(soft)
    return _check("files", "ok" if unlimited or soft >= FILES_WARN else "warn", seen, wanted=FILES_WARN, hard=hard)


def compiled_kernels() -> Check:
    """The folder of compiled kernels: what lies there is run, so only its owner may write."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "haechi"
    folders = sorted(root.glob("kernels-*")) if root.is_dir() else []
    open_ones = [f for f in folders if f.is_symlink() or f.stat().st_uid != os.getuid() or f.stat().st_mode & 0o077]
    if open_ones:
        return _check("kernels", "fail", str(open_ones[0]), folder=open_ones[0])
    return Check("kernels", "ok", str(folders[-1]) if folders else text("doctor.not_yet"))


def home_folder(home: Path) -> Check:
    """Whether the home is there, is a node's, and is not newer than this software."""
    if not home.is_dir():
        return _check("home", "fail", text("doctor.no_folder", home=home), home=home)
    try:
        settings.read(home / settings.FILE)
    except FileNotFoundError:
        return _check("home", "fail", text("doctor.no_config", home=home), home=home)
    except HaechiError as error:
        return Check("home", "fail", error.reason, error.advice)
    except OSError as error:
        return Check("home", "fail", f"{error.filename}: {error.strerror}", text("doctor.rights", path=home))
    return Check("home", "ok", str(home))


def disk(home: Path) -> Check:
    """Free space where the home lies."""
    free = shutil.disk_usage(home).free
    state: State = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    return _check("disk", state, text("doctor.free", size=formats.size(free)), wanted=formats.size(DISK_WARN))


def rights(home: Path) -> Check:
    """That nobody but the owner reads the home, its keys, its catalog: folders 0700, files 0600."""
    for path in [home, *home.glob("*"), *(home / "keys").glob("*"), *(home / "audit").glob("*")]:
        found = path.lstat()
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_uid != os.getuid():
            return _check("rights", "fail", text("doctor.foreign", path=path, owner=found.st_uid), path=path)
        if found.st_mode & 0o077:
            seen = f"{path} {stat.S_IMODE(found.st_mode):04o}"
            return _check("rights", "fail", seen, path=path)
    return Check("rights", "ok", text("doctor.private"))


def locks(home: Path, clock: Clock) -> Check:
    """Lock files that nobody has touched for an hour."""
    stale = []
    for path in sorted(home.rglob("*.lock")):
        try:
            changed = path.stat().st_mtime_ns // 1000
        except FileNotFoundError:  # released meanwhile
            continue
        if clock.now() - changed > STALE_LOCK and _held(path):
            stale.append(path)
    if stale:
        return _check("locks", "warn", ", ".join(map(str, stale[:3])), path=stale[0])
    return Check("locks", "ok", text("doctor.none"))


def _held(path: Path) -> bool:
    """Whether a process holds the flock of a file: a lock file may stay, free, for ever."""
    import fcntl

    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def catalog_sound(catalog: Path) -> Check:
    """SQLite's own quick check of the catalog's pages, read-only."""
    try:
        with closing(sqlite3.connect(f"file:{catalog}?mode=ro", uri=True, timeout=5)) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        found = [str(error)]
    seen = f"{formats.size(catalog.stat().st_size)}, {'; '.join(found)}"
    return _check("catalog", "ok" if found == ["ok"] else "fail", seen, path=catalog)


def database(url: str) -> Check:
    """Whether the PostgreSQL server answers, and which one it is. The URL is not shown: it may hold a name."""
    try:
        import psycopg
    except ImportError:
        return Check("catalog", "fail", text("doctor.absent"), MissingExtra("psycopg", "postgresql").advice)
    try:
        with psycopg.connect(url.replace("+psycopg:", ":", 1), connect_timeout=5) as connection:
            number = connection.info.server_version  # 180004 is 18.4
            seen = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    except psycopg.Error as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Check("catalog", "fail", reason, text("doctor.database"))
    return Check("catalog", "ok", seen)


def lake_log(lake: Path) -> Check:
    """That the last log entry parses: a torn one was never acknowledged (DESIGN.md, idea 2)."""
    entries = sorted((lake / "_delta_log").glob("[0-9]*.json"))
    if not entries:
        return _check("log", "fail", text("doctor.no_entry"), path=lake / "_delta_log")
    last = entries[-1]
    try:
        lines = last.read_bytes().splitlines()
        for line in lines:
            msgspec.json.decode(line)
    except (msgspec.DecodeError, OSError) as error:
        return _check("log", "fail", f"{last.name}: {error}", path=last)
    if not lines:
        return _check("log", "fail", text("doctor.empty", name=last.name), path=last)
    return Check("log", "ok", last.name)


def lake_opens(lake: Path) -> Check:
    """That the lake opens, and that its files are there."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(str(lake))
        files = [Path(uri.removeprefix("file://")) for uri in table.file_uris()]
    except (DeltaError, OSError) as error:
        return _check("lake", "fail", str(error).splitlines()[0], path=lake)
    missing = [path for path in files if not path.exists()]
    if missing:
        seen = text("doctor.missing", count=len(missing), total=len(files), path=missing[0])
        return _check("lake", "fail", seen, path=lake)
    return Check("lake", "ok", text("doctor.lake_seen", version=table.version(), files=len(files)))
