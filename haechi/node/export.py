"""Rows of sightings to files that other tools read: CSV and Parquet."""

import csv
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from haechi.model.errors import Conflict, NodeCannot
from haechi.report.format import iso

TIMES = frozenset(("time", "matched_at", "first", "last", "hour", "day"))  # integer microseconds UTC in the rows
_NUMBERS = frozenset(("sources", "indicator_id", "sightings", "no_longer_asserted", "events", "indicators"))
_FLAGS = frozenset(("asserted", "false_positive"))
_LISTS = frozenset(("actors",))
_AT_ONCE = 20_000
# What a spreadsheet takes for a formula's beginning, full-width forms too, and the mark that says: this is text.
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\t\r\n'＝＋－＠")


class _Lines:
    """What the csv module writes into: each line goes straight on."""

    def __init__(self, write: Callable[[str], object]) -> None:
        self.write = write


def write_csv(write: Callable[[str], object], rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """The rows as RFC 4180 lines with a header; times as RFC 3339, lists with "; " between. Returns how many.

    Texts are quoted. A text that a spreadsheet would run as a formula, or that begins with an apostrophe, has one more
    apostrophe before it: who takes one off where a text begins with one has what was written.
    """
    lines = csv.writer(_Lines(write), lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    lines.writerow(columns)
    count = 0
    for row in rows:
        lines.writerow([_cell(name, row[name]) for name in columns])
        count += 1
    return count


def _cell(name: str, value: Any) -> Any:
    if name in TIMES:
        return iso(value)
    if name in _FLAGS:
        return "true" if value else "false"
    told = "; ".join(value) if name in _LISTS else value
    return "'" + told if isinstance(told, str) and told.startswith(_FORMULA) else told


def write_parquet(path: Path, rows: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> int:
    """The rows as a new Parquet file that only its owner reads; times as UTC timestamps. Returns how many.

    Raises `Conflict` where the file is there already, `NodeCannot` where it can't be written; no part of it is left
    then.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema([pa.field(name, _type(name)) for name in columns])
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise Conflict("export.exists", path=str(path)) from None
    except OSError as error:
        raise NodeCannot("export.unwritten", path=str(path), cause=error.strerror) from error
    count, remaining = 0, iter(rows)
    try:
        with os.fdopen(descriptor, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            while chunk := list(islice(remaining, _AT_ONCE)):
                writer.write_table(
                    pa.table([pa.array([row[f.name] for row in chunk], f.type) for f in schema], schema=schema)
                )
                count += len(chunk)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NodeCannot("export.unwritten", path=str(path), cause=error.strerror or str(error)) from error
        raise
    return count


def _type(name: str) -> Any:
    import pyarrow as pa

    if name in TIMES:
        return pa.timestamp("us", tz="UTC")
    if name in _NUMBERS:
        return pa.int64()
    if name in _FLAGS:
        return pa.bool_()
    return pa.list_(pa.string()) if name in _LISTS else pa.string()
