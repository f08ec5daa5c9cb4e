"""After a deletion: nothing of what went stays in the database's own files."""

import time
from typing import Final

from sqlalchemy import Engine, text

from haechi.model.errors import NodeCannot
from haechi.store.catalog.deletion import TABLES

_PATIENCE: Final = 30.0  # seconds in which readers finish
_PAUSE: Final = 0.05


def scrub(engine: Engine) -> bool:
    """Bring the log of changes into the file and cut it (SQLite), or clear dead rows (PostgreSQL).

    True where nothing is left; False where the server keeps a log and backups of its own, of which we know nothing.
    SQLite overwrites what is deleted (`secure_delete`), so the log is all that could hold it. Raises `NodeCannot` where a
    reader keeps the log from being cut for half a minute.
    """
    if engine.dialect.name != "sqlite":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            for table in TABLES:
                conn.execute(text(f"VACUUM {table}"))
        return False
    deadline = time.monotonic() + _PATIENCE
    while not _cut(engine):
        if time.monotonic() > deadline:
            raise NodeCannot("catalog.log_busy")
        time.sleep(_PAUSE)
    return True


def _cut(engine: Engine) -> bool:
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA busy_timeout=1000")
        busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.close()
        return not busy
    finally:
        raw.close()
