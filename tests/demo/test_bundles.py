"""Bundles and events by the published rules, checked by hand here and by the patterns' own parser."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from stix2patterns.validator import run_validator

from haechi.demo.bundles import PATTERNS, misp, stix
from haechi.demo.plan import load_plan
from haechi.demo.truth import PlantedValue
from haechi.model.marking import STIX_TLP, Tlp

AT = datetime(2026, 3, 10, 6, tzinfo=UTC)
ACTOR = load_plan().actor["kimsuky"]
VALUES = [PlantedValue("domain", "bad.test"), PlantedValue("sha256", "ab" * 32), PlantedValue("cert", "ab" * 20)]


def test_a_bundle_says_who_and_what_and_until_where_it_may_go():
    bundle = stix(VALUES, np.random.default_rng(1), AT, AT, ACTOR, "title")
    by_type: dict[str, list[dict[str, Any]]] = {}
    for thing in bundle["objects"]:
        kind, _, uuid = thing["id"].partition("--")
        assert kind == thing["type"]
        assert UUID(uuid).version == 4
        assert [STIX_TLP[ref] for ref in thing["object_marking_refs"]] == [Tlp.AMBER]
        by_type.setdefault(kind, []).append(thing)
    assert [o["name"] for o in by_type["intrusion-set"]] == ["Kimsuky"]
    assert next(o["pattern"] for o in by_type["indicator"]) == "[domain-name:value = 'bad.test']"
    linked = {(o["source_ref"], o["target_ref"]) for o in by_type["relationship"]}
    assert linked == {(o["id"], by_type["intrusion-set"][0]["id"]) for o in by_type["indicator"]}


def test_every_pattern_is_valid_stix():
    lengths = {"md5": 16, "cert": 20}
    for kind, pattern in PATTERNS.items():
        assert run_validator(pattern.format("ab" * lengths.get(kind, 32)), stix_version="2.1") == []


def test_an_event_is_for_detection_and_tagged():
    event = misp([*VALUES, PlantedValue("ja3", "ab" * 16)], np.random.default_rng(1), AT, ACTOR, "title")["Event"]
    assert [tag["name"] for tag in event["Tag"]] == ["tlp:amber", 'misp-galaxy:threat-actor="Kimsuky"']
    assert all(attribute["to_ids"] for attribute in event["Attribute"])
    types = [attribute["type"] for attribute in event["Attribute"]]
    assert types == ["domain", "sha256", "x509-fingerprint-sha1", "ja3-fingerprint-md5"]
    assert event["timestamp"] == str(int(AT.timestamp()))
