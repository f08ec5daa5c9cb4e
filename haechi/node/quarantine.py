"""Refused records: how many and why, one by one, and each with its original bytes. `node.replay` reads them again."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from haechi.ingest.refusal import REASON
from haechi.model.clock import DAY
from haechi.model.errors import NotFound, UsageError
from haechi.model.sighting import EventId
from haechi.node.home import Home

if TYPE_CHECKING:
    import duckdb

_ID = re.compile(r"quarantine--(\d{1,10})-(\d{1,18})")
PREFIX = "refused."  # of a reason's message id


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which records: all that are given must hold. Times in microseconds UTC, of the reading."""

    input: str = ""  # the log's path or its last part
    reason: str = ""  # message id, with or without "refused."
    reader: str = ""
    since: int | None = None
    ids: tuple[EventId, ...] = ()


def record_id(input_id: int, offset: int) -> str:
    """The id of the refused record that stands at this byte of the input."""
    return f"quarantine--{input_id}-{offset}"


def parse(text: str) -> EventId:
    """The place that a record's id names; `UsageError` for any other text.

    >>> parse("quarantine--3-4096")
    EventId(input_id=3, offset=4096)
    """
    found = _ID.fullmatch(text.strip())
    if found is None:
        raise UsageError("quarantine.bad_id", id=text)
    return EventId(int(found[1]), int(found[2]))


class Quarantine:
    """The chosen records; made by `opened`."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", paths: Mapping[int, str]) -> None:
        self._connection, self._paths = connection, paths

    def count(self) -> int:
        """How many records are chosen."""
        return next(int(row["n"]) for row in self._rows("select count(*) as n from chosen"))

    def require(self, ids: Sequence[EventId]) -> None:
        """Raise `NotFound` for the first of the ids that isn't among the chosen records."""
        there = {(row["input_id"], row["raw_offset"]) for row in self._rows("select input_id, raw_offset from chosen")}
        for one in ids:
            if (one.input_id, one.offset) not in there:
                raise NotFound("quarantine.no_record", id=record_id(one.input_id, one.offset), event=str(one))

    def groups(self) -> list[dict[str, Any]]:
        """Counts by reason, reader and input, the largest first.

        Keys: reason (message id), reader, input (path), input_id, records, first, last (when read, microseconds UTC).
        """
        sql = (
            "select reason, reader, input_id, count(*) as records, min(read_at) as first, max(read_at) as last"
            " from chosen group by all order by records desc, reason, input_id"
        )
        return [{**row, "input": self._paths.get(row["input_id"], "")} for row in self._rows(sql)]

    def records(self, limit: int = 0) -> Iterator[dict[str, Any]]:
        """One record a row, in the order of the inputs and of their bytes.

        Keys: id, input (path), input_id, line (None where it can't be known), offset and length (bytes, in the
        decompressed stream), field, value (None where the whole record is meant), reason (message id), reader, read_at.
        """
        sql = "select * exclude (reader), reader from chosen order by input_id, raw_offset"
        for row in self._rows(sql + (f" limit {int(limit)}" if limit else "")):
            yield self._shown(row)

    def _shown(self, row: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "id": record_id(row["input_id"], row["raw_offset"]),
            "input": self._paths.get(row["input_id"], ""),
            "input_id": row["input_id"],
            "line": row["line"],
            "offset": row["raw_offset"],
            "length": row["raw_length"],
            "field": row["field"],
            "value": row["value"],
            "reason": row["reason"],
            "reader": row["reader"],
            "read_at": row["read_at"],
        }

    def _rows(self, sql: str) -> Iterator[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        while chunk := cursor.fetchmany(10_000):
            for row in chunk:
                yield dict(zip(names, row, strict=True))


@contextmanager
def opened(home: Home, chosen: Chosen) -> Iterator[Quarantine]:
    """The chosen records, ready to be counted and listed, without their bytes."""
    from haechi.store.lake import Lake

    paths = input_paths(home)
    where, arguments = conditions(chosen, paths)
    connection = Lake(home.lake_path).connect()
    try:
        connection.execute(
            "create temp view chosen_all as select input_id, raw_offset, raw_length, line, field, value, reason, reader,"
            " epoch_us(ts) as read_at from quarantine"
        )
        connection.execute(f"create temp table chosen as from chosen_all where {where}", arguments or None)
        yield Quarantine(connection, paths)
    finally:
        connection.close()


def conditions(chosen: Chosen, paths: Mapping[int, str]) -> tuple[str, dict[str, Any]]:
    """The choice as a condition in SQL with its arguments; `read_at` stands for the time of the reading."""
    given: dict[str, tuple[str, Any]] = {}
    if chosen.input:
        named = [id for id, path in paths.items() if chosen.input == path or path.endswith("/" + chosen.input)]
        if not named:
            raise UsageError("quarantine.no_log", path=chosen.input)
        given["input_id in (select unnest($inputs::integer[]))"] = ("inputs", named)
    if chosen.reason:
        _check_reason(chosen.reason)
        given["reason = $reason"] = ("reason", PREFIX + chosen.reason.removeprefix(PREFIX))
    if chosen.reader:
        given["reader = $reader"] = ("reader", chosen.reader)
    if chosen.since is not None:
        given["read_at >= $since"] = ("since", chosen.since)
    if chosen.ids:
        places = [f"{one.input_id}-{one.offset}" for one in chosen.ids]
        given["input_id || '-' || raw_offset in (select unnest($ids::varchar[]))"] = ("ids", places)
    return " and ".join(given) or "true", dict(given.values())


def _check_reason(reason: str) -> None:
    known = [one.removeprefix(PREFIX) for one in REASON.values()]
    if reason.removeprefix(PREFIX) not in known:
        raise UsageError("quarantine.no_reason", reason=reason, known=", ".join(sorted(known)))


def input_paths(home: Home) -> dict[int, str]:
    """Each input's path, as it was last seen."""
    from sqlalchemy import select

    from haechi.store.catalog.inputs import INPUT

    with home.catalog().connect() as conn:
        return {row.id: row.path for row in conn.execute(select(INPUT.c.id, INPUT.c.path))}


def record(home: Home, wanted: EventId) -> dict[str, Any]:
    """One refused record: a row of `Quarantine.records`, `raw` (its original bytes) and `whole`.

    `whole` is False where only the first part of a very long record was kept. `NotFound` where there is none of that
    id: it was read again since, or never refused.
    """
    from haechi.store.lake import Lake

    with opened(home, Chosen(ids=(wanted,))) as found:
        found.require((wanted,))
        row = next(found.records(1))
    raw = Lake(home.lake_path).query(
        "select raw from quarantine where input_id = $input and raw_offset = $offset limit 1",
        {"input": wanted.input_id, "offset": wanted.offset},
        days=[row["read_at"] // DAY],
    )["raw"][0]
    content: bytes = raw.as_py() or b""
    return {**row, "raw": content, "whole": len(content) >= row["length"]}
