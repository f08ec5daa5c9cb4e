"""The quick way must say what the ordinary way says: of every object, after any other."""

import hashlib
import json
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats.stixframe import Frames
from haechi.model.canonical import canonical, encoded
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

AMBER = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
OWN = "marking-definition--11111111-1111-4111-8111-111111111111"


def indicator(number: int, pattern: str, **more: object) -> bytes:
    return encoded(
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{UUID(int=number, version=4)}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "pattern": pattern,
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00.000Z",
            "object_marking_refs": [AMBER],
            **more,
        }
    )


def alone(raw: bytes) -> tuple[bytes, SourceObject | BadInput]:
    """As it is read by a reader that has seen nothing."""
    return Frames(Tlp.AMBER_STRICT).read([raw])[0]


def same(one: object, other: object) -> bool:
    plain = [x if isinstance(x, SourceObject) else (x.id, str(x)) for x in (one, other)]  # type: ignore[attr-defined]
    return plain[0] == plain[1]


def test_alike_indicators_are_read_by_their_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = Frames(Tlp.AMBER_STRICT)
    frames.read([indicator(1, "[ipv4-addr:value = '192.0.2.1']")])
    monkeypatch.setattr(
        "haechi.formats.stixframe.stix.parse",
        lambda *_, **__: pytest.fail("the ordinary way") if _[0] != b'{"objects":[]}' else iter(()),
    )
    raw = indicator(2, "[domain-name:value = 'evil.example']")
    [(digest, read)] = frames.read([raw])
    monkeypatch.undo()
    assert (digest, read) == alone(raw)
    assert isinstance(read, SourceObject)
    assert (read.values, read.marking, read.raw) == ({ValueType.DOMAIN: ["evil.example"]}, Tlp.AMBER, raw)
    assert digest == hashlib.sha256(canonical(raw)).digest()


PATTERNS = st.sampled_from(
    [
        "[ipv4-addr:value = '192.0.2.1']",
        "[ipv4-addr:value = '192.0.2.0/24']",
        "[ipv4-addr:value = '999.0.2.1']",
        "[domain-name:value = 'EVIL.example']",
        "[domain-name:value = 'evil.example'] ",
        "[file:hashes.'SHA-256' = '" + "a" * 64 + "']",
        "[file:hashes.MD5 = '" + "A" * 32 + "']",
        "[url:value = 'http://evil.example/it\\'s']",
        "[url:value = 'http://evil.example/\"']",
        "[a:b = 'c']",
        "[ipv4-addr:value = '192.0.2.1' OR ipv4-addr:value = '192.0.2.2']",
        "[domain-name:value = '악성.example']",
        "[",
        "",
    ]
)
MORE = st.sampled_from(
    [
        {},
        {"confidence": 50},
        {"confidence": 1.5},
        {"description": 'x","pattern":"[ipv4-addr:value = \'192.0.2.9\']'},
        {"description": '"id":"indicator--11111111-1111-4111-8111-111111111111"'},
        {"extensions": {"a": {"id": "indicator--11111111-1111-4111-8111-111111111111"}}},
        {"extensions": {"a": {"pattern": "[ipv4-addr:value = '192.0.2.9']"}}},
        {"valid_until": "2025-01-01T00:00:00Z"},
        {"object_marking_refs": []},
        {"object_marking_refs": [OWN]},
        {"revoked": True},
        {"name": "이름 \U0001f98a \x01"},
    ]
)


@given(st.lists(st.tuples(st.integers(1, 5), PATTERNS, MORE), max_size=6))
def test_what_was_read_before_changes_nothing(drawn: list[tuple[int, str, dict[str, object]]]) -> None:
    raws = [indicator(number, pattern, **more) for number, pattern, more in drawn]
    frames = Frames(Tlp.AMBER_STRICT)
    for raw in (*raws, *raws):
        [(digest, read)] = frames.read([raw])
        expected = alone(raw)
        assert digest == expected[0]
        assert same(read, expected[1])
    for (digest, read), raw in zip(frames.read(raws), raws, strict=True):
        assert digest == hashlib.sha256(canonical(raw)).digest()
        assert isinstance(read, BadInput) or read.raw == raw


def test_other_forms_of_the_same_object_have_its_digest() -> None:
    raw = indicator(1, "[ipv4-addr:value = '192.0.2.1']")
    loose = json.dumps(json.loads(raw), indent=1).encode()
    frames = Frames(Tlp.AMBER_STRICT)
    (first, _), (second, read) = frames.read([raw, loose])
    assert first == second
    assert isinstance(read, SourceObject)
    assert read.raw == loose


def test_a_relationship_names_its_indicator_and_no_other() -> None:
    first, second = (indicator(n, f"[ipv4-addr:value = '192.0.2.{n}']") for n in (1, 2))
    actor = encoded({"type": "threat-actor", "id": f"threat-actor--{UUID(int=9, version=4)}", "name": "Kimsuky"})
    link = encoded(
        {
            "type": "relationship",
            "id": f"relationship--{UUID(int=8, version=4)}",
            "relationship_type": "indicates",
            "source_ref": json.loads(first)["id"],
            "target_ref": json.loads(actor)["id"],
        }
    )
    frames = Frames(Tlp.AMBER_STRICT)
    for _ in range(2):
        read = [one for _, one in frames.read([first, actor, link, second])]
        assert isinstance(read[0], SourceObject)
        assert isinstance(read[3], SourceObject)
        assert (read[0].context.actors, read[3].context.actors) == (("Kimsuky",), ())


def test_objects_that_are_no_indicators_are_kept_with_their_marking() -> None:
    raw = encoded(
        {
            "type": "report",
            "id": f"report--{UUID(int=3, version=4)}",
            "modified": "2026-01-01T00:00:00.000Z",
            "object_marking_refs": [OWN],
        }
    )
    green = encoded({"type": "marking-definition", "id": OWN, "definition_type": "tlp", "definition": {"tlp": "green"}})
    frames = Frames(Tlp.AMBER_STRICT)
    [(_, unknown)] = frames.read([raw])
    [(_, known)] = frames.read([raw], [green])
    assert isinstance(unknown, SourceObject)
    assert isinstance(known, SourceObject)
    assert (unknown.marking, known.marking, known.raw) == (Tlp.RED, Tlp.GREEN, raw)


def test_what_has_no_id_of_its_type_is_refused() -> None:
    [(_, read)] = Frames(Tlp.AMBER).read([b'{"id":"report--x","type":"malware"}'])
    assert isinstance(read, BadInput)


def test_what_has_no_canonical_form_has_no_digest() -> None:
    with pytest.raises(BadInput, match="no canonical form"):
        Frames(Tlp.AMBER).read([b'{"a":123456789012345678901234567890}'])


def test_frames_are_bounded() -> None:
    frames = Frames(Tlp.AMBER)
    long = indicator(1, "[ipv4-addr:value = '192.0.2.1']", description="x" * 10_000)
    frames.read([long])
    assert not frames._known
    for number in range(3):
        frames.read([indicator(number, "[ipv4-addr:value = '192.0.2.1']", confidence=number)])
    assert len(frames._known) == 3
    assert msgspec.json.decode(long)["description"]
