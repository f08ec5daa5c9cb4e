"""Many rows at once by the database's own driver: SQLAlchemy's layers cost ten times what the work does."""

import gc
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, TextClause, text

_MAPPED: Final = 1 << 30  # bytes of the file at most
_CACHE_KIB: Final = 16_384
_ROOM_KIB: Final = 98_304
_ROWS: Final = 1000  # in one INSERT
_PARAMETERS: Final = 32_766  # of one statement: SQLite's own limit (SQLITE_MAX_VARIABLE_NUMBER)
_FETCH: Final = 65_536  # rows at a time: keeps the Python objects of a million values from standing all at once


def rows(conn: Connection, sql: str) -> Iterator[Sequence[Any]]:
    """The rows of a query without parameters, in chunks of plain tuples."""
    if conn.dialect.name == "sqlite":
        cursor = conn.connection.cursor()
        cursor.execute(sql)
        while found := cursor.fetchmany(_FETCH):
            yield found
        cursor.close()
        return
    # On the statement: a connection's own options would stay, and every later statement would ask for a cursor.
    streamed = text(sql).execution_options(stream_results=True, max_row_buffer=_FETCH)
    with conn.execute(streamed) as result:
        yield from result.partitions(_FETCH)


def for_reading(conn: Connection) -> None:
    """Let a connection that only reads, and is kept, read SQLite's file as memory and keep the upper pages of trees."""
    if conn.dialect.name == "sqlite":
        cursor: Any = conn.connection.cursor()
        cursor.execute(f"PRAGMA mmap_size = {_MAPPED}").fetchall()
        cursor.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        cursor.close()


def first(conn: Connection, sql: str, arguments: Mapping[str, Any]) -> Sequence[Any] | None:
    """The first row of a query that is asked at every request; None where it has none."""
    if conn.dialect.name == "sqlite":
        driver: Any = conn.connection.driver_connection
        row: Sequence[Any] | None = driver.execute(sql, arguments).fetchone()
        return row
    return conn.execute(_text(sql), arguments).first()


@contextmanager
def reading(conn: Connection, sql: str, arguments: Mapping[str, Any]) -> Iterator[Any]:
    """A cursor on a query's rows, plain tuples; SQLite's own, for what is asked at every request."""
    if conn.dialect.name == "sqlite":
        cursor: Any = conn.connection.cursor()
        try:
            yield cursor.execute(sql, arguments)
        finally:
            cursor.close()
        return
    with conn.execute(_text(sql), arguments) as result:
        yield result


@lru_cache(maxsize=64)
def _text(sql: str) -> TextClause:
    return text(sql)


def insert(conn: Connection, table: str, columns: tuple[str, ...], found: Iterable[tuple[Any, ...]]) -> None:
    """Rows into a table: many in one statement on SQLite, COPY on PostgreSQL. Names are ours, never from outside."""
    driver: Any = conn.connection.driver_connection
    names = ", ".join(columns)
    if conn.dialect.name == "sqlite":
        # executemany gives up the interpreter lock at every row, and another thread that computes keeps it for 5 ms.
        marks, most = f"({', '.join('?' * len(columns))})", min(_ROWS, _PARAMETERS // len(columns))
        left = iter(found)
        while part := list(itertools.islice(left, most)):
            sql = f"INSERT INTO {table} ({names}) VALUES {', '.join([marks] * len(part))}"
            driver.execute(sql, list(itertools.chain.from_iterable(part)))
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in found:
            copy.write_row(row)


@contextmanager
def roomy(conn: Connection) -> Iterator[None]:
    """A SQLite page cache in which the indexes of a large load stay; afterwards as before. May be nested."""
    if conn.dialect.name != "sqlite":
        yield
        return
    before = int(conn.execute(text("PRAGMA cache_size")).scalar_one())
    conn.execute(text(f"PRAGMA cache_size = -{_ROOM_KIB}"))
    try:
        yield
    finally:
        conn.execute(text(f"PRAGMA cache_size = {before}"))


@contextmanager
def without_collector() -> Iterator[None]:
    """Millions of short-lived tuples send Python's cycle collector through the heap again and again: half the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
