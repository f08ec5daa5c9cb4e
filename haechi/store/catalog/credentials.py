"""Logins of consumers: user name and secret, bearer token, client certificate. Only SHA-256 of a secret is kept.

The secrets are 256 random bits, so a fast hash is enough: nobody tries them all. Comparison takes the same time whether
the name is known or not. A peer has none of these: it signs.
"""

import hashlib
import hmac
import secrets
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select, text, update

from haechi.model.errors import Conflict
from haechi.store.catalog import driver, recipients
from haechi.store.catalog.exchange_tables import CREDENTIAL, RECIPIENT
from haechi.store.catalog.recipients import RecipientRow

BASIC, BEARER, CERTIFICATE = "basic", "bearer", "certificate"
_USED_EVERY: Final = 60_000_000  # microseconds: the last use is written at most so often
LOGINS: Final = "logins.changes"  # counter: grows with every change of a login
_NOBODY: Final = bytes(32)  # what an unknown name's secret is compared with


class CredentialRow(msgspec.Struct, frozen=True, kw_only=True):
    """A login as the catalog has it; the secret's digest stays there. Times in microseconds UTC."""

    id: int
    recipient_id: int
    kind: str
    name: str
    collections: tuple[str, ...]
    made_at: int
    revoked_at: int | None
    last_used_at: int | None


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a login names, and what it is bound to."""

    recipient: RecipientRow
    credential_id: int
    last_used_at: int | None
    collections: frozenset[str]


def secret() -> str:
    """256 random bits as 43 characters of Base64 for URLs."""
    return secrets.token_urlsafe(32)


def set_secret(
    conn: Connection, recipient_id: int, *, kind: str, name: str, said: str, collections: tuple[str, ...], now: int
) -> None:
    """Give a recipient a login under that name; one it has already gets the new secret, and the old one ends.

    `Conflict` where the name is another's live login.
    """
    found = conn.execute(select(CREDENTIAL).where(CREDENTIAL.c.name == name)).first()
    fields: dict[str, Any] = {
        "recipient_id": recipient_id,
        "kind": kind,
        "digest": hashlib.sha256(said.encode()).digest(),
        "collections": msgspec.json.encode(collections).decode(),
        "made_at": now,
        "revoked_at": None,
        "last_used_at": None,
    }
    if found is None:
        conn.execute(CREDENTIAL.insert().values(name=name, **fields))
    elif found.recipient_id == recipient_id or found.revoked_at is not None:
        conn.execute(update(CREDENTIAL).where(CREDENTIAL.c.id == found.id).values(**fields))
    else:
        raise Conflict("consumer.login_taken", name=name)
    recipients.count(conn, LOGINS)


def every(conn: Connection, recipient_id: int) -> list[CredentialRow]:
    """A recipient's logins, revoked ones too."""
    query = select(CREDENTIAL).where(CREDENTIAL.c.recipient_id == recipient_id).order_by(CREDENTIAL.c.id)
    return [
        CredentialRow(
            id=row.id,
            recipient_id=row.recipient_id,
            kind=row.kind,
            name=row.name,
            collections=tuple(msgspec.json.decode(row.collections, type=list[str])),
            made_at=row.made_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
        )
        for row in conn.execute(query)
    ]


def revoke(conn: Connection, recipient_id: int, *, at: int) -> int:
    """End all logins of a recipient, from the next request on; how many there were."""
    recipients.count(conn, LOGINS)
    query = update(CREDENTIAL).where(CREDENTIAL.c.recipient_id == recipient_id, CREDENTIAL.c.revoked_at.is_(None))
    return conn.execute(query.values(revoked_at=at)).rowcount


_LOGIN = select(
    CREDENTIAL.c.id.label("credential_id"),
    CREDENTIAL.c.digest,
    CREDENTIAL.c.collections,
    CREDENTIAL.c.last_used_at,
    RECIPIENT,
).join(RECIPIENT, RECIPIENT.c.id == CREDENTIAL.c.recipient_id)


def changes(conn: Connection) -> int:
    """How often any login was changed: what was checked under the same count still holds."""
    found = driver.first(conn, "SELECT value FROM counter WHERE name = :name", {"name": LOGINS})
    return 0 if found is None else int(found[0])


def check(conn: Connection, kind: str, name: str, said: str) -> Login | None:
    """Whom a name and its secret log in; None for a wrong secret, an unknown, revoked or removed one, all alike.

    A certificate has no secret: `said` is what its name is made of.
    """
    digest = hashlib.sha256(said.encode(errors="surrogatepass")).digest()
    row = conn.execute(
        _LOGIN.where(
            CREDENTIAL.c.name == name.replace("\0", "?"),
            CREDENTIAL.c.kind == kind,
            CREDENTIAL.c.revoked_at.is_(None),
            RECIPIENT.c.removed_at.is_(None),
        )
    ).first()
    right = hmac.compare_digest(_NOBODY if row is None else bytes(row.digest), digest)
    if row is None or not right:
        return None
    return Login(
        recipient=recipients.row_of(row),
        credential_id=row.credential_id,
        last_used_at=row.last_used_at,
        collections=frozenset(msgspec.json.decode(row.collections, type=list[str])),
    )


def is_stale(used_at: int | None, now: int) -> bool:
    """Whether a login's last use is to be written: a minute's accuracy is enough, and a write a request is too much."""
    return used_at is None or now - used_at >= _USED_EVERY


def used(conn: Connection, credential_id: int, *, at: int) -> None:
    """Write that a login was used."""
    conn.execute(
        text("UPDATE credential SET last_used_at = :at WHERE id = :id AND coalesce(last_used_at, 0) < :at"),
        {"at": at, "id": credential_id},
    )
