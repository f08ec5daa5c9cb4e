"""Inputs: a log as it was read, known again by its bytes when it is copied, renamed or rotated (DATA-MODEL.md, 1).

An input's UUID is the lake's application id and `committed` its version: what is below that offset is in the lake.
"""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    insert,
    select,
    update,
)

from haechi.model.errors import Conflict, NotFound
from haechi.store.catalog.base import METADATA, lock_to_write
from haechi.store.catalog.sensors import SENSOR

HEAD_LENGTH = 4096  # bytes at the start, and before the committed offset, whose digests tell an input

INPUT = Table(
    "input",
    METADATA,
    Column("id", Integer, primary_key=True),  # int32, never reused: event ids hold it
    Column("uuid", Text, nullable=False, unique=True),
    Column("sensor_id", Integer, ForeignKey(SENSOR.c.id), nullable=False),
    Column("path", Text, nullable=False),  # where it was last seen
    Column("head", LargeBinary, nullable=False),  # SHA-256 of the first head_length bytes, decompressed
    Column("head_length", Integer, nullable=False),
    Column("committed", BigInteger, nullable=False),  # bytes of the decompressed stream that are in the lake
    Column("tail", LargeBinary, nullable=False),  # SHA-256 of the tail_length bytes before `committed`
    Column("tail_length", Integer, nullable=False),
    Column("reader", Text, nullable=False),  # that read it last
    Column("compression", Text, nullable=False),  # "", gzip, zstd
    Index(None, "head_length", "head"),
    sqlite_autoincrement=True,
)


class InputRow(msgspec.Struct, frozen=True, kw_only=True):
    """One input: lengths and offsets in bytes of the decompressed stream, digests SHA-256."""

    id: int
    uuid: str
    sensor_id: int
    path: str
    head: bytes
    head_length: int
    committed: int
    tail: bytes
    tail_length: int
    reader: str
    compression: str


def lock(conn: Connection) -> None:
    """Let one process at a time look an input up and create it: two that read one new log must agree on its id.

    Call it first in the transaction. On SQLite `engine.begin()` holds the write lock already.
    """
    lock_to_write(conn, INPUT)


def by_head(conn: Connection, digest_of_first: Callable[[int], bytes]) -> list[InputRow]:
    """The inputs that begin with the same bytes, those with the longest head first.

    `digest_of_first(n)` gives the SHA-256 of the log's first n bytes; it is asked once for each length that is
    stored (at most 4096). The caller tells by the tail which of them the log continues.
    """
    lengths = conn.execute(select(INPUT.c.head_length).distinct().order_by(INPUT.c.head_length.desc())).scalars().all()
    found: list[InputRow] = []
    for length in lengths:
        same = (INPUT.c.head_length == length) & (INPUT.c.head == digest_of_first(length))
        found += map(_row, conn.execute(select(INPUT).where(same).order_by(INPUT.c.id.desc())).mappings())
    return found


def create(
    conn: Connection,
    *,
    sensor_id: int,
    path: str,
    head: bytes,
    head_length: int,
    reader: str,
    compression: str = "",
) -> InputRow:
    """A new input with a random UUID, nothing of it committed yet."""
    values = {
        "uuid": str(uuid4()),
        "sensor_id": sensor_id,
        "path": path,
        "head": head,
        "head_length": head_length,
        "committed": 0,
        "tail": b"",
        "tail_length": 0,
        "reader": reader,
        "compression": compression,
    }
    id = conn.execute(insert(INPUT).values(**values).returning(INPUT.c.id)).scalar_one()
    return _row({"id": id, **values})


def advance(
    conn: Connection,
    id: int,
    *,
    committed: int,
    tail: bytes,
    tail_length: int,
    head: bytes | None = None,
    head_length: int | None = None,
    path: str | None = None,
    reader: str | None = None,
) -> None:
    """Say that the lake holds the input up to `committed`. `head` grows while the log is shorter than 4 KiB.

    Raises `Conflict` where another process is further already, `NotFound` for an unknown id.
    """
    given = {"head": head, "head_length": head_length, "path": path, "reader": reader}
    values: dict[str, Any] = {"committed": committed, "tail": tail, "tail_length": tail_length}
    values |= {name: value for name, value in given.items() if value is not None}
    behind = (INPUT.c.id == id) & (INPUT.c.committed <= committed)
    if conn.execute(update(INPUT).where(behind).values(**values)).rowcount == 1:
        return
    ahead = get(conn, id).committed
    raise Conflict("catalog.input_ahead", id=id, ahead=ahead, committed=committed)


def get(conn: Connection, id: int) -> InputRow:
    """One input; `NotFound` where there is none of that id."""
    row = conn.execute(select(INPUT).where(INPUT.c.id == id)).mappings().first()
    if row is None:
        raise NotFound("catalog.no_input", id=id)
    return _row(row)


def list_inputs(conn: Connection) -> list[InputRow]:
    """All inputs in the order in which they were first read."""
    return [_row(row) for row in conn.execute(select(INPUT).order_by(INPUT.c.id)).mappings()]


def _row(row: Any) -> InputRow:
    return InputRow(**{**row, "head": bytes(row["head"]), "tail": bytes(row["tail"])})
