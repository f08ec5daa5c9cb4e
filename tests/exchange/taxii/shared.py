"""What the tests of the TAXII server share: a recipient with a slice, and a way to ask."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine

from haechi.exchange.caller import BASIC, Caller
from haechi.exchange.message import Request, Response
from haechi.exchange.taxii import media, server
from haechi.formats import stixout
from haechi.messages.catalogue import text as message
from haechi.model.clock import FixedClock
from haechi.model.release import Relation
from haechi.store.catalog import ledger, recipients
from haechi.store.catalog.indicator_load import Loaded
from haechi.store.catalog.ledger import Outgoing
from haechi.store.catalog.recipients import RecipientRow

NOW = 1_800_000_000_000_000
DAY = 86_400_000_000


def an_id(number: int, kind: str = "indicator") -> str:
    return f"{kind}--{UUID(int=number, version=4)}"


def body(id: str, modified: int, **more: Any) -> bytes:
    """An object as small as can be, in canonical bytes."""
    fields = {
        "created": stixout.time(modified),
        "id": id,
        "modified": stixout.time(modified),
        "spec_version": "2.1",
        "type": id.partition("--")[0],
    }
    if fields["type"] == "indicator":
        fields |= {"pattern": "[domain-name:value = 'evil.example']", "pattern_type": "stix"}
        fields |= {"valid_from": stixout.time(modified)}
    return json.dumps(fields | more, sort_keys=True, separators=(",", ":")).encode()


def outgoing(number: int, version: int = 1, collection: str = "indicators", kind: str = "indicator") -> Outgoing:
    id, modified = an_id(number, kind), NOW - DAY + version * 1000
    return Outgoing(collection, id, kind, modified, body(id, modified), number, 0, "")


def recipient(conn: Connection, name: str = "MODA", kind: str = "consumer") -> RecipientRow:
    return recipients.add(
        conn, uuid=str(uuid4()), name=name, country="TW", kind=kind, relation=Relation.COMMUNITY, now=NOW
    )


class Keeper:
    """Notes what the server hands to the node."""

    def __init__(self) -> None:
        self.loaded: list[Loaded] = []
        self.logged: list[tuple[str, Mapping[str, Any]]] = []

    def warn(self, conn: Connection, loaded: Loaded) -> None:
        self.loaded.append(loaded)

    def log(self, action: str, *, subject: str, details: Mapping[str, Any]) -> None:
        self.logged.append((action, details))


class Site:
    """A catalog with one recipient, asked as it would be over HTTP."""

    def __init__(self, engine: Engine, how: str = BASIC, collections: frozenset[str] = frozenset()) -> None:
        self.engine, self.how, self.bound, self.keeper = engine, how, collections, Keeper()
        with engine.begin() as conn:
            self.recipient = recipient(conn)
            self.ids = {one.name: one.uuid for one in recipients.collections(conn, self.recipient.id)}

    def release(self, *found: Outgoing, now: int = NOW) -> None:
        with self.engine.begin() as conn:
            ledger.write(conn, self.recipient.id, found, now=now)

    def ask(self, path: str, method: str = "GET", data: bytes = b"", /, **headers: str) -> Response:
        given = {"accept": media.TAXII, "content-type": media.TAXII}
        given |= {key.replace("_", "-"): value for key, value in headers.items()}
        target = path.replace("INDICATORS", self.ids["indicators"]).replace("INBOX", self.ids["inbox"])
        request = Request(method, target, given, data)
        service = server.Service(
            title=message("taxii.title", party="X"), contact="X", keeper=self.keeper, clock=FixedClock(NOW)
        )
        with self.engine.begin() as conn:
            caller = Caller(recipients.get(conn, self.recipient.id), self.how, self.bound)
            return server.answer(request, caller, conn, service)

    def read(self, path: str, **headers: str) -> Any:
        found = self.ask(path, **headers)
        assert found.status == 200, found
        return json.loads(found.body)
