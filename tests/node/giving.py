"""A node that gives: what tests of release do with it."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from haechi.model.clock import FixedClock
from haechi.model.marking import TLP_OBJECTS, Tlp
from haechi.model.release import Grant, Relation
from haechi.node import indicators, release
from haechi.node.home import Home
from haechi.store.catalog import grants, ledger, recipients
from haechi.store.catalog.ledger import Written
from haechi.store.catalog.recipients import RecipientRow

NOW = 1_790_000_000_000_000
BOTH = ("sqlite", "postgresql")


class Giver:
    """A node of TWCERT/CC with one recipient after the other."""

    def __init__(self, folder: Path, database: str | None = None) -> None:
        self.folder, self.clock = folder, FixedClock(NOW)
        self.home = Home.init(
            folder / "node", party="TWCERT/CC", country="TW", sector="government", clock=self.clock, database=database
        )

    def recipient(
        self, name: str = "KR", kind: str = "peer", relation: Relation = Relation.COMMUNITY, **more: Any
    ) -> RecipientRow:
        with self.home.catalog().begin() as conn:
            made = recipients.add(
                conn, uuid=str(uuid4()), name=name, country="KR", kind=kind, relation=relation, now=1, **more
            )
            return recipients.change(conn, made.id, confirmed_at=1)

    def grant(self, recipient: RecipientRow | None, **what: Any) -> Grant:
        for name in ("types", "campaigns", "objects", "victim_fields"):
            if name in what:
                what[name] = frozenset(what[name])
        made = Grant(id=str(uuid4()), recipient=recipient.uuid if recipient else "", **what)
        with self.home.catalog().begin() as conn:
            grants.add(conn, made, at=self.clock.now(), by="user:a")
        return made

    def withdraw(self, grant: Grant) -> None:
        with self.home.catalog().begin() as conn:
            grants.withdraw(conn, grant.id, at=self.clock.now())

    def adds(self, name: str, content: str | list[dict[str, Any]], **options: Any) -> None:
        """A file into the catalog: a plain list, or STIX objects."""
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps({"type": "bundle", "objects": content}))
        told = indicators.add(self.home, [path], **({"source": name} | options))
        assert not told[0].refused, told[0].refused

    def runs(self, recipient: RecipientRow) -> Written:
        self.clock.at += 1_000_000
        return release.run(self.home, recipient)

    def has(self, recipient: RecipientRow) -> dict[str, dict[str, Any]]:
        """What the recipient has now: id to document."""
        with self.home.catalog().connect() as conn:
            return {
                str(row.object_id): json.loads(row.body or b"") for row in ledger.every(conn, recipient.id) if row.live
            }

    def patterns(self, recipient: RecipientRow) -> set[str]:
        return {one["pattern"] for one in self.has(recipient).values() if one["type"] == "indicator"}

    def raw(self, recipient: RecipientRow) -> bytes:
        """All bytes of its ledger."""
        with self.home.catalog().connect() as conn:
            return b"\n".join(msgspec.json.encode(row) + (row.body or b"") for row in ledger.every(conn, recipient.id))

    def why(self, id: str, who: str = "KR") -> str:
        found = release.explain(self.home, id, who)
        assert len(found) == 1
        return found[0].reason.id


def stix(kind: str, number: int, tlp: Tlp | None = Tlp.GREEN, **more: Any) -> dict[str, Any]:
    """A STIX object with an id by number."""
    item: dict[str, Any] = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{number:08d}-0000-4000-8000-000000000000",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
    }
    if kind == "indicator":
        item |= {
            "pattern": f"[ipv4-addr:value = '45.155.205.{number}']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
        }
    if tlp is not None:
        item["object_marking_refs"] = [TLP_OBJECTS[tlp]]
    return {**item, **more}
