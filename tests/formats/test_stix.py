"""STIX bundles: markings, relationships, validity, refusals; counts of real bundles against a plain loop."""

import json
from pathlib import Path

import pytest

from haechi.formats import stix, stixmarking
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Pap, Tlp
from haechi.model.release import Iep
from haechi.model.source_object import SourceObject

DATA = Path(__file__).parents[1] / "data/formats/stix"
DEFAULT = Tlp.AMBER_STRICT


def parsed(name: str) -> tuple[list[SourceObject], list[BadInput]]:
    found = [
        one
        for one in stix.parse((DATA / name).read_bytes(), path=name, marking=DEFAULT)
        if isinstance(one, BadInput) or one.type == "indicator"
    ]
    return [one for one in found if isinstance(one, SourceObject)], [one for one in found if isinstance(one, BadInput)]


def test_a_bundle() -> None:
    objects, refused = parsed("normal.json")
    assert refused == []
    first, granular, unknown, yara, revoked = objects
    assert dict(first.values) == {T.IPV4: ["192.0.2.1"], T.DOMAIN: ["evil.example"]}
    assert (first.version, first.modified) == ("2026-01-02T00:00:00.000Z", 1_767_312_000_000_000)
    assert (first.confidence, first.pap) == (70, Pap.GREEN)
    assert (first.valid_from, first.valid_until) == (1_767_225_600_000_000, 1_780_272_000_000_000)
    assert (first.context.actors, first.context.malware) == (("Otter Group",), ("OtterRAT",))
    assert first.context.campaigns == ("Spring tide",)
    assert first.context.kill_chain == ("lockheed-martin-cyber-kill-chain:delivery",)
    assert first.context.references == ("https://report.example",)
    assert first.raw is not None
    assert json.loads(first.raw)["id"] == first.object_id
    # GREEN itself, but it shows the name of an intrusion set that is AMBER.
    assert first.marking is Tlp.AMBER
    assert granular.marking is Tlp.RED
    assert unknown.marking is Tlp.RED
    assert (yara.marking, yara.values, yara.patterns[0].pattern_type) == (DEFAULT, {}, "yara")
    assert [str(why) for why in yara.patterns[0].reasons] == ["yara patterns aren't evaluated yet"]
    assert revoked.revoked


def test_what_no_database_keeps_is_refused_alone() -> None:
    name = "indicator--00000000-0000-4000-8000-00000000000"
    good = {"type": "indicator", "id": f"{name}1", "pattern": "[domain-name:value = 'a.example']"}
    bad = {"type": "indicator", "id": f"{name}2", "pattern": "rule\0", "pattern_type": "yara"}
    escaped = {**bad, "id": f"{name}3", "pattern": "rule \\u0000"}  # no NUL, but how one is written
    document = json.dumps({"type": "bundle", "objects": [good, bad, {**good, "id": f"{name}4\0"}, escaped]})
    found = list(stix.parse(document.encode(), path="x", marking=DEFAULT))
    assert [one.object_id[-1] for one in found if isinstance(one, SourceObject)] == ["1", "3"]
    reasons = [str(one) for one in found if isinstance(one, BadInput)]
    assert reasons[0] == "x field objects[1] = 'rule\\x00': a text of it has a NUL character"
    assert len(reasons) == 2


def test_nothing_and_less() -> None:
    assert parsed("empty.json") == ([], [])
    for document in (b"", b"{", b'{"type": "bundle", "objects": 3}', b"[" * 100_000, b"\xff{}"):
        with pytest.raises(BadInput):
            list(stix.parse(document, marking=DEFAULT))


def test_bad_objects_among_good_ones() -> None:
    objects, refused = parsed("bad.json")
    assert [text for one in objects for text in one.values[T.DOMAIN]] == ["a.example", "e.example"]
    assert [one.reason.split(":")[0] for one in refused] == [
        "not a STIX pattern",
        "not an IPv4 or IPv6 address",
        "not a STIX object",
        "confidence is an integer from 0 to 100",
        "valid_until isn't later than valid_from",
        "not a time",
    ]
    assert all(one.location.path == "bad.json" for one in refused)


def test_one_object_alone_and_a_list() -> None:
    one = json.loads((DATA / "normal.json").read_text())["objects"][4]
    for document in (one, [one], {"objects": [one]}):
        (found,) = stix.parse(json.dumps(document).encode(), marking=DEFAULT)
        assert isinstance(found, SourceObject)
        assert dict(found.values) == {T.MD5: ["d41d8cd98f00b204e9800998ecf8427e"]}


@pytest.mark.parametrize(
    ("definition", "meaning"),
    [
        ({"id": "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"}, Tlp.CLEAR),
        ({"id": "x", "definition_type": "tlp", "definition": {"tlp": "amber"}}, Tlp.AMBER),
        ({"id": "x", "definition_type": "tlp", "definition": {"tlp": "purple"}}, Tlp.RED),
        ({"id": "x", "definition_type": "statement", "definition": {"statement": "c"}}, None),
        ({"id": "x", "extensions": {"e": {"tlp_2_0": "amber+strict"}}}, Tlp.AMBER_STRICT),
        ({"id": "x"}, Tlp.RED),
    ],
)
def test_marking_definitions(definition: dict[str, object], meaning: stixmarking.Meaning) -> None:
    assert stixmarking.meaning(definition) == meaning


def test_a_reference_to_nothing_is_red() -> None:
    assert stixmarking.of({"object_marking_refs": ["marking-definition--gone"]}, {}) == (Tlp.RED, None, None)
    assert stixmarking.of({"granular_markings": [{"lang": "ko", "selectors": ["name"]}]}, {}) == (None, None, None)
    assert stixmarking.of({}, {}) == (None, None, None)


def test_real_bundles(real_data: Path) -> None:
    for path in sorted((real_data / "stix-examples").glob("*.json")):
        wanted = sum(one["type"] == "indicator" for one in json.loads(path.read_text("utf-8"))["objects"])
        found = list(stix.parse(path.read_bytes(), path=str(path), marking=DEFAULT))
        assert sum(isinstance(one, SourceObject) and one.type == "indicator" for one in found) == wanted, path
        assert not [one for one in found if isinstance(one, BadInput)]


def test_real_markings(real_data: Path) -> None:
    folder = real_data / "vectors/markings"
    assert stixmarking.meaning(json.loads((folder / "pap-green.json").read_text())) is Pap.GREEN
    policy = stixmarking.meaning(json.loads((folder / "iep-red.json").read_text()))
    assert isinstance(policy, Iep)
    assert (policy.tlp, policy.permitted_actions) == (Tlp.RED, "contact-for-instruction")
    assert (policy.begins, policy.ends) == (1_664_582_400_000_000, 1_667_260_800_000_000)
    assert policy.encrypt_in_transit
    assert policy.attribution == policy.unmodified_resale == policy.affected_party_notifications == "must-not"
    assert policy.id == "0224bfdf-ea3a-49c3-96f6-66d908bb1845"
    (strict,) = json.loads((folder / "tlp-amber-strict-bundle.json").read_text())["objects"]
    assert stixmarking.meaning(strict) is Tlp.AMBER_STRICT
