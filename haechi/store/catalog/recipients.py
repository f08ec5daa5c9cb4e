"""Who may be given something: peers (Haechi nodes) and consumers (plain readers), each bound to one party.

Nobody is a recipient before a person said so, and a peer is served nothing before its key was confirmed on another
channel. What is removed keeps its row: the ledger and the receipts speak of it.
"""

from typing import Any, Final
from uuid import uuid4

import msgspec
from sqlalchemy import Connection, select, text, update

from haechi.model.errors import Conflict, NotFound
from haechi.model.release import Recipient, Relation
from haechi.store.catalog.exchange_tables import COLLECTION, RECIPIENT, RULES

PEER: Final = "peer"
CONSUMER: Final = "consumer"
INDICATORS, SIGHTINGS, INBOX = "indicators", "sightings", "inbox"


class RecipientRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient as the catalog has it. Times in microseconds UTC."""

    id: int
    uuid: str
    name: str
    country: str
    kind: str
    relation: Relation
    person: bool
    added_at: int
    removed_at: int | None
    url: str
    key: bytes | None
    next_key: bytes | None
    tls_pin: bytes | None
    allow_private: bool
    confirmed_at: int | None
    epoch: int
    last_seq: int
    last_date: int
    seen_change: int
    seen_rules: int
    good_until: int | None

    @property
    def as_policy_sees(self) -> Recipient:
        """The recipient as `policy` looks at it."""
        return Recipient(id=self.uuid, relation=self.relation, person=self.person)


class CollectionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One collection of a recipient: its TAXII id and the state of its Merkle tree."""

    id: int
    uuid: str
    recipient_id: int
    name: str
    size: int
    last_seq: int  # of its last row in the ledger; 0 where it has none
    frontier: bytes


def count_change(conn: Connection) -> int:
    """Count a change of who may get what, in the transaction that makes it; the new count."""
    return count(conn, RULES)


def count(conn: Connection, name: str) -> int:
    """Let a counter grow by one, in the caller's transaction; its row is locked until the end. The new count."""
    return int(
        conn.execute(
            text(
                "INSERT INTO counter (name, value) VALUES (:name, 1)"
                " ON CONFLICT (name) DO UPDATE SET value = counter.value + 1 RETURNING value"
            ),
            {"name": name},
        ).scalar_one()
    )


def counted(conn: Connection, name: str) -> int:
    """A counter's value; 0 before its first change."""
    return int(conn.execute(text("SELECT value FROM counter WHERE name = :name"), {"name": name}).scalar() or 0)


def add(
    conn: Connection,
    *,
    uuid: str,
    name: str,
    country: str,
    kind: str,
    relation: Relation,
    now: int,
    person: bool = False,
    url: str = "",
    key: bytes | None = None,
    tls_pin: bytes | None = None,
    allow_private: bool = False,
) -> RecipientRow:
    """A new recipient with its collections; `Conflict` where the party is one already.

    A removed one comes back under a new epoch and, of a peer, to be confirmed anew.
    """
    found = conn.execute(select(RECIPIENT).where(RECIPIENT.c.uuid == uuid)).first()
    if found is not None and found.removed_at is None:
        raise Conflict("recipient.known", name=found.name, uuid=uuid)
    fields: dict[str, Any] = {
        "name": name,
        "country": country,
        "kind": kind,
        "relation": relation.value,
        "person": int(person),
        "added_at": now,
        "removed_at": None,
        "url": url,
        "key": key,
        "next_key": None,
        "tls_pin": tls_pin,
        "allow_private": int(allow_private),
        "confirmed_at": None,
        "seen_change": 0,
        "seen_rules": 0,
        "good_until": None,
    }
    if found is None:
        heads = {"uuid": uuid, "epoch": 1, "last_seq": 0, "last_date": 0}
        id = conn.execute(RECIPIENT.insert().values(**fields, **heads).returning(RECIPIENT.c.id)).scalar_one()
        for collection in (INDICATORS, SIGHTINGS, INBOX):
            conn.execute(
                COLLECTION.insert().values(uuid=str(uuid4()), recipient_id=id, name=collection, size=0, frontier=b"")
            )
    else:
        id = found.id
        conn.execute(update(RECIPIENT).where(RECIPIENT.c.id == id).values(**fields, epoch=found.epoch + 1))
    count_change(conn)
    return get(conn, id)


def get(conn: Connection, id: int) -> RecipientRow:
    """One recipient; `NotFound` where there is none of that id."""
    row = conn.execute(select(RECIPIENT).where(RECIPIENT.c.id == id)).first()
    if row is None:
        raise NotFound("recipient.unknown", name=str(id))
    return row_of(row)


def find(conn: Connection, who: str) -> RecipientRow:
    """The live recipient of that UUID or name; `NotFound` where there is none, `Conflict` where a name is two's."""
    living = select(RECIPIENT).where(RECIPIENT.c.removed_at.is_(None))
    rows = conn.execute(living.where((RECIPIENT.c.uuid == who.lower()) | (RECIPIENT.c.name == who))).all()
    if not rows:
        raise NotFound("recipient.unknown", name=who)
    if len(rows) > 1:
        raise Conflict("recipient.ambiguous", name=who)
    return row_of(rows[0])


def by_key(conn: Connection, key: bytes) -> RecipientRow | None:
    """The live, confirmed peer with that public key (its present one or the one it announced); None where none has."""
    query = select(RECIPIENT).where(
        (RECIPIENT.c.key == key) | (RECIPIENT.c.next_key == key),
        RECIPIENT.c.removed_at.is_(None),
        RECIPIENT.c.confirmed_at.is_not(None),
    )
    row = conn.execute(query).first()
    return None if row is None else row_of(row)


def every(conn: Connection, kind: str = "") -> list[RecipientRow]:
    """The live recipients, of one kind or all, by name."""
    query = select(RECIPIENT).where(RECIPIENT.c.removed_at.is_(None)).order_by(RECIPIENT.c.name, RECIPIENT.c.id)
    return [row_of(row) for row in conn.execute(query.where(RECIPIENT.c.kind == kind) if kind else query)]


def change(conn: Connection, id: int, **fields: Any) -> RecipientRow:
    """Set fields of a recipient (url, key, next_key, tls_pin, allow_private, confirmed_at, removed_at, relation, name)."""
    conn.execute(update(RECIPIENT).where(RECIPIENT.c.id == id).values(**fields))
    count_change(conn)
    return get(conn, id)


def collections(conn: Connection, recipient_id: int) -> list[CollectionRow]:
    """A recipient's collections, by name."""
    query = select(COLLECTION).where(COLLECTION.c.recipient_id == recipient_id).order_by(COLLECTION.c.name)
    return [CollectionRow(**{**row, "frontier": bytes(row["frontier"])}) for row in conn.execute(query).mappings()]


def row_of(row: Any) -> RecipientRow:
    """A row that has all of RECIPIENT's columns, among others, as a recipient."""
    fields = {name: row._mapping[name] for name in RecipientRow.__struct_fields__}
    fields["relation"], fields["person"] = Relation(row.relation), bool(row.person)
    fields["allow_private"] = bool(row.allow_private)
    for name in ("key", "next_key", "tls_pin"):
        fields[name] = None if fields[name] is None else bytes(fields[name])
    return RecipientRow(**fields)
