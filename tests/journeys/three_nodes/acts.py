"""What people do at the three nodes, done for real and noted down in the record."""

import json
from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

from haechi.model.errors import Conflict
from haechi.model.marking import Tlp
from haechi.model.release import Grant as Rule
from haechi.node import indicators
from haechi.node.indicators import Added
from haechi.store.catalog import grants
from tests.journeys.three_nodes import documents, tlp
from tests.journeys.three_nodes.record import Grant, Word, values_in
from tests.journeys.three_nodes.world import NOW, World

DAY: Final = 86_400_000_000
SHARED: Final = ("seen-by-all.example", "seen-by-many.example")  # values that several sources name


class Acts:
    """Acts on a world."""

    def __init__(self, world: World) -> None:
        self.world, self.record, self._number = world, world.record, 0

    def number(self) -> int:
        self._number += 1
        return self._number

    def value(self, node: str) -> str:
        return f"q{self.number():04d}z.{node.lower()}.example"

    # Indicators.

    def _add(self, node: str, name: str, content: bytes, source: str, **options: Any) -> Added:
        path = self.world.folder / name
        path.write_bytes(content)
        [told] = indicators.add(self.world.homes[node], [path], source=source, **options)
        return told

    def _note(self, node: str, word: Word) -> None:
        before = self.record.words[node].get((word.source, word.key))
        if before is not None:
            word.gone = before.gone and before.doc is not None  # what was expired by hand stays so
            word.unsure = before.unsure
        self.record.words[node][word.source, word.key] = word
        self.record.said[node] |= {word.value} if word.doc is None else values_in(word.doc)

    def list_of(self, node: str, own: bool, label: int | None, values: Sequence[str], source: str = "") -> None:
        """A plain list; under the same source it takes the place of the one before."""
        source = source or f"list{self.number()}"
        marking = None if label is None else Tlp(label)
        told = self._add(
            node, f"{source}.txt", "\n".join([*values, ""]).encode(), source, own=own, marking=marking, replace=True
        )
        assert not told.bad, told.refused
        for key, word in list(self.record.words[node].items()):
            if word.source == source and word.value not in values:
                del self.record.words[node][key]
        carried = tlp.STRICT if label is None else label
        for value in values:
            self._note(node, self._unit(source, own, value, carried, f"list:{source}/{source}.txt"))

    def _unit(self, source: str, own: bool, value: str, label: int, grant: str, campaign: str = "") -> Word:
        key = documents.pattern(value)
        campaigns = frozenset({campaign} - {""})
        return Word(source, own, key, "indicator", label, grant, value=value, campaigns=campaigns)

    def csv(self, node: str, own: bool, rows: Sequence[tuple[str, int | None, str]]) -> None:
        """A list whose rows have labels and campaigns of their own."""
        source = f"csv{self.number()}"
        told = self._add(node, f"{source}.csv", documents.csv(rows), source, own=own)
        assert not told.bad, told.refused
        for value, label, campaign in rows:
            carried = tlp.STRICT if label is None else label
            self._note(node, self._unit(source, own, value, carried, f"list:{source}/{source}.csv", campaign))

    def misp(self, node: str, own: bool, tags: Sequence[int], distribution: int, values: Sequence[str]) -> None:
        """A MISP event: the strictest of its tags and of what its distribution lets (MISP core format)."""
        source = f"misp{self.number()}"
        numbered = [(self.number(), value) for value in values]
        event = documents.event(
            self.number(), numbered, [documents.TAGS[tag] for tag in tags], distribution, self.world.clock.at
        )
        told = self._add(node, f"{source}.json", event, source, own=own)
        assert not told.bad, told.refused
        label = max(max(tags, default=tlp.STRICT), documents.FLOORS[distribution])
        for number, value in numbered:
            self._note(node, self._unit(source, own, value, label, documents.uuid(number)))

    def stix(
        self,
        node: str,
        own: bool,
        objects: Sequence[dict[str, Any] | bytes],
        source: str = "",
        label: int | None = None,
    ) -> None:
        """A bundle; under the same source its objects are new versions. `label` is for what carries none."""
        source = source or f"stix{self.number()}"
        raws = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in objects]
        marking = None if label is None else Tlp(label)
        for document in map(tlp.read, raws):
            said = tlp.policy(document)
            if said is not None:
                self.record.policies[document["id"]] = said
        told = self._add(
            node, f"{source}-{self.number()}.json", documents.bundle(raws), source, own=own, marking=marking
        )
        assert not told.bad, told.refused
        for raw in raws:
            document = tlp.read(raw)
            carried = tlp.label(document, tlp.STRICT if label is None else label, self.record.policies)
            if document["type"] != "marking-definition":
                word = Word(source, own, document["id"], document["type"], carried, document["id"], doc=raw)
                before = self.record.words[node].get((source, word.key))
                if before is None or before.document["modified"] < document["modified"]:
                    self._note(node, word)

    def expire(self, node: str, word: Word) -> None:
        """A value of a source was wrong."""
        values = {word.value} if word.doc is None else values_in(word.doc)
        for value in values:
            if not indicators.expire(self.world.homes[node], value, "wrong", source=word.source):
                assert word.gone
            for other in self.record.words[node].values():
                if other.source == word.source and (
                    other.value == value or (other.doc and value in values_in(other.doc))
                ):
                    other.gone = True

    # Who may get what.

    def grant(
        self, giver: str, *, recipient: str = "", group: str = "", up_to: int, approved: bool, **what: Any
    ) -> Grant:
        made = Grant(
            giver,
            str(uuid4()),
            recipient,
            group,
            frozenset(what.get("types", ())),
            frozenset(what.get("campaigns", ())),
            frozenset(what.get("objects", ())),
            up_to,
            what.get("begins", 0),
            what.get("ends"),
            approved,
            what.get("victims", False),
        )
        rule = Rule(
            id=made.id,
            recipient=self.world.uuid(recipient) if recipient else "",
            group=group,
            types=made.types,
            campaigns=made.campaigns,
            objects=made.objects,
            up_to=Tlp(up_to),
            victim_fields=frozenset({"identity"} if made.victims else ()),
            begins=made.begins,
            ends=made.ends,
            approved=approved,
        )
        with self.world.homes[giver].catalog().begin() as conn:
            grants.add(conn, rule, at=self.world.clock.at, by="user:one")
        self.record.grants.append(made)
        if made.victims:  # whom it names is asked at every turn; who was ever told can't be untold
            self.record.told_victims |= {(giver, taker) for one, taker in self.record.links if one == giver}
        return made

    def approve(self, grant: Grant, by: str) -> None:
        """A second person's word; the first one's doesn't count."""
        with self.world.homes[grant.giver].catalog().begin() as conn:
            try:
                grants.approve(conn, grant.id, at=self.world.clock.at, by=by)
            except Conflict:
                assert by == "user:one"
                return
        assert by != "user:one"
        grant.approved = True

    def withdraw(self, grant: Grant) -> None:
        with self.world.homes[grant.giver].catalog().begin() as conn:
            grants.withdraw(conn, grant.id, at=self.world.clock.at)
        grant.withdrawn = True

    def group(self, giver: str, group: str, members: set[str]) -> None:
        """A sharing group with just these members; it may have none."""
        groups = self.record.groups[giver]
        with self.world.homes[giver].catalog().begin() as conn:
            if group in groups:
                grants.remove_group(conn, group)
            grants.add_group(
                conn, uuid=group, name=group[:4], members=[self.world.uuid(member) for member in sorted(members)]
            )
        groups[group] = set(members)

    def no_group(self, giver: str, group: str) -> None:
        with self.world.homes[giver].catalog().begin() as conn:
            grants.remove_group(conn, group)
        del self.record.groups[giver][group]

    # Time.

    def edges(self) -> list[int]:
        """Moments to come at which something begins or ends."""
        found = [at for grant in self.record.grants for at in (grant.begins, grant.ends) if at]
        found += tlp.edges(self.record.policies.values())
        return sorted(at for at in found if at > self.world.clock.at)

    @property
    def later(self) -> int:
        """The time of a new version: after all others."""
        return NOW - 300 * DAY + self.number() * 3_600_000_000
