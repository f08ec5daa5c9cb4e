"""A node's home folder: settings, key, catalog, lake, audit log. Made whole or not at all; opened only if private."""

import os
import pwd
import shutil
import stat
import tempfile
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from haechi.model.clock import Clock, SystemClock
from haechi.model.errors import Conflict, NodeCannot, UsageError
from haechi.node import config as settings
from haechi.node import keys
from haechi.node.config import HOME_VERSION, Config
from haechi.store.files import fsync_path

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from sqlalchemy import Engine

    from haechi.store.audit import AuditLog

CATALOG: Final = "catalog.sqlite"
_LOGIN: Final = Path("/proc/self/loginuid")
_NO_LOGIN: Final = 0xFFFF_FFFF  # a service, or a container: nobody logged in
FOLDERS: Final = ("keys", "audit", "lake", "cache")


def find_home(option: Path | None) -> Path:
    """The home meant: `option` (--home), else HAECHI_HOME, else ~/.haechi."""
    if option is not None:
        return option.expanduser()
    named = os.environ.get("HAECHI_HOME")
    return Path(named).expanduser() if named else Path.home() / ".haechi"


class Home:
    """An open home. `catalog()` and `audit()` open their parts at first use; `close()` when done."""

    def __init__(self, path: Path, config: Config, clock: Clock) -> None:
        self.path, self.config, self.clock = path, config, clock
        self.lake_path, self.cache_path = path / "lake", path / "cache"
        self._key: tuple[tuple[int, int], Ed25519PrivateKey] | None = None

    @classmethod
    def init(
        cls, path: Path, *, party: str, country: str, sector: str, clock: Clock, database: str | None = None
    ) -> "Home":
        """Make the home of a new node and register its own party; all of it, or nothing is left behind.

        `database` is a PostgreSQL URL, else the catalog is a file in the home. Raises `UsageError` where the folder
        has something in it or a path that no lake can lie in, or where the URL holds a password, `BadInput` for a country or sector that doesn't exist, `Conflict` where the database
        serves another node.
        """
        from haechi.store.catalog import ownership
        from haechi.store.catalog.engine import refuse_password
        from haechi.store.lake.table import check_path

        config = Config(
            version=HOME_VERSION,
            node=str(uuid4()),
            party=ownership.name(party),
            party_uuid=str(uuid4()),
            country=ownership.country(country),
            sector=ownership.sector(sector),
            database=database or "",
        )
        path = path.absolute()
        _refuse_used(path)
        check_path(path)
        if database:
            refuse_password(database)
        _build(path, config, clock)
        return cls.open(path, clock=clock)

    @classmethod
    def open(cls, path: Path, *, clock: Clock | None = None) -> "Home":
        """Open a home. `NodeCannot` where there is none, others could read it or it is newer."""
        path = path.absolute()
        if not (path / settings.FILE).is_file():
            raise NodeCannot("home.no_node", path=str(path))
        for private in (path, path / settings.FILE, path / "keys", path / "keys" / keys.FILE):
            _check_rights(private)
        return cls(path, settings.read(path / settings.FILE), clock or SystemClock())

    @cached_property
    def party_id(self) -> int:
        """The catalog's id of the party that runs this node."""
        from haechi.store.catalog import parties

        with self.catalog().connect() as conn:
            return parties.by_uuid(conn, self.config.party_uuid).id

    def key(self) -> "Ed25519PrivateKey":
        """The node's signing key, read anew where another process changed it."""
        path = self.path / "keys" / keys.FILE
        try:
            state = path.stat()
            stamp = (state.st_ino, state.st_mtime_ns)
        except OSError:
            stamp = (0, 0)  # `load` says what is wrong
        if self._key is None or self._key[0] != stamp:
            self._key = (stamp, keys.load(path))
        return self._key[1]

    def catalog(self) -> "Engine":
        """The catalog; the same engine at every call."""
        return self._engine

    def audit(self) -> "AuditLog":
        """The audit log, writing as the user who runs this process."""
        return self._log

    def close(self) -> None:
        """Close the catalog's connections."""
        if "_engine" in self.__dict__:
            self.__dict__.pop("_engine").dispose()

    @cached_property
    def _engine(self) -> "Engine":
        from haechi.store.catalog.engine import open_engine

        return open_engine(_database(self.path, self.config), create=False)

    @cached_property
    def _log(self) -> "AuditLog":
        from haechi.store.audit import AuditLog

        self.key()  # a key that can't be used is told now, not at the first entry
        return AuditLog.open(self.path / "audit", key=self.key, clock=self.clock, actor=_user())


def _database(path: Path, config: Config) -> str:
    from haechi.store.catalog.engine import sqlite_url

    return config.database or sqlite_url(path / CATALOG)


def _user(login: Path = _LOGIN) -> str:
    """The person who acts: who logged in, where the kernel knows it, else the account that runs this process.

    A node's home belongs to one account, and several persons become it by su or sudo; the kernel keeps the login through
    both and lets nobody change it (pam_loginuid(8), proc_pid_loginuid(5)).
    """
    try:
        uid = int(login.read_text())
    except (OSError, ValueError):
        uid = _NO_LOGIN
    if uid == _NO_LOGIN:
        uid = os.getuid()
    try:
        return f"user:{pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"uid:{uid}"


def _refuse_used(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        return
    if path.exists() or path.is_symlink():
        raise UsageError("home.not_empty", path=str(path))


def _build(path: Path, config: Config, clock: Clock) -> None:
    """Build the home beside its place, then rename it there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))  # rights 0700
    except OSError as error:
        raise NodeCannot("home.cannot_make", path=str(path), cause=error.strerror) from error
    try:
        _fill(beside, config, clock)
        _register(beside, config)
        _move(beside, path, config)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def _fill(folder: Path, config: Config, clock: Clock) -> None:
    from haechi.store.audit import AuditLog
    from haechi.store.lake import Lake

    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700)
    key = keys.create(folder / "keys" / keys.FILE)
    keys.write_private(folder / settings.FILE, settings.encode(config).encode())
    log = AuditLog.open(folder / "audit", key=key, clock=clock, actor=_user())
    details = {"party": config.party, "country": config.country, "sector": config.sector, "version": config.version}
    log.append("node.init", subject=f"node--{config.node}", details=details)
    Lake.create(folder / "lake")


def _register(folder: Path, config: Config) -> None:
    """Make the catalog and register the own party in it."""
    from haechi.store.catalog import parties
    from haechi.store.catalog.engine import open_engine

    engine = open_engine(_database(folder, config), create=True)
    try:
        with engine.begin() as conn:
            if parties.any_party(conn):
                raise Conflict("home.database_taken")
            parties.add(conn, name=config.party, country=config.country, sector=config.sector, uuid=config.party_uuid)
    finally:
        engine.dispose()


def _move(beside: Path, path: Path, config: Config) -> None:
    for folder in (*(beside / name for name in FOLDERS), beside):
        fsync_path(folder)
    try:
        beside.rename(path)  # refused where the folder has been filled meanwhile
    except OSError as error:
        _withdraw(config)
        raise NodeCannot("home.cannot_move", path=str(path), cause=error.strerror) from error
    fsync_path(path.parent)


def _withdraw(config: Config) -> None:
    """Take the own party out of a database that lies outside the home, so that init can be called again."""
    if not config.database:
        return
    from haechi.store.catalog import parties
    from haechi.store.catalog.engine import open_engine

    engine = open_engine(config.database, create=False)
    with engine.begin() as conn:
        parties.remove_unused(conn, config.party_uuid)
    engine.dispose()


def _check_rights(path: Path) -> None:
    try:
        found = path.stat()
    except OSError as error:
        raise NodeCannot("home.unreadable", path=str(path), cause=error.strerror) from error
    if found.st_uid != os.getuid():
        raise NodeCannot("home.foreign_owner", path=str(path), owner=found.st_uid)
    if found.st_mode & 0o077:
        wanted = "700" if stat.S_ISDIR(found.st_mode) else "600"
        raise NodeCannot("home.open_to_others", path=str(path), rights=wanted)
