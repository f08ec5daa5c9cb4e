"""MISP events: to_ids, tags of three levels, composites, refusals; counts of real events against a plain loop."""

import json
from pathlib import Path
from typing import Any

import pytest

from haechi.formats import misp, mispmarking
from haechi.formats.jsondoc import NoIndicator
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import SourceObject

DATA = Path(__file__).parents[1] / "data/formats/misp"
DEFAULT = Tlp.AMBER_STRICT


def parsed(name: str) -> tuple[dict[int, SourceObject], list[BadInput]]:
    found = list(misp.parse((DATA / name).read_bytes(), path=name, marking=DEFAULT))
    objects = {int(one.object_id[-12:]): one for one in found if isinstance(one, SourceObject)}
    return objects, [one for one in found if isinstance(one, BadInput)]


def test_what_no_database_keeps_is_refused_alone() -> None:
    def attribute(**said: Any) -> dict[str, Any]:
        return {"uuid": "u", "type": "domain", "value": "a.example", "to_ids": True, **said}

    bad = [attribute(uuid="u\0"), attribute(type="yara", value="x\0"), attribute(type="odd\0")]
    document = json.dumps({"Event": {"info": "x\0", "Attribute": [attribute(), *bad, attribute(to_ids=False)]}})
    found = list(misp.parse(document.encode(), marking=DEFAULT))
    assert [type(one).__name__ for one in found] == ["SourceObject", *["BadInput"] * 3, "NoIndicator"]
    assert {one.reason for one in found if isinstance(one, BadInput)} == {"a text of it has a NUL character"}


def test_an_event() -> None:
    objects, refused = parsed("normal.json")
    assert refused == []
    assert 3 not in objects  # to_ids is false
    assert {number: dict(one.values) for number, one in objects.items()} == {
        1: {T.IPV4: ["192.0.2.1"]},
        2: {T.DOMAIN: ["evil.example"], T.IPV4: ["192.0.2.2"]},
        5: {T.URL: ["http://evil.example/x"]},
        6: {T.DOMAIN: ["own.example"]},
        7: {T.SHA256: ["a" * 64]},
        8: {},
        9: {},
        10: {T.MD5: ["d" * 32]},
        11: {},
        12: {T.JA3: ["c" * 32]},
        13: {T.CERT: ["ab" * 20]},
        20: {T.SHA1: ["e" * 40]},
    }
    markings = {number: one.marking for number, one in objects.items()}
    assert (markings[1], markings[5], markings[6], markings[20]) == (Tlp.GREEN, Tlp.RED, Tlp.AMBER_STRICT, Tlp.AMBER)
    first = objects[1]
    assert first.pap is Pap.AMBER
    assert (first.context.actors, first.context.malware) == (("Otter",), ("OtterRAT",))
    assert first.context.kill_chain == ("kill-chain:Delivery",)
    assert first.context.references == ("https://report.example",)
    assert first.context.labels == ("osint", "category:Network activity")
    assert first.context.description == "Otter visits"
    assert (first.version, first.modified) == ("1767225600", 1_767_225_600_000_000)
    assert objects[10].revoked
    assert "first_seen:2026-01-01T00:00:00Z" in objects[12].context.labels
    kept = [objects[number].patterns[0] for number in (8, 9, 11)]
    assert [(one.pattern_type, *map(str, one.reasons)) for one in kept] == [
        ("misp:mutex", "mutex values aren't matched yet"),
        ("yara", "yara rules aren't evaluated yet"),
        ("misp:uri", "uri values aren't matched yet"),
    ]


def test_bad_attributes_among_good_ones() -> None:
    objects, refused = parsed("bad.json")
    assert [list(one.values.values()) for one in objects.values()] == [[["a.example"]], [["c.example"]]]
    assert [(one.location.value, one.reason) for one in refused] == [
        ("nonsense", "not an IPv4 or IPv6 address"),
        ("only-one-part", "a value of type domain|ip has 2 parts joined by |"),
        ("12", "not a MD5: it has 2 hex digits instead of 32"),
        ("", "JSON, but no MISP event, object or attribute"),
        ("soon", "not a time"),
    ]


def test_shapes() -> None:
    event = json.loads((DATA / "normal.json").read_text())["response"][0]["Event"]
    shapes: list[Any] = [
        {"Event": event},
        event,
        [{"Event": event}],
        {"response": {"Event": event}},
        {"response": {"Attribute": event["Attribute"]}},
        {"Object": event["Object"][0]},
    ]
    counts = [len(list(misp.parse(json.dumps(shape).encode(), marking=DEFAULT))) for shape in shapes]
    assert counts == [15, 15, 15, 15, 13, 2]
    assert parsed("empty.json") == ({}, [])
    with pytest.raises(BadInput, match="empty"):
        list(misp.parse(b"", marking=DEFAULT))
    with pytest.raises(BadInput, match="no MISP event"):
        list(misp.parse(b'{"Event": 3}', marking=DEFAULT))


def test_the_stricter_tag_wins() -> None:
    outer = mispmarking.read({"Tag": [{"name": "tlp:amber"}], "distribution": "3"})
    inner = mispmarking.read({"Tag": [{"name": "TLP:GREEN"}, {"name": "tlp:unclear"}], "distribution": "5"})
    assert outer.marking(DEFAULT) is Tlp.AMBER
    assert outer.plus(inner).marking(DEFAULT) is Tlp.RED
    assert mispmarking.read({"distribution": "0"}).marking(Tlp.GREEN) is Tlp.AMBER_STRICT
    assert mispmarking.read({"distribution": 4}).marking(Tlp.RED) is Tlp.RED
    assert mispmarking.read({}).marking(Tlp.GREEN) is Tlp.GREEN


def to_ids(document: Any) -> int:
    """Attributes with to_ids, by a plain walk over the document."""
    if isinstance(document, dict):
        own = bool(document.get("to_ids")) and "type" in document and "value" in document
        return own + sum(map(to_ids, document.values()))
    return sum(map(to_ids, document)) if isinstance(document, list) else 0


def test_real_events(real_data: Path) -> None:
    total = 0
    for path in [
        *(real_data / "eset-malware-ioc/misp").glob("*.json"),
        *(real_data / "misp-stix").glob("*collection*.json"),
    ]:
        found = [one for one in misp.parse(path.read_bytes(), marking=DEFAULT) if not isinstance(one, NoIndicator)]
        assert len(found) == to_ids(json.loads(path.read_text("utf-8"))), path
        total += len(found)
    assert total > 300
