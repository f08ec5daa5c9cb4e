"""Exchange policies and published labels; what a bundle's markings mean stands in test_stix.py."""

import json
from pathlib import Path
from typing import Any

import pytest

from haechi.formats import stixmarking
from haechi.formats.stixmarking import Said
from haechi.model.marking import STIX_PAP, STIX_TLP, Pap, Tlp
from haechi.model.release import Iep

IEP = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
OURS = "marking-definition--00000000-0000-4000-8000-000000000001"


def policy(**body: Any) -> stixmarking.Meaning:
    return stixmarking.meaning({"id": OURS, "extensions": {IEP: body}})


def test_a_policy_in_firsts_own_words() -> None:
    # FIRST, IEP 2.0 Framework, appendix A: `attribution`, a date of null, references as a list.
    assert policy(
        id="01bc4353-4829-4d55-8d52-0ab7e0790df9",
        name="FIRST IEP-SIG TLP-AMBER",
        description="d",
        iep_version=2.0,
        start_date="2017-01-01T00:00:00Z",
        end_date=None,
        encrypt_in_transit="may",
        permitted_actions="externally-visible-direct-actions",
        affected_party_notifications="may",
        tlp="amber",
        attribution="must-not",
        unmodified_resale="must-not",
        external_references=["https://www.first.org/tlp"],
    ) == Iep(
        id="01bc4353-4829-4d55-8d52-0ab7e0790df9",
        name="FIRST IEP-SIG TLP-AMBER",
        description="d",
        begins=1_483_228_800_000_000,
        ends=None,
        tlp=Tlp.AMBER,
        affected_party_notifications="may",
        attribution="must-not",
        unmodified_resale="must-not",
        references=("https://www.first.org/tlp",),
    )


def test_a_policy_as_a_definition() -> None:
    for said in ({"permitted_actions": "NONE"}, {"iep": {"permitted_actions": "none"}}):
        found = stixmarking.meaning({"id": OURS, "definition_type": "iep", "definition": said})
        assert found == Iep(permitted_actions="none")


@pytest.mark.parametrize(
    ("body", "meaning"),
    [
        ({}, Iep(permitted_actions="none")),  # what isn't permitted is forbidden
        ({"permitted_actions": "INTERNALLY VISIBLE ACTIONS"}, Iep(permitted_actions="internally-visible-actions")),
        ({"permitted_actions": "dance"}, Iep(permitted_actions="dance")),
        ({"encrypt_in_transit": "always"}, Iep(permitted_actions="none", encrypt_in_transit=True)),
        ({"tlp": "purple"}, Iep(permitted_actions="none", tlp=Tlp.RED)),
        ({"iep_version": 3.0}, Tlp.RED),
        ({"start_date": "soon"}, Tlp.RED),
        ({"end_date": 5.5}, Tlp.RED),
    ],
)
def test_what_is_not_understood_is_the_strictest(body: dict[str, Any], meaning: stixmarking.Meaning) -> None:
    assert policy(**body) == meaning


def test_a_policys_label_counts_and_several_policies_are_one() -> None:
    known = {
        "a": policy(tlp="green", permitted_actions="none", end_date="2027-01-01T00:00:00Z"),
        "b": policy(tlp="red"),
    }
    said = stixmarking.of({"object_marking_refs": ["a", "b"]}, known)
    assert said == Said(Tlp.RED, None, Iep(permitted_actions="none", ends=1_798_761_600_000_000, tlp=Tlp.RED))


def test_published_ids_need_no_definition() -> None:
    for id, tlp in STIX_TLP.items():
        assert stixmarking.of({"object_marking_refs": [id]}, {}) == Said(tlp)
    for id, pap in STIX_PAP.items():
        assert stixmarking.of({"object_marking_refs": [id]}, {}) == Said(None, pap)
    assert stixmarking.published(OURS) is None


def test_what_oasis_published_says_what_its_ids_say(real_data: Path) -> None:
    folder = real_data / "vectors/markings"
    (strict,) = json.loads((folder / "tlp-amber-strict-bundle.json").read_text())["objects"]
    green = json.loads((folder / "pap-green.json").read_text())
    assert stixmarking.content(strict) is stixmarking.published(strict["id"]) is Tlp.AMBER_STRICT
    assert stixmarking.content(green) is stixmarking.published(green["id"]) is Pap.GREEN
