"""Tables of exchange: recipients and their rights, the release ledger, what was received (DATA-MODEL.md, 5).

Times are microseconds UTC. Ids of parties, groups and grants are UUIDs; a withdrawn or deleted object leaves a salted
leaf behind and no id: a deterministic id of an address is found in minutes.
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

from haechi.store.catalog.base import ID, METADATA

RECIPIENT = Table(
    "recipient",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),  # the party's, global
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("kind", Text, nullable=False),  # peer (a Haechi node) | consumer (a plain TAXII or feed reader)
    Column("relation", Text, nullable=False),  # model.release.Relation
    Column("person", SmallInteger, nullable=False),  # 1: one named human being
    Column("added_at", BigInteger, nullable=False),
    Column("removed_at", BigInteger),
    # Of a peer.
    Column("url", Text, nullable=False),  # of its API root; "" for one that only calls us
    Column("key", LargeBinary),  # Ed25519, 32 bytes
    Column("next_key", LargeBinary),  # announced under the old key, taken when first used
    Column("tls_pin", LargeBinary),  # SHA-256 of the certificate's public key info
    Column("allow_private", SmallInteger, nullable=False),  # 1: a person allowed private addresses for the url's host
    Column("confirmed_at", BigInteger),  # the code was compared on another channel; before that nothing is served
    # The head of its slice of the ledger: drawn under this row's lock.
    Column("epoch", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_date", BigInteger, nullable=False),
    # What release looked at: catalog changes up to here, under the rules of then, good until.
    Column("seen_change", BigInteger, nullable=False),
    Column("seen_rules", BigInteger, nullable=False),
    Column("good_until", BigInteger),
    sqlite_autoincrement=True,
)

COLLECTION = Table(
    "collection",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("uuid", Text, nullable=False, unique=True),  # random: the TAXII id
    Column("recipient_id", ID, ForeignKey("recipient.id"), nullable=False),
    Column("name", Text, nullable=False),  # indicators | sightings | inbox (what the recipient may write)
    Column("size", BigInteger, nullable=False),  # leaves of its Merkle tree
    Column("last_seq", BigInteger, nullable=False, server_default="0"),  # of its last row
    Column("frontier", LargeBinary, nullable=False),  # model.merkle.Tree
    UniqueConstraint("recipient_id", "name"),
    sqlite_autoincrement=True,
)

CREDENTIAL = Table(
    "credential",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("recipient_id", ID, ForeignKey("recipient.id"), nullable=False),
    Column("kind", Text, nullable=False),  # basic | bearer | certificate
    Column(
        "name", Text, nullable=False, unique=True
    ),  # user name, or a name for the token; of a certificate its digest
    Column("digest", LargeBinary),  # SHA-256 of the 256-bit secret, which is shown once and kept nowhere
    Column("collections", Text, nullable=False),  # JSON list of collection names; [] is all
    Column("made_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    sqlite_autoincrement=True,
)

SHARING_GROUP = Table(
    "sharing_group",
    METADATA,
    Column("uuid", Text, primary_key=True),  # global: the group's own, never a local number
    Column("name", Text, nullable=False),
)

SHARING_GROUP_MEMBER = Table(
    "sharing_group_member",
    METADATA,
    Column("group_uuid", Text, ForeignKey("sharing_group.uuid"), primary_key=True),
    Column("party_uuid", Text, primary_key=True),
)

GRANT_RULE = Table(
    "grant_rule",
    METADATA,
    Column("uuid", Text, primary_key=True),
    Column("recipient", Text, nullable=False),  # a party's UUID, or ""
    Column("sharing_group", Text, nullable=False),  # a group's UUID, or ""
    Column(
        "what", Text, nullable=False
    ),  # JSON of model.release.Grant: types, campaigns, objects, up_to, victim fields
    Column("begins", BigInteger, nullable=False),
    Column("ends", BigInteger),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("approved_at", BigInteger),
    Column("approved_by", Text, nullable=False),
    Column("withdrawn_at", BigInteger),
)

LEDGER = Table(
    "ledger",
    METADATA,
    Column("recipient_id", ID, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # from 1, without a gap
    Column("date_added", BigInteger, nullable=False),  # grows strictly with seq
    Column("collection_id", ID, nullable=False),
    Column("action", SmallInteger, nullable=False),  # store.catalog.ledger.Action
    Column("live", SmallInteger, nullable=False),  # 1: what the recipient has now of this object
    Column("leaf", LargeBinary, nullable=False),  # model.merkle.leaf_of(salt, digest of the body)
    Column("of_seq", BigInteger),  # the row that this one supersedes or withdraws
    Column("reason", Text, nullable=False),  # messages, encoded
    # What dies with a withdrawal.
    Column("salt", LargeBinary),
    Column("object_id", Text),  # STIX id
    Column("type", Text),
    Column("version", BigInteger),  # modified; of an object without versions date_added
    Column("object_row", ID),  # catalog object
    Column("value_id", ID),  # the value of a list's object; 0 where the object is one
    Column("body", LargeBinary),  # the bytes that leave
    # Covers what is asked by it: SQLite would rather read the whole slice by the primary key than look twice.
    Index("ix_ledger_object", "recipient_id", "object_id", "live", "version"),
    Index("ix_ledger_unit", "recipient_id", "object_row", "value_id", "live"),
    # A page of a collection: dates grow strictly, so a date is a place. What was withdrawn leaves the index.
    Index(
        "ix_ledger_page",
        "collection_id",
        "live",
        "date_added",
        "type",
        "seq",
        sqlite_where=text("type IS NOT NULL"),
        postgresql_where=text("type IS NOT NULL"),
    ),
    # What no page shows, and what was withdrawn: few among many, asked for at every sync.
    Index("ix_ledger_hidden", "collection_id", "seq", sqlite_where=text("live = 0"), postgresql_where=text("live = 0")),
    Index(
        "ix_ledger_withdrawn",
        "recipient_id",
        "seq",
        sqlite_where=text("action = 2"),
        postgresql_where=text("action = 2"),
    ),
    sqlite_with_rowid=False,
)

# What an object refers to and can't leave without: both ends of a relationship, what was sighted.
OBJECT_NEED = Table(
    "object_need",
    METADATA,
    Column("needs", Text, primary_key=True),  # STIX id
    Column("object_row", ID, primary_key=True, autoincrement=False),
    Index("ix_object_need_row", "object_row"),
    sqlite_with_rowid=False,
)

PEER_STATE = Table(
    "peer_state",
    METADATA,
    Column("recipient_id", ID, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),  # of the peer's ledger, as we know it
    Column("seq", BigInteger, nullable=False),  # received up to here
    Column("withdrawn_seq", BigInteger, nullable=False),  # withdrawals applied up to here
    Column("tried_at", BigInteger),
    Column("done_at", BigInteger),
    Column("failures", BigInteger, nullable=False),
)

RECEIVED = Table(
    "received",
    METADATA,
    Column("recipient_id", ID, primary_key=True, autoincrement=False),  # the peer it came from
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # in the peer's ledger
    Column("collection", Text, nullable=False),  # the peer's collection, by name
    Column("leaf", LargeBinary, nullable=False),
    Column("live", SmallInteger, nullable=False),
    Column("salt", LargeBinary),
    Column("object_id", Text),
    Column("refused", Text),  # why it wasn't taken into the catalog: messages, encoded
    Index("ix_received_object", "recipient_id", "object_id", "live"),
    sqlite_with_rowid=False,
)

RECEIVED_TREE = Table(
    "received_tree",
    METADATA,
    Column("recipient_id", ID, primary_key=True, autoincrement=False),
    Column("collection", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),  # model.merkle.Tree
    # The cursor: the last row received, and its date in the peer's ledger.
    Column("seq", BigInteger, nullable=False),
    Column("date_added", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

SUBMISSION = Table(
    "submission",
    METADATA,
    Column("uuid", Text, primary_key=True),  # the TAXII status id
    Column("recipient_id", ID, ForeignKey("recipient.id"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", Text, nullable=False),  # JSON: successes and failures, each with id, version and message
)

RECEIPT = Table(
    "receipt",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("recipient_id", ID, ForeignKey("recipient.id"), nullable=False),
    Column("direction", Text, nullable=False),  # sent | received, as seen from here
    Column("collection", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("agreed", SmallInteger, nullable=False),
    Column("ours", Text, nullable=False),  # signed JSON
    Column("theirs", Text, nullable=False),  # signed JSON
    Index("ix_receipt_recipient", "recipient_id", "collection"),
    sqlite_autoincrement=True,
)

CONFIRMATION = Table(
    "confirmation",
    METADATA,
    Column("recipient_id", ID, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),  # the withdrawal's in our ledger
    Column("at", BigInteger, nullable=False),
    Column("word", Text, nullable=False),  # the peer's signed JSON: deleted, and what it can't take back
    sqlite_with_rowid=False,
)

NONCE = Table(
    "nonce",
    METADATA,
    Column("key_id", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("expires", BigInteger, nullable=False),
    Index("ix_nonce_expires", "expires"),
    sqlite_with_rowid=False,
)

FEED = Table(
    "feed",
    METADATA,
    Column("id", ID, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),  # taxii | misp
    Column("url", Text, nullable=False),
    Column("collection", Text, nullable=False),
    Column("username", Text, nullable=False),  # the secret lies in the home folder, 0600
    Column("private", SmallInteger, nullable=False),  # 1: a person allowed private addresses for its host
    Column("source_id", ID, ForeignKey("source.id"), nullable=False),
    Column("added_after", Text, nullable=False),  # as the server wrote it
    Column("next", Text, nullable=False),  # its cursor within a run that broke off
    Column("etag", Text, nullable=False),
    Column("tried_at", BigInteger),
    Column("done_at", BigInteger),
    Column("failures", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

FEED_ITEM = Table(
    "feed_item",
    METADATA,
    Column("feed_id", ID, ForeignKey("feed.id"), primary_key=True, autoincrement=False),
    Column("name", Text, primary_key=True),  # of a MISP feed: the event's UUID
    Column("version", BigInteger, nullable=False),  # its timestamp when it was taken
    sqlite_with_rowid=False,
)

RULES = "release.rules"  # counter: grows with every change of a grant, a group or a recipient
CHANGES = "objects.changes"  # counter: grows with every change of an object, its values or their markings
