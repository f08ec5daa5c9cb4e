"""How the lake's files are encoded: fast when a log is read, small when a day is closed; the same types in both.

Strings of few distinct values as dictionaries, numbers as deltas, the rest plain. A fresh file's strings are lz4, for
encoding is a third of an ingest; compaction writes zstd. Statistics only of `ts`: a text's minimum and maximum would
outlive the text in the file's footer.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from haechi.messages.catalogue import Message
from haechi.model.event import LAKE_SCHEMA, PARTITION_COLUMNS

GROUP_ROWS = 122_880  # of a compacted file's row group
GROUP_BYTES = 64 << 20  # in memory, if that comes first
_REPEATED = frozenset({
    "activity", "source_type", "proto", "app_proto", "http_method", "user_agent", "category", "signature", "action",
    "matcher", "field", "reason", "reader",
})  # fmt: skip
_FOLDERS = frozenset(column.name for column in PARTITION_COLUMNS)
_MAGIC = b"PAR1"  # both ends of a file: https://parquet.apache.org/docs/file-format/
_FOOTER = 8  # bytes: the length of the metadata and the magic


def flaw(file: Path) -> Message | None:
    """Why the file can't be a whole Parquet file, by its ends alone; None where they are right."""
    try:
        with file.open("rb") as opened:
            size = os.fstat(opened.fileno()).st_size
            begin = opened.read(len(_MAGIC))
            opened.seek(max(0, size - _FOOTER))
            end = opened.read()
    except OSError as error:
        return Message("lake.flaw.unreadable", {"cause": error.strerror or type(error).__name__})
    fits = int.from_bytes(end[:-4], "little") <= size - len(_MAGIC) - _FOOTER
    return None if fits and begin == _MAGIC and end.endswith(_MAGIC) else Message("lake.flaw.not_whole")


def write(table: pa.Table, file: Path) -> None:
    """Write the table's columns, cast to the lake's types, to a new file. Raises OSError where the disk is full."""
    names = [name for name in LAKE_SCHEMA.names if name in table.column_names and name not in _FOLDERS]
    # A column without nulls says so: then no marks of which values are there have to be encoded.
    schema = pa.schema([LAKE_SCHEMA.field(name).with_nullable(table[name].null_count > 0) for name in names])
    compression = {name: "none" if name in _numbers(schema) else "lz4" for name in names}
    pq.write_table(table.select(names).cast(schema), file, compression=compression, **_encoding(schema))


def merge(files: Sequence[str], target: Path) -> tuple[int, int | None, int | None]:
    """Write the rows of all files to a new one; returns their number and the first and last `ts`, microseconds UTC."""
    opened = [pq.ParquetFile(name) for name in files]
    try:
        there = {name for file in opened for name in file.schema_arrow.names}
        schema = pa.schema([field for field in LAKE_SCHEMA if field.name in there])
        rows, bounds = 0, []
        with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1, **_encoding(schema)) as writer:
            for table in _groups(opened, schema):
                writer.write_table(table, row_group_size=table.num_rows)
                rows += table.num_rows
                bounds += [b for b in pc.min_max(table["ts"].cast(pa.int64())).as_py().values() if b is not None]
        return rows, min(bounds, default=None), max(bounds, default=None)
    finally:
        for file in opened:
            file.close()


def _groups(files: Sequence[pq.ParquetFile], schema: pa.Schema) -> Iterator[pa.Table]:
    """The rows of all files in their order, as tables of about a row group."""
    held: list[pa.Table] = []
    for file in files:
        for batch in file.iter_batches(batch_size=GROUP_ROWS):
            columns = [
                batch[field.name].cast(field.type)
                if field.name in batch.schema.names
                else pa.nulls(len(batch), field.type)
                for field in schema
            ]
            held.append(pa.table(columns, schema=schema))
            if sum(t.num_rows for t in held) >= GROUP_ROWS or sum(t.nbytes for t in held) >= GROUP_BYTES:
                yield pa.concat_tables(held)
                held = []
    if held:
        yield pa.concat_tables(held)


def _numbers(schema: pa.Schema) -> list[str]:
    return [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_timestamp(f.type)]


def _encoding(schema: pa.Schema) -> dict[str, Any]:
    return {
        "use_dictionary": [name for name in schema.names if name in _REPEATED],
        "column_encoding": dict.fromkeys(_numbers(schema), "DELTA_BINARY_PACKED"),
        "write_statistics": ["ts"] if "ts" in schema.names else False,
        "store_schema": False,
    }
