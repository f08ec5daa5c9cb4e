"""A refusal reads as a person needs it."""

from haechi.model.location import Location
from haechi.model.source_object import Refused


def test_refusal_names_place_and_reason() -> None:
    refused = Refused(location=Location(path="a.csv", line=3, field="value", value="x y"), reason="not an address")
    assert str(refused) == "a.csv:3 field value = 'x y': not an address"
    assert str(Refused(location=Location(), reason="empty")) == "empty"
