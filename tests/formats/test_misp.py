"""MISP events: to_ids, tags of three levels, composites, refusals; counts of real events against a plain loop."""

import json
from pathlib import Path
from typing import Any

import pytest

from haechi.formats import jsonstream, misp, mispmarking
from haechi.formats.jsondoc import NoIndicator
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Pap, Tlp
from haechi.model.sighting import Kind, Word
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


def one(event: dict[str, Any], attribute: dict[str, Any] | None = None, **around: Any) -> SourceObject:
    """The one indicator of an event with one attribute, whose tags stand behind it, as a MISP server writes them."""
    made = {"uuid": "u", "type": "domain", "value": "a.example", "to_ids": True, "timestamp": "1", **(attribute or {})}
    document = {"Event": {"info": "x", "Attribute": [made], **event}, **around}
    found = list(misp.parse(json.dumps(document).encode(), marking=DEFAULT))
    assert isinstance(found[0], SourceObject)
    return found[0]


CLEAR = {"Tag": [{"name": "tlp:clear"}]}


@pytest.mark.parametrize(
    ("event", "attribute", "marking"),
    [
        (CLEAR, {}, Tlp.CLEAR),
        (CLEAR | {"distribution": "3"}, {"distribution": "5"}, Tlp.CLEAR),
        (CLEAR | {"distribution": "1"}, {"distribution": "5"}, Tlp.GREEN),
        (CLEAR | {"distribution": 0}, {"distribution": 3}, Tlp.AMBER_STRICT),
        (CLEAR | {"distribution": "3"}, {"distribution": "0"}, Tlp.AMBER_STRICT),
        (CLEAR | {"distribution": "9"}, {}, Tlp.RED),
        (CLEAR, {"distribution": "4", "sharing_group_id": "7"}, Tlp.AMBER_STRICT),
        (CLEAR | {"sharing_group_id": "7"}, {}, Tlp.AMBER_STRICT),
        (CLEAR, {"Tag": [{"name": "tlp:red", "local": 1}]}, Tlp.RED),
        ({}, {"Tag": [{"name": "tlp:clear", "local": True}]}, DEFAULT),
        ({}, {"Tag": [{"name": "tlp:clear", "exportable": False}]}, DEFAULT),
        ({}, {"Event": {"distribution": "0", "info": "y"}, "Tag": [{"name": "tlp:green"}]}, Tlp.AMBER_STRICT),
    ],
)
def test_the_stricter_of_tag_and_level_wins_at_each_level(
    event: dict[str, Any], attribute: dict[str, Any], marking: Tlp
) -> None:
    assert one(event, attribute).marking is marking


def test_a_sharing_group_is_kept_and_closes() -> None:
    group = "11111111-2222-4333-8444-555555555555"
    found = one(CLEAR | {"distribution": "4", "SharingGroup": {"uuid": group.upper(), "name": "ISAC"}})
    assert (found.marking, found.context.sharing_groups) == (Tlp.AMBER_STRICT, (group,))


def test_what_is_local_to_a_server_stays_there() -> None:
    tags = [{"name": "ours", "local": True}, {"name": "shared"}, {"name": "hidden", "exportable": False}]
    assert one({"Tag": tags}).context.labels == ("shared",)


def test_a_server_s_own_numbers_are_no_other_content() -> None:
    plain, seen = one({}), one({}, {"id": "9", "Sighting": [{"uuid": "s", "type": "0"}], "Tag": [{"name": "x"}]})
    assert plain.digest == seen.digest
    assert plain.raw != seen.raw
    assert one({}, {"comment": "other"}).digest != plain.digest


def test_sightings_beside_an_attribute() -> None:
    said = [{"uuid": f"s{type}", "date_sighting": "1767225600", "type": type} for type in ("0", "1", "2", "7")] + [
        "odd",
        {"uuid": "", "type": "0"},
        {"uuid": "late", "type": "0", "date_sighting": "soon"},
    ]
    made = {"uuid": "u", "type": "domain", "value": "a.example", "to_ids": True, "Sighting": said}
    found = list(misp.parse(json.dumps({"Attribute": [made, made | {"to_ids": False}]}).encode(), marking=DEFAULT))
    words = {each.object_id: each.words for each in found if isinstance(each, SourceObject) and each.type == "sighting"}
    at = 1_767_225_600_000_000
    assert words == {
        f"s{number}": (Word(of="u", kind=kind, count=1, first=at, last=at),) for number, kind in enumerate(Kind)
    }
    assert {each.reason for each in found if isinstance(each, BadInput)} == {
        "a sighting without a UUID or of a type that MISP doesn't have",
        "not a time",
    }
    assert isinstance(found[-1], NoIndicator)


def test_a_piece_that_is_too_long_is_refused_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "MAX_PART", 1000)
    monkeypatch.setattr(jsonstream, "_FILL", 64)
    long = {"uuid": "l", "type": "malware-sample", "value": "x|" + "a" * 32, "to_ids": True, "data": "A" * 5000}
    short = {"uuid": "s", "type": "domain", "value": "a.example", "to_ids": True}
    document = json.dumps({"Event": {"info": "x", "Attribute": [long, short], "Object": [{"Attribute": [long]}]}})
    blocks = [document[at : at + 64].encode() for at in range(0, len(document), 64)]
    found = list(misp.stream(lambda: blocks, marking=DEFAULT))
    assert [type(each).__name__ for each in found] == ["BadInput", "SourceObject", "BadInput"]
    assert {each.reason for each in found if isinstance(each, BadInput)} == {"one value of it is longer than 16 MiB"}


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


def test_sightings_are_words_beside_their_attribute() -> None:
    said = [
        {"id": "1", "uuid": f"00000000-0000-4000-8000-00000000000{n}", "type": str(n), "date_sighting": "1767312000"}
        for n in range(3)
    ]
    attribute = {
        "uuid": "u1", "type": "domain", "value": "evil.example", "to_ids": True, "timestamp": "1",
        "Tag": [{"name": "tlp:red"}],
    }  # fmt: skip
    document: dict[str, Any] = {"Event": {"info": "x", "Attribute": [attribute | {"Sighting": said}]}}
    found = [one for one in misp.parse(json.dumps(document).encode(), marking=DEFAULT) if isinstance(one, SourceObject)]
    indicator, *words = found
    assert indicator.type == "indicator"
    assert json.loads(indicator.raw or b"") == attribute  # a new sighting is no new content of it
    assert [one.words[0].kind for one in words] == [Kind.SEEN, Kind.FALSE_POSITIVE, Kind.EXPIRATION]
    assert {(one.words[0].of, one.words[0].first, one.type, one.marking) for one in words} == {
        ("u1", 1_767_312_000_000_000, "sighting", Tlp.RED)
    }
    for bad in ({"type": "9", "uuid": "x"}, {"type": "0"}, 3, {"type": "0", "uuid": "x", "date_sighting": "soon"}):
        document["Event"]["Attribute"] = [attribute | {"Sighting": [bad, said[0]]}]
        found_again = list(misp.parse(json.dumps(document).encode(), path="e", marking=DEFAULT))
        kinds = [type(one).__name__ for one in found_again]
        assert kinds == ["SourceObject", "BadInput", "SourceObject"]
        assert str(found_again[1]).startswith("e field sighting of attribute u1")
