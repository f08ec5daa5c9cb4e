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
import time
from contextlib import closing
from fcntl import LOCK_NB, LOCK_SH, flock
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from haechi.messages.catalogue import text
from haechi.model.clock import Clock
from haechi.model.errors import HaechiError, MissingExtra
from haechi.node import config as settings
from haechi.node import keys
from haechi.node.home import CATALOG
from haechi.node.lake import today
from haechi.report import format as formats

if TYPE_CHECKING:
    from haechi.store.lake import Lake

State = Literal["ok", "warn", "fail"]

OLDEST_PYTHON = (3, 11)
LIBRARIES = ("duckdb", "deltalake", "pyarrow", "numba", "numpy", "sqlalchemy", "msgspec", "typer")
DISK_WARN, DISK_FAIL = 5_000_000_000, 500_000_000  # bytes free: a full demo, one batch with its commit
FILES_WARN = 1024  # open files: a day's partitions, the catalog and the lake's log at once
PATIENCE = 2.0  # seconds: a commit and an audit entry hold their lock for milliseconds
SMALL_WARN = 64  # small files of closed days: each is opened by every question to the lake
SPARE_WARN = 1_000_000_000  # bytes that nothing names any more
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
    if home is None or worst(checks) == "fail":  # without a library a home can't be looked at
        return checks
    present = home_folder(home)
    checks.append(present)
    if present.state == "fail":
        return checks
    checks += [disk(home), rights(home), locks(home), *key_and_audit(home)]
    url = settings.read(home / settings.FILE).database
    checks.append(database(url) if url else catalog_sound(home / CATALOG))
    return [*checks, *lake_checks(home / "lake", clock)]


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
    seen = text("doctor.unlimited") if unlimited else str(soft)
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
        return Check("home", "fail", f"{error.filename}: {error.strerror}", text("doctor.rights", home=home))
    return Check("home", "ok", str(home))


def disk(home: Path) -> Check:
    """Free space where the home lies."""
    free = shutil.disk_usage(home).free
    state: State = "fail" if free < DISK_FAIL else "warn" if free < DISK_WARN else "ok"
    return _check("disk", state, text("doctor.free", size=formats.size(free)), wanted=formats.size(DISK_WARN))


def rights(home: Path) -> Check:
    """That nobody but the owner reads the home or anything in it: folders 0700, files 0600."""
    for path in (home, *home.rglob("*")):
        try:
            found = path.lstat()
        except FileNotFoundError:  # a temporary file of a process at work
            continue
        if stat.S_ISLNK(found.st_mode):
            continue
        if found.st_uid != os.getuid():
            return _check("rights", "fail", text("doctor.foreign", path=path, owner=found.st_uid), home=home)
        if found.st_mode & 0o077:
            return _check("rights", "fail", f"{path} {stat.S_IMODE(found.st_mode):04o}", home=home)
    return Check("rights", "ok", text("doctor.private"))


def locks(home: Path, patience: float = PATIENCE) -> Check:
    """That the lake, the audit log and the index can be locked within `patience` seconds."""
    from haechi.store.audit import LOG
    from haechi.store.lake.table import LOCK

    paths = [home / "lake" / LOCK, home / "audit" / LOG, *(home / "cache").glob("*.lock")]
    held = [path for path in paths if path.exists() and _held(path)]
    until = time.monotonic() + patience
    while held and time.monotonic() < until:
        time.sleep(0.05)
        held = [path for path in held if _held(path)]
    if held:
        return _check("locks", "warn", ", ".join(map(str, held)), path=held[0], seconds=f"{patience:g}")
    return Check("locks", "ok", text("doctor.none"))


def _held(path: Path) -> bool:
    """Whether a process holds the file's flock: the file itself stays, free, for ever."""
    with path.open("rb") as file:
        try:
            flock(file, LOCK_SH | LOCK_NB)
        except OSError:
            return True
    return False


def key_and_audit(home: Path) -> list[Check]:
    """That the signing key can be used, and that the audit log holds."""
    from haechi.store.audit_check import verify

    try:
        key = keys.load(home / "keys" / keys.FILE)
    except HaechiError as error:  # without it nothing can be said of the signatures
        return [_check("key", "fail", error.reason)]
    known = Check("key", "ok", text("doctor.key_seen"))
    try:
        public = key.public_key()
        found = verify(home / "audit", public, earlier=keys.earlier(home / "keys", public))
    except HaechiError as error:
        return [known, _check("audit", "fail", error.reason, path=home / "audit")]
    return [known, Check("audit", "ok", text("doctor.audit_seen", entries=found.entries, signed=found.signed))]


def catalog_sound(catalog: Path) -> Check:
    """That the catalog is there, and SQLite's own quick check of its pages, read-only."""
    from haechi.store.catalog.engine import read_only

    if not catalog.is_file():
        return _check("catalog", "fail", text("doctor.not_there", path=catalog), path=catalog)
    try:
        with closing(sqlite3.connect(read_only(catalog), uri=True, timeout=5)) as connection:
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
        return Check(
            "catalog",
            "fail",
            text("doctor.absent"),
            MissingExtra("missing_extra", package="psycopg", extra="postgresql").advice,
        )
    try:
        with psycopg.connect(url.replace("+psycopg:", ":", 1), connect_timeout=5) as connection:
            number = connection.info.server_version  # 180004 is 18.4
            seen = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    except psycopg.Error as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return Check("catalog", "fail", reason, text("doctor.database"))
    return Check("catalog", "ok", seen)


def lake_checks(path: Path, clock: Clock) -> list[Check]:
    """That the log's end is whole, that the lake opens and its files are there, and whether upkeep would pay."""
    from deltalake.exceptions import DeltaError

    from haechi.store.lake import Lake, contents, repair

    if not (path / "_delta_log").is_dir():
        return [_check("lake", "fail", text("doctor.not_there", path=path / "_delta_log"), path=path)]
    if torn := repair.torn(path / "_delta_log"):  # opening the lake would move it aside, and doctor changes nothing
        return [_check("log", "fail", text("doctor.torn", name=torn[0].name), path=torn[0])]
    try:
        lake = Lake(path)
        version, files, flaws = lake.version(), len(lake.additions()), contents.flaws(lake)
    except (DeltaError, HaechiError, OSError) as error:
        return [_check("lake", "fail", str(error).splitlines()[0], path=path)]
    if flaws:
        seen = text("doctor.missing", count=len(flaws), total=files, path=flaws[0].path, why=flaws[0].why)
        return [_check("lake", "fail", seen, path=path)]
    return [Check("lake", "ok", text("doctor.lake_seen", version=version, files=files)), upkeep(lake, clock)]


def upkeep(lake: "Lake", clock: Clock) -> Check:
    """Whether compaction or vacuum would pay."""
    from haechi.store.lake import maintain

    small, spare = maintain.compactable(lake, today(clock)), maintain.freeable(lake)
    seen = text("doctor.upkeep_seen", small=small, files=spare.files, size=formats.size(spare.bytes))
    pays = small >= SMALL_WARN or spare.bytes >= SPARE_WARN
    return _check("upkeep", "warn" if pays else "ok", seen)
