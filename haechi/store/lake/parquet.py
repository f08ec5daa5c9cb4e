"""How the lake's files are encoded: one way for all kinds.

Strings of few distinct values as dictionaries, numbers as deltas, the rest plain; zstd 1. Statistics only of `ts`: a text's
minimum and maximum would outlive the text in the file's footer.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from haechi.model.event import LAKE_SCHEMA, PARTITION_COLUMNS

_REPEATED = frozenset({
    "activity", "source_type", "proto", "app_proto", "http_method", "user_agent", "category", "signature", "action",
    "matcher", "field", "reason", "reader",
})  # fmt: skip
_FOLDERS = frozenset(column.name for column in PARTITION_COLUMNS)


def write(table: pa.Table, file: Path) -> None:
    """Write the table's columns, cast to the lake's types, to a new file. Raises OSError where the disk is full."""
    names = [name for name in LAKE_SCHEMA.names if name in table.column_names and name not in _FOLDERS]
    schema = pa.schema([LAKE_SCHEMA.field(name) for name in names])
    numbers = [f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_timestamp(f.type)]
    pq.write_table(
        table.select(names).cast(schema),
        file,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in names if name in _REPEATED],
        column_encoding=dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
        write_statistics=["ts"] if "ts" in names else False,
        store_schema=False,
    )
