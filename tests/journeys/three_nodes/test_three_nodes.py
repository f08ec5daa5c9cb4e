"""Whatever people do at three nodes, in whatever order: nothing leaves against a label or without a grant, nothing is missed.

The machine acts, the oracle judges (`oracle.py`, which knows nothing of how Haechi decides).
"""

import ast
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.journeys.three_nodes import documents, tlp
from tests.journeys.three_nodes.acts import SHARED, Acts
from tests.journeys.three_nodes.record import Word
from tests.journeys.three_nodes.world import NODES, RELATIONS, World

HOUR = 3_600_000_000
NODE, LINK = st.sampled_from(sorted(NODES)), st.sampled_from(sorted(RELATIONS))
LABEL = st.sampled_from([None, tlp.CLEAR, tlp.GREEN, tlp.GREEN, tlp.AMBER, tlp.AMBER, tlp.STRICT, tlp.RED])
GROUPS = tuple(f"{n}{n}{n}{n}{n}{n}{n}{n}-2222-4222-8222-222222222222" for n in (1, 2))
ACTIONS = st.sampled_from(
    ["none", "internally-visible-actions", "externally-visible-indirect-actions", "externally-visible-direct-actions"]
)


class ThreeNodes(RuleBasedStateMachine):
    """The rules are what may happen."""

    @initialize(
        persons=st.frozensets(LINK, max_size=2),
        plain=st.booleans(),
        broad=st.fixed_dictionaries(
            {link: st.sampled_from([None, tlp.GREEN, tlp.AMBER, tlp.STRICT, tlp.RED]) for link in sorted(RELATIONS)}
        ),
        data=st.data(),
    )
    def begins(self, persons: frozenset[tuple[str, str]], plain: bool, broad: dict[Any, int | None], data: Any) -> None:
        """Some links begin with a grant of all up to a label, and the nodes with something to give."""
        self.world = World(persons=persons, plain=plain)
        self.acts, self.record = Acts(self.world), self.world.record
        for (giver, taker), up_to in sorted(broad.items()):
            if up_to is not None:
                self.acts.grant(giver, recipient=taker, up_to=up_to, approved=True)
        for node in sorted(NODES):
            for own in data.draw(st.lists(st.booleans(), max_size=3)):
                self._told(node, own, data)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            try:
                self.world.settle()
            finally:
                self.world.close()

    # Indicators.

    def _values(self, data: Any, node: str) -> list[str]:
        shared: list[str] = data.draw(st.lists(st.sampled_from(SHARED), max_size=1))
        return [*(self.acts.value(node) for _ in range(data.draw(st.integers(1, 3)))), *shared]

    def _marks(self, data: Any) -> list[str]:
        label = data.draw(LABEL)
        return [] if label is None else [data.draw(st.sampled_from([documents.TLP_1, documents.TLP_2]))[label]]

    @rule(node=NODE, own=st.booleans(), data=st.data())
    def somebody_tells_something(self, node: str, own: bool, data: Any) -> None:
        self._told(node, own, data)

    def _told(self, node: str, own: bool, data: Any) -> None:
        formats = [self._list, self._csv, self._misp, self._bundle, self._bundle, self._policy]
        data.draw(st.sampled_from(formats))(node, own, data)

    def _list(self, node: str, own: bool, data: Any) -> None:
        self.acts.list_of(node, own, data.draw(LABEL), self._values(data, node))

    def _csv(self, node: str, own: bool, data: Any) -> None:
        campaign = st.sampled_from(["", "Spring", "Autumn"])
        self.acts.csv(node, own, [(value, data.draw(LABEL), data.draw(campaign)) for value in self._values(data, node)])

    def _misp(self, node: str, own: bool, data: Any) -> None:
        tags = data.draw(st.lists(st.integers(tlp.CLEAR, tlp.RED), max_size=2))
        distribution = data.draw(st.sampled_from(sorted(documents.FLOORS)))
        self.acts.misp(node, own, tags, distribution, self._values(data, node))

    def _bundle(self, node: str, own: bool, data: Any) -> None:
        acts = self.acts
        objects = [
            documents.indicator(acts.number(), acts.later, self._marks(data), value)
            for value in self._values(data, node)
        ]
        marked = [one for one in objects if one.get("object_marking_refs")]
        if marked and data.draw(st.booleans()):
            malware = documents.stix(
                "malware", acts.number(), acts.later, [self._mark(data)], name="m", is_family=False
            )
            link = self._relationship(self._mark(data), data.draw(st.sampled_from(marked))["id"], malware["id"])
            objects += [malware, link]
        acts.stix(node, own, objects, label=data.draw(LABEL))

    def _policy(self, node: str, own: bool, data: Any) -> None:
        """An indicator under an information exchange policy."""
        now, hours = self.world.clock.at, st.sampled_from([None, -HOUR, HOUR, 2 * HOUR])
        said: dict[str, Any] = {"permitted_actions": data.draw(ACTIONS)}
        said["encrypt_in_transit"] = data.draw(st.sampled_from(["may", "must"]))
        for name, drawn in (
            ("tlp", data.draw(st.sampled_from([None, "green", "amber", "red"]))),
            ("start_date", data.draw(hours)),
            ("end_date", data.draw(hours)),
        ):
            if drawn is not None:
                said[name] = drawn if name == "tlp" else documents.moment(now + int(drawn))
        policy = documents.policy(self.acts.number(), self.acts.later, **said)
        marks = [*self._marks(data), policy["id"]]
        one = documents.indicator(self.acts.number(), self.acts.later, marks, self.acts.value(node))
        self.acts.stix(node, own, [policy, one])

    def _mark(self, data: Any) -> str:
        return documents.TLP_2[data.draw(st.integers(tlp.CLEAR, tlp.RED))]

    def _relationship(self, mark: str, source: str, target: str) -> dict[str, Any]:
        ends = {"relationship_type": "indicates", "source_ref": source, "target_ref": target}
        return documents.stix("relationship", self.acts.number(), self.acts.later, [mark], **ends)

    def _words(self, node: str, *kinds: str) -> list[Word]:
        """The documents of these types that a node has."""
        found = [word for word in self.record.all_words(node) if word.doc is not None and word.type in kinds]
        return sorted(found, key=lambda word: (word.source, word.key))

    def _local(self, node: str) -> list[Word]:
        return [word for _, word in sorted(self.record.words[node].items())]

    @rule(node=NODE, data=st.data())
    def something_changes(self, node: str, data: Any) -> None:
        changes = [self._something_about_others, self._a_new_version, self._a_list_anew, self._an_expiry]
        data.draw(st.sampled_from(changes))(node, data)

    def _something_about_others(self, node: str, data: Any) -> None:
        """A relationship, sighting or opinion about whatever the node has, whoever said it."""
        own, kind = data.draw(st.booleans()), data.draw(st.sampled_from(["relationship", "sighting", "opinion"]))
        words = self._words(node, "indicator", "malware")
        plain = [word for word in words if len(tlp.marks(word.document)) == 1]
        if not plain:
            return
        one, other = data.draw(st.sampled_from(plain)), data.draw(st.sampled_from(plain))
        mark = documents.TLP_2[data.draw(st.sampled_from([tlp.GREEN, tlp.AMBER, tlp.RED]))]
        if kind == "relationship":
            if one.key == other.key:
                return
            made = self._relationship(mark, one.key, other.key)
        else:
            more: dict[str, Any] = {"object_refs": [one.key], "opinion": "agree"}
            if kind == "sighting":
                more = {"sighting_of_ref": one.key, "count": 2}
            made = documents.stix(kind, self.acts.number(), self.acts.later, [mark], **more)
        self.acts.stix(node, own, [made])

    def _a_new_version(self, node: str, data: Any) -> None:
        """Its source says it anew: under another label, revoked, or about something else."""
        words = [word for word in self._local(node) if word.doc is not None and len(tlp.marks(word.document)) == 1]
        words = [word for word in words if word.type in ("indicator", "malware")]
        if not words:
            return
        word = data.draw(st.sampled_from(words))
        label = data.draw(st.integers(tlp.CLEAR, tlp.RED))
        changes: dict[str, Any] = {"object_marking_refs": [documents.TLP_2[label]]}
        changes |= {"modified": documents.moment(self.acts.later)}
        if data.draw(st.integers(0, 4)) == 0:
            changes["revoked"] = True
        if word.document["modified"] < changes["modified"]:
            self.acts.stix(node, word.own, [{**word.document, **changes}], word.source)

    def _a_list_anew(self, node: str, data: Any) -> None:
        lists = sorted({(w.source, w.own) for w in self._local(node) if w.source.startswith("list")})
        if lists:
            (source, own), label = data.draw(st.sampled_from(lists)), data.draw(LABEL)
            words = [word for word in self._local(node) if word.source == source]
            kept = [word.value for word in words if data.draw(st.booleans())]
            carried = words[0].label if label is None else label
            self.acts.list_of(node, own, carried, [*kept, self.acts.value(node)], source)

    def _an_expiry(self, node: str, data: Any) -> None:
        words = [word for word in self._local(node) if word.type == "indicator" and not word.gone]
        if words:
            self.acts.expire(node, data.draw(st.sampled_from(words)))

    @rule(link=LINK, data=st.data())
    def carried_over_by_hand(self, link: tuple[str, str], data: Any) -> None:
        """A document goes to another node as a file, beside any release, under the label that it bears."""
        words = [word for word in self._words(link[0], "indicator", "malware") if len(tlp.marks(word.document)) == 1]
        if words:
            word = data.draw(st.sampled_from(words))
            self.acts.stix(link[1], False, [word.doc or b""], f"from-{link[0]}")

    # Who may get what.

    @rule(link=LINK, group=st.sampled_from(["", "", "", *GROUPS]), data=st.data())
    def a_grant(self, link: tuple[str, str], group: str, data: Any) -> None:
        giver, taker = link
        now = self.world.clock.at
        what: dict[str, Any] = {}
        if data.draw(st.integers(0, 3)) == 0:
            what["types"] = data.draw(st.sets(st.sampled_from(["indicator", "malware", "relationship", "sighting"])))
        if data.draw(st.integers(0, 5)) == 0:
            what["campaigns"] = {"Spring"}
        ids = sorted({word.grant_id for word in self.record.all_words(giver) if word.type in ("indicator", "malware")})
        if ids and data.draw(st.integers(0, 3)) == 0:
            what["objects"] = {data.draw(st.sampled_from(ids))}
        what["begins"] = data.draw(st.sampled_from([0, 0, now, now + HOUR]))
        what["ends"] = data.draw(st.sampled_from([None, None, now + 2 * HOUR, now + 1]))
        up_to = data.draw(st.sampled_from([tlp.GREEN, tlp.AMBER, tlp.STRICT, tlp.RED]))
        approved = data.draw(st.integers(0, 3)) > 0
        self.acts.grant(giver, recipient="" if group else taker, group=group, up_to=up_to, approved=approved, **what)

    @precondition(lambda self: any(not one.withdrawn for one in self.record.grants))
    @rule(data=st.data(), by=st.sampled_from(["user:one", "user:two"]))
    def a_grant_is_approved_or_withdrawn(self, data: Any, by: str) -> None:
        grant = data.draw(st.sampled_from([one for one in self.record.grants if not one.withdrawn]))
        if grant.approved:
            self.acts.withdraw(grant)
        else:
            self.acts.approve(grant, by)

    @rule(giver=NODE, group=st.sampled_from(GROUPS), members=st.none() | st.sets(NODE))
    def a_sharing_group(self, giver: str, group: str, members: set[str] | None) -> None:
        if members is not None:
            self.acts.group(giver, group, members)
        elif group in self.record.groups[giver]:
            self.acts.no_group(giver, group)

    # Time, release, sync.

    @rule(step=st.sampled_from([1, 1_000_000, HOUR, 0]))
    def time_goes_by(self, step: int) -> None:
        """To the moment itself at which something begins or ends, or on."""
        edges = self.acts.edges()
        self.world.clock.at = edges[0] if step == 0 and edges else self.world.clock.at + step

    @rule(giver=NODE)
    def a_release(self, giver: str) -> None:
        self.world.release(giver)

    @rule(link=LINK, release=st.booleans())
    def a_sync(self, link: tuple[str, str], release: bool) -> None:
        if release:
            self.world.release(link[0])
        self.world.sync(*link)

    @rule(link=LINK, at=st.integers(1, 9), answered=st.booleans())
    def a_sync_that_breaks_off(self, link: tuple[str, str], at: int, answered: bool) -> None:
        self.world.release(link[0])
        self.world.sync(*link, lost=lambda number, asked: number == at and asked is answered)

    @rule(release=st.booleans())
    def everybody_syncs(self, release: bool) -> None:
        for giver, taker in sorted(RELATIONS):
            if release:
                self.world.release(giver)
            self.world.sync(giver, taker)


def _play(examples: int, steps: int, *, fixed: bool = False) -> None:
    run_state_machine_as_test(
        ThreeNodes,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=fixed,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_whatever_happens_nothing_leaks_and_nothing_is_missed() -> None:
    _play(4, 20, fixed=True)


@pytest.mark.slow
def test_the_same_for_longer() -> None:
    _play(300, 60)


def test_the_oracle_shares_nothing_with_what_it_judges() -> None:
    for name in ("oracle.py", "record.py", "tlp.py"):
        tree = ast.parse((Path(__file__).parent / name).read_text())
        used = {
            name
            for node in ast.walk(tree)
            for name in (
                [one.name for one in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
        }
        assert not any(one.startswith("haechi") for one in used), used
