"""Decisions by the document's own label and policy, and by two persons where the node wants them."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from haechi.model.clock import DAY
from haechi.model.marking import TLP_OBJECTS, Tlp
from haechi.model.release import Relation
from haechi.node.home import Home
from haechi.store.catalog import grants
from tests.node.giving import NOW, Giver, stix

IEP = "marking-definition--da05d443-ad8d-46fc-abf5-31d3d00290f1"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Giver]:
    made = Giver(tmp_path)
    yield made
    made.home.close()


def with_policy(**said: object) -> list[dict[str, object]]:
    """An indicator under an information exchange policy, with the policy."""
    extension = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
    policy = stix("marking-definition", 1, None) | {
        "id": IEP,
        "name": "IEP",
        "extensions": {extension: {"extension_type": "property-extension", "iep_version": 2.0, **said}},
    }
    del policy["modified"]
    return [policy, stix("indicator", 2, object_marking_refs=[TLP_OBJECTS[Tlp.GREEN], IEP])]


def test_a_policy_binds_from_its_beginning_to_its_end(node: Giver) -> None:
    ends = "2026-09-23T14:13:20Z"  # two days after the clock's start
    items = with_policy(permitted_actions="externally-visible-direct-actions", end_date=ends)
    node.adds("feed", items)
    kr = node.recipient()
    node.grant(kr)
    assert node.runs(kr).released == 3  # with its markings, so that the policy binds there too
    assert IEP in node.has(kr)
    node.clock.at = NOW + 2 * DAY
    assert node.runs(kr).withdrawn == 1
    assert node.why(str(items[1]["id"])) == "policy.iep-over"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"permitted_actions": "internally-visible-actions"}, "policy.iep-actions"),
        ({"permitted_actions": "none"}, "policy.iep-actions"),
        ({"permitted_actions": "externally-visible-direct-actions", "encrypt_in_transit": "must"}, "policy.iep-encrypt"),
        ({"permitted_actions": "externally-visible-direct-actions", "start_date": "2099-01-01T00:00:00Z"}, "policy.iep-not-yet"),
        ({"permitted_actions": "externally-visible-direct-actions", "tlp": "red"}, "policy.label-forbids"),
    ],
)  # fmt: skip
def test_what_a_policy_forbids(node: Giver, said: dict[str, object], why: str) -> None:
    items = with_policy(**said)
    node.adds("feed", items)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.RED)
    node.runs(kr)
    assert not node.patterns(kr)
    assert node.why(str(items[1]["id"])) == why


def test_a_label_in_the_document_counts_not_one_that_was_brought_into_its_context(node: Giver) -> None:
    actor = stix("threat-actor", 2, Tlp.AMBER, name="Lazarus")
    link = stix("relationship", 3, source_ref=stix("indicator", 1)["id"], target_ref=actor["id"], relationship_type="indicates")  # fmt: skip
    node.adds("feed", [stix("indicator", 1), actor, link])
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    assert [one["type"] for one in node.has(kr).values()] == ["marking-definition", "indicator"]


def test_a_document_that_isnt_the_object_of_its_id_stays(node: Giver) -> None:
    event = {"Event": {"uuid": "5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f", "info": "x", "Attribute": [
        {"uuid": "indicator--00000001-0000-4000-8000-000000000000", "type": "domain", "value": "a.example",
         "to_ids": True, "timestamp": "1700000000", "Tag": [{"name": "tlp:clear"}]}]}}  # fmt: skip
    node.adds("misp", json.dumps(event))
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    assert node.has(kr) == {}
    assert node.why("indicator--00000001-0000-4000-8000-000000000000") == "policy.not-stix"


def test_an_attribute_leaves_as_an_indicator_and_its_new_version_supersedes(node: Giver) -> None:
    attribute = {"uuid": "5f6f6df5-5d1f-4a69-9d5e-0d9ce7bd8d4f", "type": "domain", "value": "a.example",
                 "to_ids": True, "timestamp": "1700000000", "Tag": [{"name": "tlp:green"}, {"name": "PAP:AMBER"}]}  # fmt: skip
    node.adds("misp", json.dumps({"Event": {"info": "x", "Attribute": [attribute]}}))
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    [first] = [one for one in node.has(kr).values() if one["type"] == "indicator"]
    assert (first["pattern"], len(first["object_marking_refs"])) == ("[domain-name:value = 'a.example']", 2)
    assert "5f6f6df5" not in json.dumps(first)
    node.clock.at += 5_000_000
    attribute |= {"timestamp": "1700000009", "comment": "seen again"}
    node.adds("misp2", json.dumps({"Event": {"info": "x", "Attribute": [attribute]}}), source="misp")
    assert node.runs(kr).superseded == 1
    [second] = [one for one in node.has(kr).values() if one["type"] == "indicator"]
    assert second["id"] == first["id"]
    assert second["modified"] > first["modified"]


def test_with_two_persons_what_needs_both_leaves_when_both_have_spoken(node: Giver) -> None:
    fab = stix("identity", 1, name="Formosa Fab", identity_class="organization")
    seen = stix("sighting", 3, sighting_of_ref=stix("indicator", 2)["id"], where_sighted_refs=[fab["id"]])
    node.adds("ours", [fab, stix("indicator", 2), seen], own=True)
    node.adds("feed", [stix("indicator", 4, Tlp.AMBER)])
    grid = node.recipient("Grid", relation=Relation.CLIENT)
    made = node.grant(grid, victim_fields=["identity"])
    node.runs(grid)
    assert len(node.patterns(grid)) == 2
    config = msgspec.structs.replace(node.home.config, second_person=True)
    node.home = Home(node.home.path, config, node.clock)
    done = node.runs(grid)  # the settings have changed, nothing else
    assert done.withdrawn == 2  # another's AMBER; the name of who was hit
    assert len(node.patterns(grid)) == 1
    assert b"Formosa" not in node.raw(grid)
    assert node.why(stix("indicator", 4)["id"], "Grid") == "policy.not-approved"
    with node.home.catalog().begin() as conn:
        grants.approve(conn, made.id, at=NOW, by="user:b")
    node.runs(grid)
    assert len(node.patterns(grid)) == 2
    assert b"Formosa" in node.raw(grid)
