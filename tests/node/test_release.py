"""What leaves for whom: grants, labels, lists, objects as they came, taken back and why."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from haechi.model.errors import NotFound
from haechi.model.marking import TLP_OBJECTS, Tlp
from haechi.model.release import Relation, SharingGroup
from haechi.node import indicators, release
from haechi.store.catalog import grants, ledger, recipients
from tests.node.giving import BOTH, NOW, Giver, stix


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Giver]:
    made = Giver(tmp_path)
    yield made
    made.home.close()


@pytest.fixture(params=BOTH)
def any_node(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Giver]:
    made = Giver(tmp_path, request.getfixturevalue("postgresql_url") if request.param == "postgresql" else None)
    yield made
    made.home.close()


def of_types(found: dict[str, dict[str, Any]]) -> list[str]:
    return sorted(one["type"] for one in found.values())


def test_a_list_of_our_own_leaves_under_our_grant_and_nothing_without_one(any_node: Giver) -> None:
    node = any_node
    node.adds("ours", "45.155.205.1\nevil.example\n", own=True, marking=Tlp.AMBER)
    kr = node.recipient()
    assert node.runs(kr).last_seq == 0
    node.grant(kr)
    done = node.runs(kr)
    assert (done.released, done.withdrawn) == (4, 0)  # with who we are and the label
    found = node.has(kr)
    assert of_types(found) == ["identity", "indicator", "indicator", "marking-definition"]
    assert node.patterns(kr) == {"[ipv4-addr:value = '45.155.205.1']", "[domain-name:value = 'evil.example']"}
    assert all(one["object_marking_refs"] == [TLP_OBJECTS[Tlp.AMBER]] for one in found.values() if "pattern" in one)
    assert node.runs(kr).last_seq == 0
    entries = [entry for entry in node.home.audit().entries() if entry.action == "release.run"]
    assert [(entry.subject, entry.details["released"]) for entry in entries] == [(kr.uuid, 4)]


def test_what_is_added_later_and_gone_later_is_all_that_is_written(any_node: Giver) -> None:
    node = any_node
    node.adds("ours", "a.example\nb.example\n", own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.AMBER_STRICT)
    node.runs(kr)
    node.adds("ours", "b.example\nc.example\n", own=True, replace=True)
    done = node.runs(kr)
    assert (done.released, done.superseded, done.withdrawn) == (1, 0, 1)
    assert node.patterns(kr) == {"[domain-name:value = 'b.example']", "[domain-name:value = 'c.example']"}
    assert b"a.example" not in node.raw(kr)
    indicators.expire(node.home, "b.example", "wrong")
    assert node.runs(kr).withdrawn == 1
    node.adds("ours", "a.example\nb.example\nc.example\n", own=True)
    assert node.runs(kr).released == 1  # what was expired by hand stays closed
    assert "[domain-name:value = 'a.example']" in node.patterns(kr)


def test_an_anothers_object_leaves_as_it_came_and_only_as_far_as_its_label_lets_it(node: Giver) -> None:
    item = stix("indicator", 1, Tlp.GREEN, x_unknown={"z": 1, "a": [1.5]})
    node.adds(
        "feed", [item, stix("indicator", 2, Tlp.AMBER), stix("indicator", 3, Tlp.RED), stix("indicator", 4, None)]
    )
    kr = node.recipient()
    client = node.recipient("Grid", relation=Relation.CLIENT)
    public = node.recipient("Web", "consumer", Relation.PUBLIC)
    for one in (kr, client, public):
        node.grant(one, up_to=Tlp.RED)
        node.runs(one)
    assert sorted(id[11:19] for id in node.has(kr) if "indicator" in id) == ["00000001"]
    assert sorted(id[11:19] for id in node.has(client) if "indicator" in id) == ["00000001", "00000002"]
    assert node.has(public) == {}
    with node.home.catalog().connect() as conn:
        body = next(row.body for row in ledger.every(conn, kr.id) if row.type == "indicator")
    assert body == json.dumps(item).encode()
    assert node.why(item["id"], "Web") == "policy.label-forbids"
    assert node.why(stix("indicator", 4)["id"]) == "policy.label-forbids"


def test_an_unlabelled_document_goes_to_no_plain_reader(node: Giver) -> None:
    node.adds("feed", [stix("indicator", 1, None)], marking=Tlp.GREEN)
    kr = node.recipient()
    reader = node.recipient("Reader", "consumer")
    for one in (kr, reader):
        node.grant(one)
        node.runs(one)
    assert len(node.patterns(kr)) == 1
    assert node.patterns(reader) == set()
    assert node.why(stix("indicator", 1)["id"], "Reader") == "policy.no-label"


def test_our_own_document_gets_its_label(node: Giver) -> None:
    node.adds("ours", [stix("indicator", 1, None)], marking=Tlp.GREEN, own=True)
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    assert node.has(kr)[stix("indicator", 1)["id"]]["object_marking_refs"] == [TLP_OBJECTS[Tlp.GREEN]]


def test_a_new_version_supersedes_and_a_revoked_one_takes_back(any_node: Giver) -> None:
    node = any_node
    item = stix("indicator", 1)
    node.adds("feed", [item])
    kr = node.recipient()
    reader = node.recipient("Reader", "consumer")
    for one in (kr, reader):
        node.grant(one)
        node.runs(one)
    item |= {"modified": "2026-02-01T00:00:00.000Z", "confidence": 80}
    node.adds("feed", [item])
    assert (node.runs(kr).superseded, node.runs(reader).superseded) == (1, 1)
    assert node.has(kr)[item["id"]]["confidence"] == 80
    item |= {"modified": "2026-03-01T00:00:00.000Z", "revoked": True}
    node.adds("feed", [item])
    assert node.runs(kr).withdrawn == 1
    assert item["id"] not in node.has(kr)
    assert node.runs(reader).superseded == 1
    assert node.has(reader)[item["id"]]["revoked"] is True
    assert node.runs(reader).last_seq == 0


def test_a_grant_that_ends_takes_back_and_time_alone_does(any_node: Giver) -> None:
    node = any_node
    node.adds("ours", "a.example\n", own=True)
    kr = node.recipient()
    begins, ends = NOW + 10_000_000, NOW + 20_000_000
    node.grant(kr, up_to=Tlp.AMBER_STRICT, begins=begins, ends=ends)
    assert node.runs(kr).last_seq == 0
    assert node.why("a.example") == "policy.grant-not-yet"
    node.clock.at = begins
    assert node.runs(kr).released == 3
    node.clock.at = ends
    assert node.runs(kr).withdrawn == 1
    assert node.why("a.example") == "policy.grant-over"
    again = node.grant(kr, up_to=Tlp.AMBER_STRICT)
    assert node.runs(kr).released == 1
    node.withdraw(again)
    assert node.runs(kr).withdrawn == 1
    assert b"a.example" not in node.raw(kr)


def test_a_stricter_label_takes_back(node: Giver) -> None:
    item = stix("indicator", 1, Tlp.GREEN)
    node.adds("feed", [item])
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    stricter = {"modified": "2026-02-01T00:00:00.000Z", "object_marking_refs": [TLP_OBJECTS[Tlp.AMBER]]}
    node.adds("feed", [item | stricter])
    assert node.runs(kr).withdrawn == 1
    assert not node.patterns(kr)


def test_a_plain_reader_is_told_by_us_alone_that_what_is_ours_is_revoked(any_node: Giver) -> None:
    node = any_node
    node.adds("ours", "a.example\n", own=True)
    node.adds("feed", [stix("indicator", 1)])
    reader = node.recipient("Reader", "consumer")
    grant = node.grant(reader, up_to=Tlp.AMBER_STRICT)
    node.runs(reader)
    before = {one["pattern"]: one for one in node.has(reader).values() if "pattern" in one}
    node.withdraw(grant)
    preview = {(line.action, line.count) for line in release.preview(node.home, "Reader") if line.type == "indicator"}
    assert preview == {("revoke", 1), ("withdraw", 1)}
    done = node.runs(reader)
    assert (done.superseded, done.withdrawn) == (1, 1)
    [left] = [one for one in node.has(reader).values() if "pattern" in one]
    ours = before["[domain-name:value = 'a.example']"]
    assert left == ours | {"revoked": True, "modified": left["modified"]}
    assert left["modified"] > ours["modified"]
    assert node.runs(reader).last_seq == 0
    node.grant(reader, up_to=Tlp.AMBER_STRICT)
    assert node.runs(reader).released == 2
    fresh = [one for one in node.has(reader).values() if one.get("pattern") == ours["pattern"]]
    assert sorted("revoked" in one for one in fresh) == [False, True]  # a revoked id never comes back
    assert len({one["id"] for one in fresh}) == 2


def test_red_of_our_own_goes_to_a_named_person_for_just_that_object(node: Giver) -> None:
    item = stix("indicator", 1, Tlp.RED)
    node.adds("ours", [item], own=True)
    kr, kim = node.recipient(), node.recipient("Kim", person=True)
    for one in (kr, kim):
        node.grant(one, up_to=Tlp.RED)
        assert not node.runs(one).last_seq
    for one in (kr, kim):
        node.grant(one, up_to=Tlp.RED, objects=[item["id"]])
        node.runs(one)
    assert (len(node.patterns(kr)), len(node.patterns(kim))) == (0, 1)
    assert node.why(item["id"]) == "policy.red-needs-person"


def test_nothing_goes_back_to_whom_it_came_from(node: Giver) -> None:
    kr, jp = node.recipient(), node.recipient("JP")
    for one in (kr, jp):
        node.grant(one)
    from_kr(node, kr, stix("indicator", 1))
    node.adds("feed", [stix("indicator", 1)])  # the same object by another way
    node.runs(kr)
    node.runs(jp)
    assert (node.patterns(kr), len(node.patterns(jp))) == (set(), 1)
    assert {one.reason.id for one in release.explain(node.home, stix("indicator", 1)["id"], "KR")} == {
        "policy.came-from-it"
    }


def from_kr(node: Giver, peer: recipients.RecipientRow, *items: dict[str, Any]) -> None:
    from sqlalchemy import text

    node.adds("kr", list(items))
    with node.home.catalog().begin() as conn:
        conn.execute(text("UPDATE source SET recipient_id = :id WHERE name = 'kr'"), {"id": peer.id})


def test_one_id_of_two_sources_leaves_once_and_the_other_steps_in(any_node: Giver) -> None:
    node = any_node
    kr = node.recipient()
    node.adds("feed", [stix("indicator", 1)])
    node.adds("other", [stix("indicator", 1)])
    node.grant(kr)
    assert node.runs(kr).released == 2
    assert node.runs(kr).last_seq == 0
    with node.home.catalog().begin() as conn:
        recipients.count_change(conn)
    assert node.runs(kr).last_seq == 0
    indicators.expire(node.home, "45.155.205.1", "wrong", source="feed")
    done = node.runs(kr)
    assert (done.withdrawn, done.released) == (1, 1)
    indicators.expire(node.home, "45.155.205.1", "wrong", source="other")
    assert node.runs(kr).withdrawn == 1
    assert not node.patterns(kr)


def test_a_relationship_leaves_when_both_ends_have_and_goes_when_one_does(any_node: Giver) -> None:
    node = any_node
    indicator, actor = stix("indicator", 1), stix("threat-actor", 2, Tlp.AMBER, name="Lazarus")
    link = stix("relationship", 3, source_ref=indicator["id"], target_ref=actor["id"], relationship_type="indicates")
    node.adds("ours", [link, indicator, actor], own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.GREEN)
    node.runs(kr)
    assert "relationship" not in of_types(node.has(kr))
    assert node.why(link["id"]) == "policy.an-end-stays"
    late = node.grant(kr, up_to=Tlp.AMBER, types=["threat-actor"])
    assert node.runs(kr).released == 3  # the actor, its label, the relationship
    assert node.has(kr)[link["id"]] == link
    assert node.runs(kr).last_seq == 0
    node.withdraw(late)
    assert node.runs(kr).withdrawn == 2
    assert "relationship" not in of_types(node.has(kr))


def test_an_end_that_changes_moves_what_needs_it_in_a_run_that_looks_at_nothing_else(node: Giver) -> None:
    indicator, actor = stix("indicator", 1), stix("threat-actor", 2, name="Lazarus")
    link = stix("relationship", 3, source_ref=indicator["id"], target_ref=actor["id"], relationship_type="indicates")
    about = stix("opinion", 4, object_refs=[link["id"]], opinion="agree")
    kr = node.recipient()
    node.grant(kr)
    node.adds("ours", [about, link, actor], own=True)
    node.runs(kr)
    assert {"relationship", "opinion"}.isdisjoint(of_types(node.has(kr)))
    node.adds("more", [indicator], own=True)
    node.runs(kr)
    assert {"relationship", "opinion"} <= {*of_types(node.has(kr))}
    indicators.expire(node.home, "45.155.205.1", "wrong")
    assert node.runs(kr).withdrawn == 3


def test_relationships_in_a_circle_end(node: Giver) -> None:
    one = stix("opinion", 1, opinion="agree", object_refs=[stix("opinion", 2)["id"]])
    other = stix("opinion", 2, opinion="agree", object_refs=[one["id"]])
    node.adds("ours", [one, other], own=True)
    kr = node.recipient()
    node.grant(kr)
    assert node.runs(kr).last_seq == 0
    assert node.why(one["id"]) == "policy.an-end-stays"


def test_a_report_of_ours_names_only_what_left(node: Giver) -> None:
    ids = [stix("indicator", 1)["id"], stix("indicator", 2)["id"]]
    report = stix("report", 3, object_refs=ids, name="r", published="2026-01-01T00:00:00Z")
    node.adds("ours", [report, stix("indicator", 1), stix("indicator", 2, Tlp.AMBER)], own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.GREEN)
    node.runs(kr)
    first = node.has(kr)[report["id"]]
    assert first["object_refs"] == ids[:1]
    node.grant(kr)
    node.runs(kr)
    second = node.has(kr)[report["id"]]
    assert second["object_refs"] == ids
    assert second["modified"] > first["modified"]  # other content under one version would be refused there
    with node.home.catalog().begin() as conn:
        recipients.count_change(conn)
    assert node.runs(kr).last_seq == 0


def test_a_sharing_group_gives_to_its_members_and_an_empty_one_to_nobody(node: Giver) -> None:
    kr = node.recipient()
    node.adds("ours", "a.example\n", own=True)
    node.grant(None, group="22222222-2222-4222-8222-222222222222", up_to=Tlp.AMBER_STRICT)
    assert not node.runs(kr).last_seq
    with node.home.catalog().begin() as conn:
        group = grants.add_group(conn, uuid="22222222-2222-4222-8222-222222222222", name="CERTs", members=[])
    assert not node.runs(kr).last_seq
    with node.home.catalog().begin() as conn:
        grants.add_group(conn, uuid=group.uuid, name="CERTs", members=[kr.uuid])
        assert grants.groups(conn)[group.uuid] == SharingGroup(id=group.uuid, members=frozenset({kr.uuid}))
    assert node.runs(kr).released == 3


def test_grants_by_type_campaign_and_object(node: Giver) -> None:
    node.adds("ours", "type,value,campaign\ndomain,a.example,Spring\ndomain,b.example,\n", own=True)
    node.adds("list", "c.example\n", own=True)
    kr = node.recipient()
    one = node.grant(kr, up_to=Tlp.AMBER_STRICT, objects=["list:list/list"])
    node.runs(kr)
    assert node.patterns(kr) == {"[domain-name:value = 'c.example']"}
    node.withdraw(one)
    node.grant(kr, up_to=Tlp.AMBER_STRICT, types=["report"])
    node.runs(kr)
    assert node.patterns(kr) == set()


def test_an_unconfirmed_peer_and_a_removed_recipient_get_nothing(node: Giver) -> None:
    node.adds("ours", "a.example\n", own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.AMBER_STRICT)
    with node.home.catalog().begin() as conn:
        recipients.change(conn, kr.id, confirmed_at=None)
    assert not node.runs(kr).last_seq
    assert release.run_all(node.home) == []
    assert {line.action for line in release.preview(node.home, "KR")} == {"release"}
    with node.home.catalog().begin() as conn:
        recipients.change(conn, kr.id, confirmed_at=1)
    assert [(who.name, done.released) for who, done in release.run_all(node.home)] == [("KR", 3)]
    with node.home.catalog().begin() as conn:
        recipients.change(conn, kr.id, removed_at=5)
    with pytest.raises(NotFound, match="no recipient"):
        node.runs(kr)


def test_a_preview_counts_what_a_run_does_and_leaves_nothing(node: Giver) -> None:
    node.adds("ours", "a.example\nb.example\n", own=True)
    node.adds("feed", [stix("indicator", 1), stix("indicator", 2, Tlp.RED)])
    kr = node.recipient()
    grant = node.grant(kr, up_to=Tlp.AMBER_STRICT)
    node.withdraw(grant)
    told = {(line.action, line.marking, line.count) for line in release.preview(node.home, "KR", [grant])}
    assert told == {("release", "TLP:AMBER+STRICT", 2), ("release", "TLP:GREEN", 1), ("stay", "TLP:RED", 1)}
    assert node.has(kr) == {}
    assert not node.runs(kr).last_seq


def test_what_is_asked_for_and_isnt_there_is_told(node: Giver) -> None:
    node.recipient()
    for id in ("indicator--00000009-0000-4000-8000-000000000000", "list:x/y", "nowhere.example", "???"):
        with pytest.raises(NotFound, match="nothing in the catalog"):
            release.explain(node.home, id, "KR")
    with pytest.raises(NotFound, match="no recipient"):
        release.preview(node.home, "JP")


def test_an_id_that_we_gave_out_is_explained(node: Giver) -> None:
    node.adds("ours", "a.example\n", own=True)
    kr = node.recipient()
    node.grant(kr, up_to=Tlp.AMBER_STRICT)
    node.runs(kr)
    [id] = [id for id in node.has(kr) if "indicator" in id]
    [told] = release.explain(node.home, id, "KR")
    assert (told.object_id, told.allowed, told.has, told.own) == ("list:ours/ours", True, True, True)
    assert "granted by" in str(told.reason)
    assert msgspec.to_builtins(told)["type"] == "indicator"
