import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from haechi.model.errors import NodeCannot
from haechi.store.catalog import scrub
from haechi.store.catalog.engine import open_engine, sqlite_url


def test_what_was_deleted_is_in_no_file(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "c.sqlite"), create=True)
    with engine.begin() as conn:
        for n in range(2000):
            conn.execute(text("INSERT INTO value (type, text) VALUES ('domain', :t)"), {"t": f"needle-{n}.example"})
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM value WHERE text <> 'needle-7.example'"))
    assert scrub.scrub(engine)
    assert (tmp_path / "c.sqlite-wal").stat().st_size == 0
    found = (tmp_path / "c.sqlite").read_bytes()
    assert (found.count(b"needle-1"), b"needle-7.example" in found) == (0, True)
    engine.dispose()


def test_a_reader_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrub, "_PATIENCE", 0.0)
    engine = open_engine(sqlite_url(tmp_path / "c.sqlite"), create=True)
    with engine.begin() as conn:
        conn.execute(text("INSERT INTO value (type, text) VALUES ('domain', 'a.example')"))
    reader = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM value").fetchall()
    with engine.begin() as conn:
        conn.execute(text("DELETE FROM value"))
    with pytest.raises(NodeCannot, match="keeps the catalog's log"):
        scrub.scrub(engine)
    reader.close()
    assert scrub.scrub(engine)
    engine.dispose()


def test_postgresql_clears_dead_rows_and_says_that_its_server_keeps_a_log(engine: Engine) -> None:
    assert scrub.scrub(engine) is (engine.dialect.name == "sqlite")
