from haechi.model import errors
from haechi.model.errors import BadInput, HaechiError, MissingExtra
from haechi.model.location import Location


def test_bad_input_names_place_reason_and_advice() -> None:
    error = BadInput("no time", location=Location(path="eve.json", line=2), advice="See the format's page")
    assert str(error) == "eve.json:2: no time. See the format's page"
    assert str(BadInput("no time")) == "no time"


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
