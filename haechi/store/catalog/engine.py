"""Opens the catalog: SQLite with durable settings, or PostgreSQL; brings the schema up to date, refuses a newer one."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from haechi.model.errors import MissingExtra, NodeCannot, UsageError
from haechi.store.catalog.base import METADATA

# In order; the last is what this version of Haechi writes. A test compares them with the files in migrations/.
REVISIONS: tuple[str, ...] = ("0001", "0002")

_MIGRATIONS = Path(__file__).parent / "migrations"
TABLE_MODULES: tuple[str, ...] = (
    "exchange_tables",
    "indicator_tables",
    "inputs",
    "parties",
    "sensors",
    "sighting_tables",
)
_BUSY_MS = 30_000  # how long a writer waits for another process's transaction
_UPGRADE_LOCK = 0x4841_4543  # PostgreSQL advisory lock; any number that only Haechi uses

_PRAGMAS = (
    f"PRAGMA busy_timeout={_BUSY_MS}",
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit survives power loss, in WAL mode too
    "PRAGMA foreign_keys=ON",
    "PRAGMA secure_delete=ON",  # a deleted value is overwritten, not only unlinked
    "PRAGMA temp_store=MEMORY",  # no value lands in a temporary file
)


class CatalogEngine(Engine):
    """`begin()` is for writing and, on SQLite, takes the write lock at once; `connect()` is for reading.

    A SQLite transaction that reads first and then writes fails at once if another process wrote in between, however
    long the busy timeout (sqlite.org/rescode.html, SQLITE_BUSY_SNAPSHOT).
    """

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        if "uri" in self.url.query:
            raise NodeCannot("catalog.read_only", path=str(self.url.database))
        with self.connect() as plain:
            conn = plain.execution_options(haechi_writes=True)
            with conn.begin():
                yield conn


def all_tables() -> MetaData:
    """The catalog's tables, all modules that define some imported."""
    for name in TABLE_MODULES:
        import_module(f"haechi.store.catalog.{name}")
    return METADATA


def sqlite_url(path: Path) -> str:
    """The URL of a catalog in a file."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def open_engine(url: str, *, create: bool) -> CatalogEngine:
    """The catalog at `url` (sqlite:///PATH, postgresql://...), its schema brought up to date.

    With `create` an empty database gets its tables; a SQLite file is made with rights 0600. Without it a missing
    catalog is `NodeCannot`. Raises it too where the database can't be reached or is newer than this software,
    `UsageError` for a URL of another kind, `MissingExtra` without psycopg.
    """
    place = _place(url)
    if place.get_backend_name() == "sqlite":
        file = Path(place.database or "")
        _prepare_file(file, create=create)
        if not os.access(file.parent, os.W_OK):
            uri, _, mode = read_only(file).partition("?")
            place = URL.create("sqlite", database=uri, query={"uri": "true", **dict([mode.split("=")])})
    engine = _engine(place)
    try:
        _bring_up_to_date(engine, create=create)
    except (DBAPIError, sqlite3.Error) as error:
        engine.dispose()
        raise _unreachable(place, error) from error
    except BaseException:
        engine.dispose()
        raise
    return engine


def _place(url: str) -> URL:
    try:
        place = make_url(url)
    except ArgumentError as error:
        raise UsageError("catalog.bad_url") from error
    backend = place.get_backend_name()
    if backend == "postgresql":
        try:
            import_module("psycopg")
        except ImportError as error:
            raise MissingExtra("missing_extra", package="psycopg", extra="postgresql") from error
        return place.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and place.database not in (None, "", ":memory:"):
        return place
    raise UsageError("catalog.other_database", database=backend)


def refuse_password(url: str) -> None:
    """`UsageError` for a URL with a password: the process list, the shell's history and haechi.toml would show it."""
    place = _place(url)
    if place.password or "password" in place.query:
        raise UsageError("catalog.password")


def read_only(file: Path) -> str:
    """The URI by which SQLite reads a file and writes nothing, nor, where the folder can't be written to, beside it.

    Then a log of changes that isn't merged yet is only read if the last process left its index, too (sqlite.org/wal.html,
    "Read-Only Databases"); without such a log the file is all there is.
    """
    log = Path(f"{file}-wal")
    whole = not os.access(file.parent, os.W_OK) and not (log.exists() and log.stat().st_size)
    return f"{file.absolute().as_uri()}?{'immutable=1' if whole else 'mode=ro'}"


def _prepare_file(path: Path, *, create: bool) -> None:
    if path.exists():
        return
    if not create:
        raise NodeCannot("catalog.missing", path=str(path))
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:  # another process was first
        return
    except OSError as error:
        raise NodeCannot("catalog.not_made", path=str(path), cause=error.strerror) from error


def _engine(place: URL) -> CatalogEngine:
    plain = create_engine(place)
    engine = CatalogEngine(plain.pool, plain.dialect, place, hide_parameters=True)  # values stay out of tracebacks
    if place.get_backend_name() == "sqlite":
        event.listen(engine.pool, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver leaves BEGIN to us
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _on_begin(conn: Connection) -> None:
    writes = conn.get_execution_options().get("haechi_writes")
    conn.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _unreachable(place: URL, error: DBAPIError | sqlite3.Error) -> NodeCannot:
    cause = str(error.orig if isinstance(error, DBAPIError) else error).strip().splitlines()
    shown = place.render_as_string(hide_password=True)
    if not cause:
        return NodeCannot("catalog.not_opened_silently", url=shown)
    return NodeCannot("catalog.not_opened", url=shown, cause=cause[0])


def version(conn: Connection) -> str:
    """The schema's version in the database; "" where it has no tables yet."""
    if not inspect(conn).has_table("alembic_version"):
        return ""
    return conn.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def _bring_up_to_date(engine: CatalogEngine, *, create: bool) -> None:
    with engine.connect() as conn:
        found = version(conn)
    if found == REVISIONS[-1]:
        return
    if found and found not in REVISIONS:
        raise NodeCannot("catalog.newer", found=found, known=REVISIONS[-1])
    if not found and not create:
        raise NodeCannot("catalog.no_tables")
    with engine.begin() as conn:
        if conn.dialect.name == "postgresql":
            conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
        if version(conn) != REVISIONS[-1]:  # else another process was first
            _upgrade(conn)


def _upgrade(conn: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = conn
    command.upgrade(config, "head")


def alembic_config() -> Any:
    """Alembic's configuration for the steps in this package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
