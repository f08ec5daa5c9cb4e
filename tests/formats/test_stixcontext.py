import json
from pathlib import Path
from typing import Any

import pytest

from haechi.formats import stix
from haechi.model.errors import BadInput
from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import SourceObject

INDICATOR = "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"
CREATOR = "identity--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd30"


def item(kind: str, **more: Any) -> dict[str, Any]:
    at = "2026-01-02T00:00:00.000Z"
    return {
        "type": kind, "spec_version": "2.1", "id": f"{kind}--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd31", "created": at,
        "modified": at, "created_by_ref": CREATOR, **more,
    }  # fmt: skip


def parsed(*items: dict[str, Any]) -> list[SourceObject | BadInput]:
    return list(stix.parse(json.dumps({"type": "bundle", "objects": items}).encode(), marking=Tlp.AMBER_STRICT))


def one(found: dict[str, Any]) -> SourceObject:
    (read,) = parsed(found)
    assert isinstance(read, SourceObject), read
    return read


def reason(found: dict[str, Any]) -> str:
    (read,) = parsed(found)
    assert isinstance(read, BadInput)
    return read.id


def test_an_object_is_kept_as_it_came() -> None:
    report = item("report", name="R", object_refs=[INDICATOR], x_own={"deep": [1, 2.5]}, labels=["a"])
    read = one(report)
    assert json.loads(read.raw or b"") == report
    assert (read.type, read.object_id, read.creator) == ("report", report["id"], CREATOR)
    assert (read.version, read.modified) == (report["modified"], 1_767_312_000_000_000)
    assert (read.values, read.patterns, read.words, read.unversioned) == ({}, (), (), False)
    assert (read.marking, read.context.description, read.context.labels) == (Tlp.AMBER_STRICT, "R", ("a",))


def test_who_is_who() -> None:
    assert one(item("threat-actor", name="A")).context.actors == ("A",)
    assert one(item("malware", name="M")).context.malware == ("M",)
    assert one(item("campaign", name="C" * 10_000)).context.campaigns == ("C" * 500,)


def test_an_observable_has_no_versions() -> None:
    address = {"type": "ipv4-addr", "id": "ipv4-addr--8e2e2d2b-17d4-5cbf-938f-98ee46b3cd31", "value": "192.0.2.1"}
    read = one(address)
    assert (read.unversioned, read.version, read.modified, read.values) == (True, "", 0, {})
    marking = {
        "type": "marking-definition", "id": "marking-definition--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd31",
        "created": "2026-01-01T00:00:00Z", "definition_type": "statement", "definition": {"statement": "c"},
    }  # fmt: skip
    assert not one(marking).unversioned


def test_a_sighting_says_seen_or_not() -> None:
    where = [CREATOR, "location--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd31"]
    seen = item(
        "sighting", sighting_of_ref=INDICATOR, count=3, first_seen="1970-01-01T00:00:01Z",
        last_seen="1970-01-01T00:00:02Z", where_sighted_refs=[*where, "hostile/../ref", 3],
    )  # fmt: skip
    assert one(seen).words == (
        Word(of=INDICATOR, kind=Kind.SEEN, count=3, first=1_000_000, last=2_000_000, where=tuple(where)),
    )
    assert one(seen | {"count": 0}).words[0].kind is Kind.FALSE_POSITIVE
    del seen["count"], seen["first_seen"]
    assert (one(seen).words[0].count, one(seen).words[0].first) == (1, None)
    assert one(seen | {"sighting_of_ref": "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}).words == ()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sighting_of_ref": None}, "stix.sighting_of"),
        ({"sighting_of_ref": "sighting--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd31"}, "stix.sighting_of"),
        ({"count": -1}, "stix.count"),
        ({"count": True}, "stix.count"),
        ({"count": 10**9}, "stix.count"),
        ({"count": "many"}, "stix.count"),
        ({"first_seen": "2026-01-02T00:00:00Z", "last_seen": "2026-01-01T00:00:00Z"}, "stix.seen"),
        ({"first_seen": "yesterday"}, "time.unreadable"),
        ({"modified": ["x"]}, "time.unreadable"),
    ],
)
def test_a_sighting_that_cannot_be(changes: dict[str, Any], why: str) -> None:
    assert reason(item("sighting", sighting_of_ref=INDICATOR) | changes) == why


def test_an_opinion_that_disagrees_says_false_positive() -> None:
    refs = [INDICATOR, INDICATOR, "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"]
    for said in ("disagree", "strongly-disagree"):
        words = one(item("opinion", opinion=said, object_refs=refs)).words
        assert words == (Word(of=INDICATOR, kind=Kind.FALSE_POSITIVE, count=1),)
    for other in ("agree", "neutral", ["x"], None):
        assert one(item("opinion", opinion=other, object_refs=refs)).words == ()


def test_real_bundles_whole(real_data: Path) -> None:
    for path in sorted((real_data / "stix-examples").glob("*.json")):
        objects = json.loads(path.read_text("utf-8"))["objects"]
        found = list(stix.parse(path.read_bytes(), path=str(path), marking=Tlp.AMBER_STRICT))
        assert [json.loads(one.raw or b"") for one in found if isinstance(one, SourceObject)] == objects, path
