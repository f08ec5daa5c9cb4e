"""Consumers: plain readers of our TAXII server, each bound to a party and to its collections.

The secrets are made here, shown once and kept nowhere; the audit log names the consumer, never a secret.
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
from sqlalchemy import Connection

from haechi.model.errors import BadInput, NotFound, UsageError
from haechi.model.location import Location
from haechi.model.release import Relation
from haechi.node import keys
from haechi.node.home import Home
from haechi.store.catalog import credentials, ownership, recipients
from haechi.store.catalog.credentials import BASIC, BEARER, CERTIFICATE, CredentialRow
from haechi.store.catalog.recipients import CONSUMER, INBOX, INDICATORS, SIGHTINGS, RecipientRow

COLLECTIONS: Final = (INDICATORS, SIGHTINGS, INBOX)
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Consumer(msgspec.Struct, frozen=True, kw_only=True):
    """A consumer and its logins."""

    recipient: RecipientRow
    logins: tuple[CredentialRow, ...]

    @property
    def last_used_at(self) -> int | None:
        """When any of its logins was used last, to the minute; None: never."""
        return max((one.last_used_at for one in self.logins if one.last_used_at is not None), default=None)


class Secrets(msgspec.Struct, frozen=True, kw_only=True):
    """What a consumer logs in with, seen once: `user` and `secret` for HTTP Basic, or `token` as bearer."""

    user: str
    secret: str
    token: str

    def __repr__(self) -> str:
        return f"Secrets(user={self.user!r})"


def add(
    home: Home,
    *,
    name: str,
    country: str,
    relation: Relation = Relation.PUBLIC,
    person: bool = False,
    party: str = "",
    collections: Sequence[str] = (),
    certificate: bytes | None = None,
    secret_file: Path | None = None,
) -> tuple[RecipientRow, Secrets]:
    """A new consumer and its secrets. `party` is the party's UUID where it has one; `certificate` a client's, in DER.

    The secrets are also written into `secret_file`, a new file that its owner alone can read. Raises `BadInput` for a name or country that is none, `UsageError` for a collection that is none, `Conflict` where
    the party is a recipient already.
    """
    bound = _collections(collections)
    _refuse_existing(secret_file)
    log, now = home.audit(), home.clock.now()
    with home.catalog().begin() as conn:
        added = recipients.add(
            conn,
            uuid=party.lower() or str(uuid4()),
            name=ownership.name(name),
            country=ownership.country(country),
            kind=CONSUMER,
            relation=relation,
            person=person,
            now=now,
        )
        made = _give(conn, added, bound, now)
        if certificate is not None:
            named = certificate_name(certificate)
            credentials.set_secret(conn, added.id, kind=CERTIFICATE, name=named, said=named, collections=bound, now=now)
        details = {"name": added.name, "relation": relation.value, "collections": list(bound), "person": person}
        log.append("consumer.add", subject=f"party:{added.uuid}", details=details)
        _keep(secret_file, made)
    return added, made


def every(home: Home) -> list[Consumer]:
    """The consumers by name."""
    with home.catalog().connect() as conn:
        return [
            Consumer(recipient=one, logins=tuple(credentials.every(conn, one.id)))
            for one in recipients.every(conn, CONSUMER)
        ]


def rotate(home: Home, who: str, *, secret_file: Path | None = None) -> Secrets:
    """New secrets for a consumer; the old ones end with this. `NotFound` where there is none of that name or UUID."""
    _refuse_existing(secret_file)
    log, now = home.audit(), home.clock.now()
    with home.catalog().begin() as conn:
        found = _find(conn, who)
        logins = [one for one in credentials.every(conn, found.id) if one.revoked_at is None]
        made = _give(conn, found, logins[0].collections if logins else (), now)
        log.append("consumer.rotate", subject=f"party:{found.uuid}", details={"name": found.name})
        _keep(secret_file, made)
    return made


def revoke(home: Home, who: str) -> RecipientRow:
    """End a consumer's logins from the next request on, and release nothing more to it."""
    log, now = home.audit(), home.clock.now()
    with home.catalog().begin() as conn:
        found = _find(conn, who)
        ended = credentials.revoke(conn, found.id, at=now)
        gone = recipients.change(conn, found.id, removed_at=now)
        log.append("consumer.revoke", subject=f"party:{found.uuid}", details={"name": found.name, "logins": ended})
    return gone


def certificate_name(certificate: bytes) -> str:
    """What a client certificate (DER) is known by: the SHA-256 of all of it."""
    return f"sha256:{hashlib.sha256(certificate).hexdigest()}"


def _refuse_existing(path: Path | None) -> None:
    if path is not None and path.exists():
        raise UsageError("consumer.secret_file", path=str(path))


def _keep(path: Path | None, made: Secrets) -> None:
    """The secrets into their file, before anything counts: a full disk must not lose them."""
    if path is not None:
        fields = {"user": made.user, "secret": made.secret, "token": made.token}
        keys.write_private(path, "".join(f'{name} = "{value}"\n' for name, value in fields.items()).encode())


def _find(conn: Connection, who: str) -> RecipientRow:
    found = recipients.find(conn, who)
    if found.kind != CONSUMER:
        raise NotFound("consumer.is_peer", name=found.name)
    return found


def _collections(wanted: Sequence[str]) -> tuple[str, ...]:
    for one in wanted:
        if one not in COLLECTIONS:
            raise UsageError("consumer.no_collection", name=one, names=", ".join(COLLECTIONS))
    return tuple(dict.fromkeys(wanted))


def _give(conn: Connection, recipient: RecipientRow, collections: tuple[str, ...], now: int) -> Secrets:
    """Secrets under the names that the recipient has, or new names."""
    names = {one.kind: one.name for one in credentials.every(conn, recipient.id) if one.revoked_at is None}
    user = names.get(BASIC) or _user(recipient)
    token_id = names.get(BEARER) or f"t{uuid4().hex[:16]}"
    made = Secrets(user=user, secret=credentials.secret(), token=f"{token_id}.{credentials.secret()}")
    for kind, name, said in ((BASIC, user, made.secret), (BEARER, token_id, made.token.partition(".")[2])):
        credentials.set_secret(conn, recipient.id, kind=kind, name=name, said=said, collections=collections, now=now)
    return made


def _user(recipient: RecipientRow) -> str:
    """A user name without what HTTP Basic can't carry: the consumer's own, or the first part of its UUID."""
    return recipient.name if _USER.fullmatch(recipient.name) else f"consumer-{recipient.uuid[:8]}"


def read_certificate(content: bytes, path: str) -> bytes:
    """The DER of a certificate file in PEM or DER; BadInput where it is none."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        read = x509.load_pem_x509_certificate if b"-----BEGIN" in content else x509.load_der_x509_certificate
        return read(content).public_bytes(Encoding.DER)
    except ValueError as error:
        raise BadInput("consumer.no_certificate", location=Location(path=path)) from error
