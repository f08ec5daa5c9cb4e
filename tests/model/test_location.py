import pytest

from haechi.model.location import Location


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        (Location(), ""),
        (Location(path="a.log"), "a.log"),
        (Location(path="a.log", line=3, offset=120), "a.log:3 (byte 120)"),
        (Location(line=3), "line 3"),
        (Location(offset=0), "byte 0"),
        (Location(path="a", field="src_ip", value="1.2.3.999"), "a field src_ip = '1.2.3.999'"),
        (Location(field="x"), "field x"),
        (Location(value="x"), "'x'"),
        (Location(path="a", line=1, value="x"), "a:1 'x'"),
    ],
)
def test_shown_as_a_person_looks_for_it(location: Location, shown: str) -> None:
    assert str(location) == shown


def test_a_long_or_hostile_value_stays_one_short_line() -> None:
    shown = str(Location(field="x", value="\x1b[2J\n" + "a" * 1000))
    assert len(shown) < 110
    assert "\n" not in shown
    assert "\x1b" not in shown
