import json
from typing import Any

import pytest

from haechi.formats import stixcheck
from haechi.formats.stixcheck import MAX_DEPTH, checked, decoded, id_of
from haechi.model.errors import BadInput

GOOD: dict[str, Any] = {
    "type": "report",
    "spec_version": "2.1",
    "id": "report--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
    "name": "x",
}


def nested(levels: int) -> Any:
    found: Any = 1
    for level in range(levels):
        found = [found] if level % 2 else {"a": found}
    return found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"spec_version": "2.0"},
        {"x_odd": nested(MAX_DEPTH - 1), "many": [[], {}] * 100},
        {"score": 0.1, "big": 2**53 - 1, "text": "1e9 \U0001f40d"},
    ],
)
def test_what_is_taken(changes: dict[str, Any]) -> None:
    document = GOOD | changes
    assert checked(json.dumps(document).encode()) == document


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": "report--1"}, "stix.no_id"),
        ({"id": "malware--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"}, "stix.no_id"),
        ({"id": "report--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f\0"}, "stix.no_id"),
        ({"id": ["x"]}, "stix.no_id"),
        ({"id": None}, "stix.no_id"),
        ({"type": 3}, "stix.no_object"),
        ({"type": "bundle"}, "stix.bundle_in_bundle"),
        ({"created_by_ref": "me\0"}, "stix.creator"),
        ({"created_by_ref": ["identity"]}, "stix.creator"),
        ({"created_by_ref": GOOD["id"]}, "stix.creator"),
        ({"spec_version": "3.0"}, "stix.spec_version"),
        ({"spec_version": 2.1}, "stix.spec_version"),
        ({"spec_version": ["2.1"]}, "stix.spec_version"),
        ({"x_odd": nested(MAX_DEPTH)}, "stix.deep"),
        ({"big": 2**60}, "json.not_canonical"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(json.dumps(GOOD | changes).encode())
    assert refused.value.id == reason
    assert str(refused.value)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"[1]", "stix.no_object"),
        (b"{", "json.invalid"),
        (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "stix.deep"),
        (b'{"type": "report", "id": "report--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "x": 1e999}', "json.invalid"),
        (b'{"type": "report", "id": "report--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f", "x": "\\ud800"}', "json.invalid"),
    ],
)
def test_what_cannot_be_read_or_given_on(raw: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked(raw)
    assert refused.value.id == reason


def test_a_giant_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stixcheck, "MAX_OBJECT", 1 << 20)
    with pytest.raises(BadInput, match="the object is larger than 1 MiB"):
        checked(b"{" * (1 << 21))


def test_an_id_for_a_message() -> None:
    assert id_of(b'{"id": "x"}') == "x"
    assert id_of(b"{") == id_of(b'{"id": []}') == ""
    assert decoded(b"{}") == {}
