import pytest

from haechi.formats import moment
from haechi.model.errors import BadInput


def test_a_field_of_an_object() -> None:
    assert moment.of({"at": "1970-01-01T00:00:01Z"}, "at") == 1_000_000
    assert moment.of({"at": 3}, "at") == 3_000_000
    assert moment.of({"at": None}, "at") is moment.of({}, "at") is None


@pytest.mark.parametrize("value", ["soon", True, ["x"], {}, 1.5, ""])
def test_what_is_no_time_names_its_field(value: object) -> None:
    with pytest.raises(BadInput) as refused:
        moment.of({"at": value}, "at")
    assert refused.value.location.field == "at"
