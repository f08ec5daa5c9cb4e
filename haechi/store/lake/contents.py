"""What the lake holds: its log's word on it, and whether the disk agrees."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from haechi.messages.catalogue import Message
from haechi.store.lake import parquet
from haechi.store.lake.table import Lake

_MIDNIGHT = datetime(1970, 1, 1, tzinfo=UTC)


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """The files of one kind and day. Times in microseconds UTC, of the events; None where the log has none."""

    kind: str
    day: date
    files: int
    rows: int
    bytes: int
    first: int | None
    last: int | None


class Damage(msgspec.Struct, frozen=True):
    """A file that isn't what the log says."""

    path: Path
    why: Message


def stats(lake: Lake) -> list[Part]:
    """What the log says is there, by kind and day. No data file is opened."""
    parts: dict[tuple[str, date], list[dict[str, Any]]] = {}
    for one in lake.additions():
        parts.setdefault((one["partition.kind"], one["partition.day"]), []).append(one)
    return [
        Part(
            kind=kind,
            day=day,
            files=len(files),
            rows=sum(one["num_records"] or 0 for one in files),
            bytes=sum(one["size_bytes"] for one in files),
            first=min((at for one in files if (at := _micros(one.get("min.ts"))) is not None), default=None),
            last=max((at for one in files if (at := _micros(one.get("max.ts"))) is not None), default=None),
        )
        for (kind, day), files in sorted(parts.items())
    ]


def flaws(lake: Lake) -> list[Damage]:
    """The files that the log names and whose ends or size show that they aren't whole. What lies between isn't read."""
    found = []
    for one in lake.additions():
        path = lake.path / one["path"]
        why = parquet.flaw(path)
        if not why and (size := path.stat().st_size) != one["size_bytes"]:
            why = Message("lake.flaw.size", {"found": size, "logged": one["size_bytes"]})
        if why:
            found.append(Damage(path, why))
    return found


def check(lake: Lake) -> Iterator[Damage]:
    """Every file that the log names and that is missing, can't be read, or has another number of rows.

    Each file is read whole, so a page that the disk has lost shows; a column at a time, so memory stays small.
    """
    for one in lake.additions():
        path = lake.path / one["path"]
        try:
            rows = _read(path)
        except (OSError, pa.ArrowException) as error:
            yield Damage(path, Message("lake.flaw.unreadable", {"cause": str(error).splitlines()[0]}))
            continue
        if one["num_records"] not in (None, rows):
            yield Damage(path, Message("lake.flaw.rows", {"found": rows, "logged": one["num_records"]}))


def _read(path: Path) -> int:
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for column in range(file.metadata.num_columns):
                file.read_row_group(group, columns=[file.metadata.schema.column(column).path])
        return int(file.metadata.num_rows)


def _micros(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    gap = moment - _MIDNIGHT
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
