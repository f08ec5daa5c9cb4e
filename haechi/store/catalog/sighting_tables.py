"""Tables of sightings that are shared: what partners say of indicators, and which of ours were put into words.

The sightings themselves are catalog objects; here stands what must be asked of them fast. Times are microseconds UTC.
"""

from sqlalchemy import BigInteger, Column, Index, Table, Text

from haechi.store.catalog.base import ID, METADATA

FOREIGN_SIGHTING = Table(
    "foreign_sighting",
    METADATA,
    Column("object_row", ID, primary_key=True, autoincrement=False),  # object.id of the sighting or opinion
    Column("indicator_id", Text, primary_key=True),  # as we received it or gave it out; values come by join
    Column("kind", Text, primary_key=True),  # model.sighting.Kind
    Column("count", BigInteger, nullable=False),
    Column("first", BigInteger),
    Column("last", BigInteger),
    Column("where_refs", Text, nullable=False),  # JSON list of ids of the same source's identities and locations
    Index("ix_foreign_sighting_indicator", "indicator_id"),
    sqlite_with_rowid=False,
)

OWN_SIGHTING = Table(
    "own_sighting",
    METADATA,
    Column("object_row", ID, primary_key=True, autoincrement=False),  # object.id of what asserts the value
    Column("value_id", ID, primary_key=True, autoincrement=False),  # 0 where the object is one STIX object
    Column("sector", Text, primary_key=True),  # of the affected party; "" where none is known
    Column("sighting_id", Text, nullable=False),  # random, and the same in all versions
    Column("count", BigInteger, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("created", BigInteger, nullable=False),  # of the sighting's first version, and of its latest
    Column("modified", BigInteger, nullable=False),
    Index("ix_own_sighting_id", "sighting_id"),
    sqlite_with_rowid=False,
)
