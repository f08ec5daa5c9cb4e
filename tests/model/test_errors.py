from haechi.model import errors
from haechi.model.errors import BadInput, HaechiError, MissingExtra
from haechi.model.location import Location


def test_bad_input_names_place_reason_and_advice() -> None:
    error = BadInput("value.wide_network", location=Location(path="a.csv", line=2), widest=8)
    said = "a network wider than /8 would hit nearly everything. Name the networks one by one"
    assert str(error) == f"a.csv:2: {said}"
    assert str(error.at(Location())) == said
    assert (error.at(Location(line=3)).location.line, error.location.line) == (3, 2)
    assert str(BadInput("value.empty")) == "the value is empty"


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = MissingExtra("missing_extra", package="psycopg", extra="postgresql")
    assert str(error) == "psycopg isn't installed. Install it with: pip install 'haechi[postgresql]'"


def test_statuses_are_those_that_the_reference_promises() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, HaechiError)]
    assert {c.__name__: c.exit_status for c in classes} == {
        "HaechiError": 3,
        "BadInput": 1,
        "UsageError": 2,
        "NotFound": 1,
        "Conflict": 3,
        "NodeCannot": 3,
        "NotVerified": 4,
        "MissingExtra": 2,
    }
