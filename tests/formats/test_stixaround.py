import json
from typing import Any

import msgspec
import pytest

from haechi.formats.stixaround import around
from haechi.model.errors import BadInput
from haechi.model.marking import Tlp

STATEMENT = "marking-definition--00000000-0000-4000-8000-000000000001"


def thing(kind: str, number: int) -> str:
    return f"{kind}--00000000-0000-4000-8000-{number:012}"


def relationship(kind: str, source: str, target: str) -> dict[str, Any]:
    return {
        "type": "relationship", "id": thing("relationship", 1), "relationship_type": kind, "source_ref": source,
        "target_ref": target,
    }  # fmt: skip


def refused(*items: dict[str, Any], definitions: tuple[bytes, ...] = ()) -> list[str]:
    """The reason's id for each object, "" where it is taken."""
    known = around([msgspec.Raw(json.dumps(item).encode()) for item in items], definitions)
    found = []
    for place, item in enumerate(items):
        try:
            known.check(item, place)
            found.append("")
        except BadInput as error:
            found.append(error.id)
    return found


def test_what_goes_round_is_refused_and_nothing_else() -> None:
    a, b, c, d = (thing("intrusion-set", n) for n in range(4))
    assert refused(
        relationship("attributed-to", a, b),
        relationship("attributed-to", b, c),
        relationship("derived-from", c, a),
        relationship("attributed-to", c, d),
        relationship("related-to", b, a),  # both ways is its nature
        relationship("uses", d, d),
    ) == ["stix.circle", "stix.circle", "stix.circle", "", "", "stix.circle"]


@pytest.mark.parametrize(
    "end", ["", "x", "relationship--00000000-0000-4000-8000-000000000001", None, 3, ["x"], STATEMENT]
)
def test_an_end_is_a_thing(end: Any) -> None:
    assert refused(relationship("uses", thing("malware", 1), end)) == ["stix.end"]
    assert refused(relationship("uses", end, thing("malware", 1))) == ["stix.end"]


def test_a_marking_never_changes() -> None:
    first = {
        "type": "marking-definition",
        "id": STATEMENT,
        "definition_type": "statement",
        "definition": {"statement": "a"},
    }
    other = first | {"definition_type": "tlp", "definition": {"tlp": "green"}}
    again = dict(reversed(first.items()))
    assert refused(first, again) == ["", ""]
    assert refused(first, other) == ["", "stix.marking_changed"]
    assert refused(other, definitions=(json.dumps(first).encode(),)) == ["stix.marking_changed"]
    known = around([msgspec.Raw(json.dumps(one).encode()) for one in (first, other)], ())
    assert known.markings[STATEMENT] is Tlp.RED
    laxer = {
        "type": "marking-definition", "id": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
        "definition_type": "tlp", "definition": {"tlp": "white"},
    }  # fmt: skip
    opencti = {
        "type": "marking-definition", "id": "marking-definition--826578e1-40ad-459f-bc73-ede076f81f37",
        "definition_type": "statement", "definition": {"statement": "custom"},
    }  # fmt: skip
    assert refused(laxer, opencti) == ["stix.marking_changed", ""]
    assert refused(first | {"object_marking_refs": [STATEMENT]}) == ["stix.marks_itself"]


def test_hostile_shapes_are_no_fault() -> None:
    odd: list[Any] = [None, 3, [], {}, "x", ["x"], {"a": 1}]
    for kind in ("marking-definition", "relationship", "malware", "sighting"):
        for value in odd:
            item = {"type": kind, "id": thing(kind, 1)} | dict.fromkeys(
                ("name", "object_marking_refs", "source_ref", "target_ref", "relationship_type", "extensions",
                 "definition", "definition_type", "granular_markings"), value,
            )  # fmt: skip
            refused(item)
    known = around([msgspec.Raw(b"[]"), msgspec.Raw(b'{"type": ["x"]}'), msgspec.Raw(b'{"type": null}')], ())
    assert known.named == {}
