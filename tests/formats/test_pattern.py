"""STIX patterns: what becomes values, what is kept, what is refused; the quick way equals the parser's."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.formats import pattern
from haechi.messages.catalogue import decode, encode
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("[ipv4-addr:value = '192.0.2.1']", [(T.IPV4, "192.0.2.1")]),
        ("[ipv4-addr:value ISSUBSET '192.0.2.7/24']", [(T.IPV4_NET, "192.0.2.0/24")]),
        ("[domain-name:value IN ('a.example', 'B.example')]", [(T.DOMAIN, "a.example"), (T.DOMAIN, "b.example")]),
        ("[url:value = 'http://a.example/it\\'s']", [(T.URL, "http://a.example/it's")]),
        ("[domain-name:value = 'a.example'] OR [file:hashes.MD5 = '" + "A" * 32 + "']",
         [(T.DOMAIN, "a.example"), (T.MD5, "a" * 32)]),
        ("[network-traffic:dst_ref.type = 'ipv4-addr' AND network-traffic:dst_ref.value = '192.0.2.1']",
         [(T.IPV4, "192.0.2.1")]),
        ("[x509-certificate:hashes.'SHA-1' = '" + "b" * 40 + "']", [(T.CERT, "b" * 40)]),
        ("[email-message:from_ref.value = 'Kim@a.example']", [(T.EMAIL, "kim@a.example")]),
        ("[domain-name:resolves_to_refs[*].value = '192.0.2.9']", [(T.IPV4, "192.0.2.9")]),
        ("[file:hashes.'SHA-256' = '" + "c" * 64 + "']", [(T.SHA256, "c" * 64)]),
    ],
)  # fmt: skip
def test_values(text: str, values: list[tuple[T, str]]) -> None:
    assert pattern.parse(text) == (values, ())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[domain-name:value = 'a.b' AND file:name = 'x']", "comparisons joined by AND"),
        ("[domain-name:value = 'a.b'] AND [url:value = 'http://a.b']", "observations joined by AND"),
        ("[domain-name:value = 'a.b'] FOLLOWEDBY [domain-name:value = 'c.d']", "FOLLOWEDBY"),
        ("[domain-name:value = 'a.b'] REPEATS 5 TIMES", "qualifier REPEATS"),
        ("[domain-name:value LIKE 'a%']", "LIKE on domain-name:value"),
        ("[domain-name:value != 'a.b']", "!= on domain-name:value"),
        ("[domain-name:value NOT = 'a.b']", "NOT = on domain-name:value"),
        ("[file:name = 'x']", "file:name isn't matched yet"),
    ],
)
def test_kept_with_the_reason(text: str, reason: str) -> None:
    found = pattern.parse(text)
    assert found.values == []
    (why,) = found.reasons
    assert reason in str(why)


def test_what_can_be_matched_is_and_the_rest_is_named() -> None:
    found = pattern.parse("[domain-name:value = 'a.example' OR file:name = 'x' OR domain-name:value = 'no domain']")
    assert found.values == [(T.DOMAIN, "a.example")]
    value, path = sorted(map(str, found.reasons))
    assert path == "file:name isn't matched yet"
    assert value.startswith("'no domain' is left out: the name has a character")
    assert decode(encode(found.reasons)) == found.reasons


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[domain-name:value = ", "not a STIX pattern"),
        ("", "not a STIX pattern"),
        ("[ipv4-addr:value = '300.0.0.1']", "not an IPv4 or IPv6 address"),
        ("[ipv4-addr:value = '0.0.0.0/0']", "wider than /8"),
        ("(" * 100 + "[a:b = 'c']" + ")" * 100, "brackets more than 60 deep"),
        ("[" + "a" * 100_001, "longer than"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        pattern.parse(text)


_PATHS = st.sampled_from(["ipv4-addr:value", "domain-name:value", "url:value", "file:hashes.MD5", "file:hashes.'SHA-1'", "file:name"])  # fmt: skip


@given(_PATHS, st.text(st.characters(codec="utf-8", exclude_characters="\\'"), max_size=20))
def test_the_quick_way_is_the_parsers(path: str, value: str) -> None:
    """A second, false-free comparison sends the same comparison through OASIS's parser."""
    quick = f"[{path} = '{value}']"
    slow = f"[{path} = '{value}' OR {path} = '{value}']"
    assert outcome(quick) == outcome(slow)


def outcome(text: str) -> object:
    try:
        return pattern.parse(text)
    except BadInput as error:
        return error.reason


def test_published_examples(real_data: Path) -> None:
    for line in (real_data / "stix-examples/pattern-spec-examples.txt").read_text("utf-8").splitlines():
        found = pattern.parse(line)
        assert found.values or found.reasons, line
