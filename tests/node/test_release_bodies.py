"""What leaves is STIX that others read, under ids that say nothing of the value."""

import json
from collections.abc import Iterator
from ipaddress import ip_network
from pathlib import Path
from uuid import UUID, uuid5

import pytest
import stix2
from sqlalchemy import text
from stix2validator import ValidationOptions, validate_instance

from haechi.model.canonical import encoded
from haechi.model.marking import TLP_OBJECTS, Tlp
from haechi.node.release_bodies import with_only
from haechi.store.catalog import deletion
from tests.node.giving import Giver, stix

SCO = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Giver]:
    made = Giver(tmp_path)
    yield made
    made.home.close()


def test_others_read_all_that_leaves(node: Giver) -> None:
    node.adds("list", "type,value,actor,confidence\nipv4,45.155.205.7,Lazarus,80\ndomain,b.example,,\n", own=True)
    node.adds("ours", [stix("indicator", 1, None), stix("malware", 2, name="m", is_family=False)], own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.AMBER_STRICT)
    node.runs(kr)
    found = node.has(kr)
    kinds = {"indicator", "malware", "identity", "marking-definition", "extension-definition"}
    assert {one["type"] for one in found.values()} == kinds
    options = ValidationOptions(version="2.1", disabled=["extensions-use"])
    for one in found.values():
        outcome = validate_instance(one, options)
        assert outcome.is_valid, (one, outcome.errors)
        assert stix2.parse(one, allow_custom=True)["id"] == one["id"]
    told = [one for one in found.values() if one.get("confidence") == 80]
    assert [one["created_by_ref"] for one in told] == [f"identity--{node.home.config.party_uuid}"]


def test_no_id_that_leaves_can_be_made_from_an_address(node: Giver) -> None:
    node.adds("list", "45.155.205.7\n", own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.AMBER_STRICT)
    node.runs(kr)
    node.adds("list", "45.155.205.8\n", own=True, replace=True)
    node.runs(kr)
    raw = node.raw(kr)
    for address in ip_network("45.155.205.0/24"):
        for what in ({"value": str(address)}, str(address)):
            for space in (SCO, UUID(int=0)):
                made = uuid5(space, encoded(what).decode() if isinstance(what, dict) else what)
                assert str(made).encode() not in raw
    assert b"45.155.205.7" not in raw


def test_ids_are_the_same_for_every_reader_and_go_along_once(node: Giver) -> None:
    node.adds("list", "45.155.205.7\n", own=True)
    kr, jp = node.recipient(), node.recipient("JP")
    for one in (kr, jp):
        node.grant(one, up_to=Tlp.AMBER_STRICT)
        node.runs(one)
    assert node.has(kr) == node.has(jp)
    node.adds("list", "45.155.205.8\n", own=True)
    assert node.runs(kr).released == 1


def test_only_what_is_live_stays_in_a_list_of_references() -> None:
    item = {"type": "report", "object_refs": ["a", "b", 5]}
    assert with_only(item, "object_refs", ["b", "c"]) == {"type": "report", "object_refs": ["b"]}
    assert with_only(item, "object_refs", []) == {"type": "report"}
    assert json.dumps(item) == '{"type": "report", "object_refs": ["a", "b", 5]}'


def test_a_marking_that_went_along_is_taken_back_with_what_it_marked(node: Giver) -> None:
    mark = stix("marking-definition", 7, None, definition_type="statement", definition={"statement": "of Kim, Daejeon"})
    del mark["modified"]
    item = stix("indicator", 1, object_marking_refs=[TLP_OBJECTS[Tlp.GREEN], mark["id"]])
    node.adds("peer", [mark, item])
    jp = node.recipient("JP")
    node.grant(jp, types=["indicator"])
    node.runs(jp)
    assert mark["id"] in node.has(jp)
    with node.home.catalog().begin() as conn:
        source = conn.execute(text("SELECT id FROM source WHERE name = 'peer'")).scalar_one()
        deletion.delete(conn, source, [mark["id"], item["id"]], seen=lambda ids: set(), now=1)
    assert b"Daejeon" not in node.raw(jp)
    assert not node.patterns(jp)
