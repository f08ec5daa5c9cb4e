import pyarrow as pa

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
