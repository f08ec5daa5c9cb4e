"""Who was hit leaves only under a grant that says so; else as a pseudonym of that reader's own, and no id gives it away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pytest

from haechi.model.marking import Tlp
from haechi.node import parties
from haechi.node.release_victims import Owned
from tests.node.giving import Giver, stix

SCO = UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")  # the namespace of STIX 2.1, section 2.9


def sco(kind: str, **what: Any) -> dict[str, Any]:
    """A cyber-observable under its deterministic id."""
    from haechi.model.canonical import encoded

    return {"type": kind, "spec_version": "2.1", "id": f"{kind}--{uuid5(SCO, encoded(what).decode())}", **what}


VICTIM, ATTACKER = sco("ipv4-addr", value="192.0.2.7"), sco("ipv4-addr", value="45.155.205.1")
USER = sco("user-account", user_id="kim.minsu")
FLOW = sco("network-traffic", src_ref=ATTACKER["id"], dst_ref=VICTIM["id"], protocols=["tcp"])
FAB = stix("identity", 9, name="Formosa Fab", identity_class="organization")
INDICATOR = stix("indicator", 1)
SEEN = stix("sighting", 2, sighting_of_ref=INDICATOR["id"], where_sighted_refs=[FAB["id"]])
HIT = stix("relationship", 3, source_ref=INDICATOR["id"], target_ref=FAB["id"], relationship_type="targets")
DATA = stix(
    "observed-data",
    4,
    first_observed="2026-01-01T00:00:00Z",
    last_observed="2026-01-01T00:00:00Z",
    number_observed=1,
    object_refs=[one["id"] for one in (VICTIM, ATTACKER, USER, FLOW)],
)
ALL = [VICTIM, ATTACKER, USER, FLOW, FAB, INDICATOR, SEEN, HIT, DATA]
TELLING = [b"Formosa", b"192.0.2.7", b"kim.minsu", *(one["id"][-36:].encode() for one in (VICTIM, USER, FLOW, FAB))]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Giver]:
    made = Giver(tmp_path)
    parties.add(
        made.home, name="Formosa Fab", country="TW", sector="semiconductor", networks=["192.0.2.0/24"],
        domains=["fab.example"],
    )  # fmt: skip
    yield made
    made.home.close()


def by_type(found: dict[str, dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    types: dict[str, list[dict[str, Any]]] = {}
    for one in found.values():
        types.setdefault(one["type"], []).append(one)
    return types


def test_without_a_grant_for_it_nothing_tells_and_pseudonyms_are_stable_for_each_reader(node: Giver) -> None:
    node.adds("ours", ALL, own=True, marking=Tlp.GREEN)
    kr, jp = node.recipient(), node.recipient("JP")
    for one in (kr, jp):
        node.grant(one)
        node.runs(one)
        assert not [part for part in TELLING if part in node.raw(one)]
    found, other = by_type(node.has(kr)), by_type(node.has(jp))
    [seen], [hit], [data] = found["sighting"], found["relationship"], found["observed-data"]
    [hidden] = [one for one in found["identity"] if one["name"].startswith("undisclosed-")]
    assert seen["where_sighted_refs"] == [hit["target_ref"]] == [hidden["id"]]
    assert other["sighting"][0]["where_sighted_refs"] != seen["where_sighted_refs"]
    assert ATTACKER["id"] in data["object_refs"]
    assert set(data["object_refs"]) <= {*node.has(kr)}
    assert len(data["object_refs"]) == 4
    [flow] = found["network-traffic"]
    assert flow["src_ref"] == ATTACKER["id"]
    assert node.has(kr)[flow["dst_ref"]]["value"].startswith("2001:db8:")


def test_a_grant_of_a_field_lets_just_that_field_go(node: Giver) -> None:
    node.adds("ours", ALL, own=True, marking=Tlp.GREEN)
    kr = node.recipient()
    node.grant(kr)
    node.runs(kr)
    before = node.has(kr)
    late = node.grant(kr, victim_fields=["identity"])
    node.runs(kr)
    after = by_type(node.has(kr))
    assert after["sighting"][0]["where_sighted_refs"] == [FAB["id"]]
    assert after["sighting"][0]["modified"] > before[SEEN["id"]]["modified"]
    assert node.has(kr)[FAB["id"]]["name"] == "Formosa Fab"
    assert b"192.0.2.7" not in node.raw(kr)
    node.withdraw(late)
    node.runs(kr)
    left = node.has(kr)
    assert FAB["id"] not in left
    assert left[SEEN["id"]]["where_sighted_refs"] == before[SEEN["id"]]["where_sighted_refs"]
    assert node.runs(kr).last_seq == 0


def test_anothers_object_that_tells_who_was_hit_stays(node: Giver) -> None:
    node.adds("feed", ALL, marking=Tlp.GREEN)
    kr = node.recipient()
    node.grant(kr, victim_fields=["identity", "address", "user"])
    node.runs(kr)
    assert {"sighting", "relationship", "observed-data"}.isdisjoint(by_type(node.has(kr)))
    assert node.why(SEEN["id"]) == node.why(HIT["id"]) == "policy.victim-of-another"


def test_a_class_and_a_place_go_along_and_name_nobody(node: Giver) -> None:
    energy = stix("identity", 5, name="energy", identity_class="class", sectors=["energy"])
    taiwan = stix("location", 6, country="TW", name="TW")
    seen = SEEN | {"where_sighted_refs": [energy["id"], taiwan["id"]]}
    node.adds("ours", [INDICATOR, energy, taiwan, seen], own=True)
    kr = node.recipient()
    node.grant(kr, types=["indicator", "sighting"])
    node.runs(kr)
    found = node.has(kr)
    assert found[SEEN["id"]]["where_sighted_refs"] == [energy["id"], taiwan["id"]]
    assert {energy["id"], taiwan["id"]} <= {*found}
    assert node.runs(kr).last_seq == 0


def test_whose_an_address_or_a_name_is(node: Giver) -> None:
    with node.home.catalog().connect() as conn:
        owned = Owned(conn)
    assert owned("ipv4-addr", "192.0.2.200")
    assert owned("ipv4-addr", "192.0.2.0/28")
    assert owned("domain-name", "Mail.FAB.example.")
    assert owned("url", "https://www.fab.example/x")
    for kind, value in (
        ("ipv4-addr", "192.0.3.1"),
        ("domain-name", "notfab.example"),
        ("url", "http://[bad"),
        ("x", ""),
    ):
        assert not owned(kind, value)
