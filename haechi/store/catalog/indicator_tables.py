"""Tables of indicators: value once, assertions many (DATA-MODEL.md, 2). Times are microseconds UTC.

Rows that say what was known are closed (`gone_at`, `to_at`), never overwritten: "what did we know at T" is a query.
`assertion` is narrow on purpose: a list of a million values is one object and a million small rows.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TEXT

from haechi.store.catalog.base import ID, METADATA

# Compared byte by byte: PostgreSQL would sort a million values by the rules of a language.
_PLAIN = Text().with_variant(TEXT(collation="C"), "postgresql")

VALUE = Table(
    "value",
    METADATA,
    Column("id", ID, primary_key=True),  # never reused: sightings in the lake hold it for years
    Column("type", _PLAIN, nullable=False),  # model.indicator.ValueType
    Column("text", _PLAIN, nullable=False),  # normal form
    UniqueConstraint("type", "text"),
    sqlite_autoincrement=True,
)

SOURCE = Table(
    "source",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("marking", SmallInteger, nullable=False),  # for what the source leaves unmarked
    Column("own", SmallInteger, nullable=False, server_default="0"),  # 1: we ourselves are the creator
    Column("recipient_id", ID),  # the peer or consumer that sent it; null for files and feeds
    sqlite_autoincrement=True,
)

OBJECT = Table(
    "object",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("source_id", ID, ForeignKey("source.id"), nullable=False),
    # The source's own id; of a list: its name and a digest of what its values share (marking, validity, context).
    Column("object_id", Text, nullable=False),
    Column("list_name", Text),  # null for objects with an id of their own
    Column("type", Text, nullable=False, server_default="indicator"),  # STIX type; of lists and MISP "indicator" too
    Column("creator", Text, nullable=False, server_default=text("''")),  # created_by_ref of its first version
    Column("changed", BigInteger, nullable=False, server_default="0"),  # exchange_tables.CHANGES at its last change
    UniqueConstraint("source_id", "object_id"),
    Index("ix_object_list", "source_id", "list_name"),
    Index("ix_object_changed", "changed"),
    # The few among a million that are no indicators.
    Index(
        "ix_object_type", "type", sqlite_where=text("type <> 'indicator'"), postgresql_where=text("type <> 'indicator'")
    ),
    sqlite_autoincrement=True,
)

OBJECT_VERSION = Table(
    "object_version",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("object_id", ID, ForeignKey("object.id"), nullable=False),
    Column("version", Text, nullable=False),  # STIX modified, MISP timestamp; "" in lists
    Column("modified", BigInteger, nullable=False),  # the version as a time: newer or older
    Column("marking", SmallInteger, nullable=False),
    Column("pap", SmallInteger),
    Column("iep", Text),  # JSON of model.release.Iep
    Column("confidence", SmallInteger),
    Column("valid_from", BigInteger),
    Column("valid_until", BigInteger),
    Column("context", Text, nullable=False),  # JSON of model.indicator.Context
    Column("raw", LargeBinary),  # as received; null for lists
    Column("digest", LargeBinary, nullable=False),  # SHA-256 of raw, or of the parsed view where there is no raw
    # SHA-256 of the parsed view: a new default marking or a new relationship changes it under the same version.
    Column("view", LargeBinary, nullable=False),
    Column("from_at", BigInteger, nullable=False),
    Column("to_at", BigInteger),  # null: the version that counts
    Index("ix_object_version_object", "object_id"),
    sqlite_autoincrement=True,
)

KNOWN_HOW = Table(
    "known_how",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("how", Text, nullable=False),  # observed | asserted
    Column("why", Text, nullable=False),  # the reason given for an asserted time
    UniqueConstraint("how", "why"),
)

ASSERTION = Table(
    "assertion",
    METADATA,
    Column("value_id", ID, ForeignKey("value.id"), primary_key=True, autoincrement=False),
    # object.id and, below, known_how.id, without foreign keys: PostgreSQL checks each by a trigger a row, a quarter of a
    # million-row import apiece. `indicator_merge`, the only writer, takes both from rows it has just joined.
    Column("object_id", ID, primary_key=True, autoincrement=False),
    # In the key, so that a value that left a list and came back has both spans.
    Column("known_at", BigInteger, primary_key=True, autoincrement=False),
    Column("known_how", SmallInteger, nullable=False),
    Column("gone_at", BigInteger),
    Column("gone_why", Text),  # a message, as messages.catalogue.encode writes it
    Index("ix_assertion_object", "object_id"),
    sqlite_with_rowid=False,
)

PATTERN = Table(
    "pattern",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("object_id", ID, ForeignKey("object.id"), nullable=False),
    Column("pattern_type", Text, nullable=False),  # stix, sigma, yara, snort ...
    Column("pattern", Text, nullable=False),
    Column("reason", Text, nullable=False),  # why it is not evaluated yet: messages, encoded
    Column("known_at", BigInteger, nullable=False),
    Column("gone_at", BigInteger),
    Index("ix_pattern_object", "object_id"),
    sqlite_autoincrement=True,
)

VERDICT = Table(
    "verdict",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("value_id", ID, ForeignKey("value.id"), nullable=False),
    Column("verdict", Text, nullable=False),  # confirmed | false-positive
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("evidence", Text, nullable=False),
    Index("ix_verdict_value", "value_id"),
    sqlite_autoincrement=True,
)

VALUE_WARNING = Table(
    "value_warning",
    METADATA,
    Column("value_id", ID, ForeignKey("value.id"), primary_key=True, autoincrement=False),
    Column("list", Text, primary_key=True),  # name of a MISP warning list that keeps the value out of matching
    sqlite_with_rowid=False,
)

COUNTER = Table(
    "counter",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

FACT = Table(
    "fact",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("text", Text, nullable=False),
)

GENERATION = "indicators.generation"  # grows with every change that can change matching
