"""Opening the catalog: durable settings, one schema on both databases, a newer one refused."""

import os
import re
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from haechi.model.errors import MissingExtra, NodeCannot, UsageError
from haechi.store.catalog import engine as catalog
from haechi.store.catalog import parties
from haechi.store.catalog.engine import REVISIONS, all_tables, open_engine, sqlite_url, version
from haechi.store.catalog.migrations import write

REWRITE = "write the step: python -m haechi.store.catalog.migrations.write NUMBER 'What it does'"


def test_the_steps_lead_to_the_tables_of_the_code(engine: Engine) -> None:
    with engine.connect() as conn:
        context = MigrationContext.configure(conn, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, all_tables()) == [], REWRITE


def test_the_steps_lead_to_the_very_same_sqlite_tables(tmp_path: Path) -> None:
    """Alembic's comparison doesn't see AUTOINCREMENT and WITHOUT ROWID; ids that are never reused rest on the first."""
    stepped = open_engine(sqlite_url(tmp_path / "stepped.sqlite"), create=True)
    direct = create_engine(sqlite_url(tmp_path / "direct.sqlite"))
    all_tables().create_all(direct)
    assert _definitions(stepped) == _definitions(direct), REWRITE
    stepped.dispose()
    direct.dispose()


def test_a_step_is_written_from_what_the_tables_lack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "VERSIONS", tmp_path)
    nothing = write.main(f"{int(REVISIONS[-1]) + 1:04}", "Nothing is new")
    assert nothing.name == f"{int(REVISIONS[-1]) + 1:04}_nothing_is_new.py"
    assert nothing.read_text("utf-8").rstrip().endswith("    pass")
    first = write.main("0001", "All").read_text("utf-8")
    assert set(re.findall(r'create_table\(\s*"(\w+)"', first)) == set(all_tables().tables)
    with pytest.raises(SystemExit, match="four digits"):
        write.main("2", "x")


def _definitions(engine: Engine) -> dict[str, list[str]]:
    """Each table's and index's SQL as a sorted list of its parts: constraints may stand in another order."""
    query = text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE '%alembic%'")
    with engine.connect() as conn:
        return {name: sorted(_parts(sql)) for name, sql in conn.execute(query)}


def _parts(sql: str) -> Iterator[str]:
    """Columns and constraints; SQLite writes a column that is added later behind the last one, on its line."""
    for line in sql.splitlines():
        yield from (part.strip(" \t") for part in re.split(r",(?![^(]*\))", line) if part.strip(" \t"))


def test_every_module_with_tables_is_known() -> None:
    folder = Path(catalog.__file__).parent
    defining = {path.stem for path in folder.glob("*.py") if re.search(r"= Table\(", path.read_text("utf-8"))}
    assert defining == set(catalog.TABLE_MODULES)


def test_the_known_revisions_are_those_in_the_package() -> None:
    script = ScriptDirectory.from_config(catalog.alembic_config())
    assert tuple(revision.revision for revision in script.walk_revisions())[::-1] == REVISIONS


def test_sqlite_is_set_up_to_last(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "c.sqlite"), create=True)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 30_000}
    with engine.connect() as conn:
        assert {name: conn.execute(text(f"PRAGMA {name}")).scalar() for name in wanted} == wanted
    engine.dispose()
    assert stat.S_IMODE((tmp_path / "c.sqlite").stat().st_mode) == 0o600


def test_a_deleted_value_leaves_no_trace_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    engine = open_engine(sqlite_url(path), create=True)
    with engine.begin() as conn:
        id = parties.add(conn, name="Fab", country="TW", sector="energy", domains=["to-be-forgotten.example"]).id
    with engine.begin() as conn:
        parties.update(conn, id, domains=[])
    engine.dispose()  # the last connection folds the write-ahead log in
    assert b"to-be-forgotten" not in path.read_bytes()


def test_foreign_keys_hold(engine: Engine) -> None:
    with engine.begin() as conn, pytest.raises(IntegrityError), conn.begin_nested():
        conn.execute(text("INSERT INTO sensor (name, party_id, zone) VALUES ('x', 99, '')"))


def test_an_id_is_never_given_again(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "c.sqlite"), create=True)
    with engine.begin() as conn:
        first = parties.add(conn, name="A", country="TW", sector="energy")
        parties.remove_unused(conn, first.uuid)
        assert parties.add(conn, name="A", country="TW", sector="energy").id > first.id
    engine.dispose()


def test_a_writer_that_read_first_waits_its_turn(tmp_path: Path) -> None:
    """With a plain BEGIN the second of two such transactions fails at once, whatever the timeout."""
    engine = open_engine(sqlite_url(tmp_path / "c.sqlite"), create=True)
    with engine.begin() as conn:
        id = parties.add(conn, name="0", country="TW", sector="energy").id

    def count() -> None:
        for _ in range(25):
            with engine.begin() as conn:
                parties.update(conn, id, name=str(int(parties.get(conn, id).name) + 1))

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as conn:
        assert parties.get(conn, id).name == "75"
    engine.dispose()


def test_a_reader_neither_waits_for_a_writer_nor_sees_half(engine: Engine) -> None:
    with engine.begin() as writing:
        parties.add(writing, name="A", country="TW", sector="energy")
        with engine.connect() as reading:
            assert parties.list_parties(reading) == []
    with engine.connect() as reading:
        assert len(parties.list_parties(reading)) == 1


def test_what_raises_inside_begin_is_undone(engine: Engine) -> None:
    def add_and_fail() -> None:
        with engine.begin() as conn:
            parties.add(conn, name="A", country="TW", sector="energy")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        add_and_fail()
    with engine.connect() as conn:
        assert parties.list_parties(conn) == []


def test_opening_again_keeps_what_is_there(database_url: str) -> None:
    first = open_engine(database_url, create=True)
    with first.begin() as conn:
        party = parties.add(conn, name="A", country="TW", sector="energy")
    first.dispose()
    again = open_engine(database_url, create=False)
    with again.connect() as conn:
        assert parties.list_parties(conn) == [party]
    again.dispose()


def test_many_that_make_it_at_once_make_one(database_url: str) -> None:
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            open_engine(database_url, create=True).dispose()
        except BaseException as error:  # noqa: BLE001 (shown by the assertion)
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_newer_schema_is_refused_and_left_alone(database_url: str) -> None:
    engine = open_engine(database_url, create=True)
    with engine.begin() as conn:
        conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    for create in (True, False):
        with pytest.raises(NodeCannot) as refused:
            open_engine(database_url, create=create)
        assert str(refused.value) == (
            f"the catalog has schema version 9999, this software knows up to {REVISIONS[-1]}. "
            "Update Haechi: an older one would misread it"
        )


def test_a_catalog_that_is_not_there_is_not_made_by_chance(tmp_path: Path, postgresql_url: str) -> None:
    with pytest.raises(NodeCannot, match="no catalog at"):
        open_engine(sqlite_url(tmp_path / "c.sqlite"), create=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NodeCannot, match="the catalog's database has no tables"):
        open_engine(postgresql_url, create=False)
    plain = create_engine(postgresql_url)
    assert inspect(plain).get_table_names() == []
    plain.dispose()


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"this is text, long enough to be read as a header " * 40)
    with pytest.raises(NodeCannot, match=r"c\.sqlite can't be opened: file is not a database"):
        open_engine(sqlite_url(path), create=False)


def test_a_server_that_is_not_there_is_said_without_its_password() -> None:
    with pytest.raises(NodeCannot) as refused:
        open_engine("postgresql://kim:hunter2@127.0.0.1:1/haechi", create=False)
    assert "postgresql+psycopg://kim:***@127.0.0.1:1/haechi can't be opened: " in str(refused.value)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["mysql://h/n", "nonsense", "sqlite://", "sqlite:///:memory:"])
def test_other_places_are_refused(url: str) -> None:
    with pytest.raises(UsageError, match="postgresql://USER@HOST/NAME"):
        open_engine(url, create=True)


def test_a_missing_driver_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(catalog, "import_module", absent)
    with pytest.raises(MissingExtra, match=r"pip install 'haechi\[postgresql\]'"):
        open_engine("postgresql://h/n", create=True)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(NodeCannot, match="can't be made: No such file or directory"):
        open_engine(sqlite_url(tmp_path / "nowhere/c.sqlite"), create=True)


def test_values_stay_out_of_error_texts(engine: Engine) -> None:
    with engine.connect() as conn, pytest.raises((OperationalError, Exception)) as raised:
        conn.execute(text("SELECT :value FROM nowhere"), {"value": "secret.example"})
    assert "secret.example" not in str(raised.value)


def test_a_path_may_have_any_letters(tmp_path: Path) -> None:
    path = tmp_path / "Haechi 해치 100% #1?.sqlite"
    open_engine(sqlite_url(path), create=True).dispose()
    with sqlite3.connect(path) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchone() == (REVISIONS[-1],)
    file.close()


@pytest.mark.parametrize("name", ["catalog", "홈 100% a?b#c"])
def test_a_catalog_on_a_read_only_disk_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Whoever runs the tests may be root, whom no folder's rights stop: the folder is only said to be read-only."""
    (tmp_path / name).mkdir()
    url = sqlite_url(tmp_path / name / "catalog.sqlite")
    open_engine(url, create=True).dispose()
    monkeypatch.setattr(os, "access", lambda *_: False)
    engine = open_engine(url, create=False)
    with engine.connect() as conn:
        assert version(conn) == REVISIONS[-1]
        assert [file.name for file in (tmp_path / name).iterdir()] == ["catalog.sqlite"], "nothing beside it"
        with pytest.raises(DBAPIError, match="readonly"):
            conn.execute(text("DELETE FROM fact"))
    with pytest.raises(NodeCannot, match="Its folder is read-only"), engine.begin():
        pass
    engine.dispose()
