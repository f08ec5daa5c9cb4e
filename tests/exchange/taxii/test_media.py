import pytest

from haechi.exchange.taxii.media import accepts, is_written_so

OURS = [
    "application/taxii+json;version=2.1",
    "application/taxii+json",  # without a version the newest: TAXII 2.1, 1.6.8.2
    "application/taxii+json; version=2.1",
    'Application/TAXII+JSON; Version="2.1"',
    "application/taxii+json;version=2.1;charset=utf-8",
]
OTHERS = [
    "",
    "*/*",
    "application/json",
    "application/taxii+json;version=2.0",
    "application/taxii+json;version=3",
    "application/vnd.oasis.taxii+json;version=2.1",
    "application/taxii+json;charset=utf-16",
    "application/taxii+jsonx",
]


@pytest.mark.parametrize("header", OURS)
def test_ours(header: str) -> None:
    assert accepts(header)
    assert is_written_so(header)
    assert accepts(f"text/html;q=0.9, {header}, */*;q=0.1")


@pytest.mark.parametrize("header", OTHERS)
def test_others(header: str) -> None:
    assert not accepts(header)
    assert not is_written_so(header)


def test_a_caller_may_say_that_it_does_not_take_it() -> None:
    assert not accepts("application/taxii+json;q=0")
    assert not accepts("application/taxii+json;q=0.000")
    assert accepts("application/taxii+json;q=0.5")


def test_one_body_has_one_type_and_a_header_has_an_end() -> None:
    assert not is_written_so("application/taxii+json, application/json")
    assert not is_written_so("application/taxii+json;" + "x=y;" * 1000)
    assert not accepts("text/html," * 1000 + "application/taxii+json")
