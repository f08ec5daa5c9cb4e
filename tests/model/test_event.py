from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from haechi.model import event


def test_only_types_that_delta_keeps() -> None:
    """Unsigned integers, nanoseconds and dictionaries come back as something else, or not at all."""
    for column in event.COLUMNS:
        assert not pa.types.is_unsigned_integer(column.type), column.name
        assert not pa.types.is_dictionary(column.type), column.name
        if pa.types.is_timestamp(column.type):
            assert (column.type.unit, column.type.tz) == ("us", "UTC"), column.name


def test_schemas_follow_the_columns() -> None:
    assert event.LAKE_SCHEMA.names == [c.name for c in event.COLUMNS]
    assert event.EVENT_SCHEMA.names == [c.name for c in event.EVENT_COLUMNS]
    assert set(event.EVENT_SCHEMA.names).isdisjoint(c.name for c in event.SIGHTING_COLUMNS + event.QUARANTINE_COLUMNS)


def test_the_meaning_of_activity_lists_its_values() -> None:
    column = next(c for c in event.COLUMNS if c.name == "activity")
    assert set(column.meaning.split(", ")) == set(event.Activity)


def test_column_names_are_one_each() -> None:
    names = [column.name for column in event.COLUMNS]
    assert len(set(names)) == len(names)
    assert all(column.meaning for column in event.COLUMNS)


def test_a_real_delta_table_gives_every_type_back(tmp_path: Path) -> None:
    moment = datetime(2026, 9, 21, 1, 2, 3, 456789, UTC)
    samples = {
        pa.string(): "a\u0000\uffff", pa.int32(): -(2**31), pa.int64(): 2**63 - 1, pa.binary(): b"\x00\xff", pa.date32(): date(2026, 9, 21),
        pa.timestamp("us", tz="UTC"): moment, pa.list_(pa.string()): ["", "b"], pa.map_(pa.string(), pa.string()): [("k", "")],
    }  # fmt: skip
    row = {f.name: samples.get(f.type, [{"input_id": 1, "offset": 2**40}]) for f in event.LAKE_SCHEMA}
    nothing = {f.name: row[f.name] if f.name in ("kind", "day") else None for f in event.LAKE_SCHEMA}
    table = pa.Table.from_pylist([row, nothing], event.LAKE_SCHEMA)
    write_deltalake(tmp_path / "table", table, partition_by=["kind", "day"])
    found = DeltaTable(str(tmp_path / "table")).to_pyarrow_table()
    for field in event.LAKE_SCHEMA:
        assert found.schema.field(field.name).type == field.type, field.name
    assert found.select(event.LAKE_SCHEMA.names).to_pylist() == table.to_pylist()
