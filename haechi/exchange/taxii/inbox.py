"""What a recipient writes to us: each object checked by itself, the good ones taken in, the others named with the reason.

The objects land under the recipient's own source and never under another's; what is unmarked is TLP:AMBER+STRICT as
everywhere. The status resource (TAXII 2.1, 4.3.1) is kept in the same transaction: acknowledged means durable.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import uuid4

import msgspec
from sqlalchemy import Connection

from haechi.exchange.taxii import times
from haechi.exchange.taxii.refusal import Refused, not_there
from haechi.formats import stix, stixcheck
from haechi.model.errors import BadInput
from haechi.model.source_object import SourceObject
from haechi.store.catalog import indicator_changes, indicator_load, submissions
from haechi.store.catalog.indicator_load import Loaded
from haechi.store.catalog.recipients import RecipientRow

MOST_OBJECTS: Final = 10_000  # in one request
_LONGEST_ID: Final = 300  # characters of an id that the status repeats


class Keeper(Protocol):
    """What the node does beside: look new values up on warning lists, and write the audit log."""

    def warn(self, conn: Connection, loaded: Loaded) -> None:
        """Keep out of matching what stands on a warning list."""

    def log(self, action: str, *, subject: str, details: Mapping[str, Any]) -> None:
        """One entry of the audit log, on disk when this returns."""


@dataclass(slots=True)
class _Sent:
    """One object as sent, and what came of it."""

    id: str
    version: str
    refused: str = ""


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw] = []


def take(conn: Connection, recipient: RecipientRow, body: bytes, keeper: Keeper, *, now: int) -> dict[str, Any]:
    """Take in an envelope, in the caller's transaction; the status resource that says what came of each object."""
    raws = _read(body)
    source, marking = submissions.source(conn, recipient)
    sent = [_named(raw, now) for raw in raws]
    envelope = b'{"objects":[%b]}' % b",".join(raws)  # these and nothing else, whatever stood around them
    parsed = stix.parse(envelope, marking=marking, definitions=indicator_load.marking_definitions(conn, source))
    loaded = indicator_load.load(conn, source, _good(parsed, sent), at=now, list_name="")
    for conflict in loaded.conflicts:
        if conflict.location.line is not None:
            sent[conflict.location.line].refused = conflict.reason
    keeper.warn(conn, loaded)
    status = _status(sent, now)
    submissions.keep(conn, uuid=status["id"], recipient_id=recipient.id, at=now, outcome=msgspec.json.encode(status))
    counts = {"taken": status["success_count"], "refused": status["failure_count"], "status": status["id"]}
    keeper.log("taxii.take", subject=f"party:{recipient.uuid}", details=counts)
    return status


def delete(conn: Connection, recipient: RecipientRow, object_id: str, keeper: Keeper, *, now: int) -> None:
    """Take an object that the recipient sent out of what counts, in all its versions (TAXII 2.1, 5.7)."""
    source, _ = submissions.source(conn, recipient)
    row = submissions.object_row(conn, source, object_id)
    if row is None:
        raise not_there()
    closed = indicator_changes.close_object(conn, row, at=now)
    keeper.log("taxii.delete", subject=f"party:{recipient.uuid}", details={"object": row, "closed": closed})


def _read(body: bytes) -> list[msgspec.Raw]:
    """The envelope's objects. Raises Refused: 400 for what is no JSON in UTF-8, 422 for what is no envelope of objects."""
    try:
        found = msgspec.json.decode(body, type=_Envelope).objects
    except msgspec.ValidationError:
        raise Refused(422, "no_envelope") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "no_json") from None
    if not found:
        raise Refused(422, "no_envelope")
    if len(found) > MOST_OBJECTS:
        raise Refused(413, "many_objects", most=MOST_OBJECTS)
    return found


def _named(raw: msgspec.Raw, now: int) -> _Sent:
    """Id and version as the status names them: `modified`, else `created`, else now (TAXII 2.1, 4.3.1.1)."""
    try:
        item = stixcheck.decoded(raw)
    except BadInput:
        return _Sent("", times.added(now))
    id, version = item.get("id"), item.get("modified") or item.get("created")
    known = isinstance(version, str) and times.parsed(version) is not None
    return _Sent(id[:_LONGEST_ID] if isinstance(id, str) else "", str(version) if known else times.added(now))


def _good(parsed: Iterator[SourceObject | BadInput], sent: list[_Sent]) -> Iterator[SourceObject]:
    """The objects that can be taken in, each with its place; the reasons of the others are noted."""
    for place, one in enumerate(parsed):
        if isinstance(one, BadInput):
            sent[place].refused = one.reason
        else:
            yield msgspec.structs.replace(one, line=place)


def _status(sent: list[_Sent], now: int) -> dict[str, Any]:
    successes = [{"id": one.id, "version": one.version} for one in sent if not one.refused]
    failures = [{"id": one.id, "version": one.version, "message": one.refused} for one in sent if one.refused]
    status: dict[str, Any] = {
        "id": str(uuid4()),
        "status": "complete",
        "request_timestamp": times.added(now),
        "total_count": len(sent),
        "success_count": len(successes),
        "failure_count": len(failures),
        "pending_count": 0,
    }
    if successes:
        status["successes"] = successes
    if failures:
        status["failures"] = failures
    return status
