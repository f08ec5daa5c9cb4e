"""What a recipient sent to us: the source it lands under, and what became of it, read by its submitter alone."""

from sqlalchemy import Connection, select, text

from haechi.model.marking import UNMARKED, Tlp
from haechi.store.catalog.exchange_tables import SUBMISSION
from haechi.store.catalog.recipients import RecipientRow


def source(conn: Connection, recipient: RecipientRow) -> tuple[int, Tlp]:
    """The recipient's own source, made where there is none yet, and its marking for unmarked objects.

    It bears the recipient's name, unless a file or feed has that already: nobody writes under another's source.
    """
    found = conn.execute(
        text("SELECT id, marking FROM source WHERE recipient_id = :recipient"), {"recipient": recipient.id}
    ).first()
    if found is not None:
        return int(found.id), Tlp(found.marking)
    taken = conn.execute(text("SELECT 1 FROM source WHERE name = :name"), {"name": recipient.name}).first()
    name = recipient.name if taken is None else f"{recipient.name} ({recipient.uuid})"
    made = conn.execute(
        text(
            "INSERT INTO source (name, marking, own, recipient_id) VALUES (:name, :marking, 0, :recipient) RETURNING id"
        ),
        {"name": name, "marking": int(UNMARKED), "recipient": recipient.id},
    )
    return int(made.scalar_one()), UNMARKED


def object_row(conn: Connection, source: int, object_id: str) -> int | None:
    """The catalog's row of an object that the source has and that still counts."""
    found = conn.execute(
        text(
            "SELECT o.id FROM object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
            " WHERE o.source_id = :source AND o.object_id = :object"
        ),
        {"source": source, "object": object_id},
    ).scalar()
    return None if found is None else int(found)


def keep(conn: Connection, *, uuid: str, recipient_id: int, at: int, outcome: bytes) -> None:
    """Keep a status resource (JSON) in the transaction that takes in what it speaks of."""
    conn.execute(SUBMISSION.insert().values(uuid=uuid, recipient_id=recipient_id, at=at, outcome=outcome.decode()))


def outcome(conn: Connection, uuid: str, recipient_id: int) -> bytes | None:
    """The status resource; None where there is none of that id or another submitted it."""
    query = select(SUBMISSION.c.outcome).where(SUBMISSION.c.uuid == uuid, SUBMISSION.c.recipient_id == recipient_id)
    found = conn.execute(query).scalar()
    return None if found is None else str(found).encode()
