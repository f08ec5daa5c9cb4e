"""What is written is read back as the same value, by our reader and by OASIS's."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2patterns.v21.pattern import Pattern

from haechi.formats import pattern
from haechi.formats.patternof import pattern_of
from haechi.model import normal
from haechi.model.indicator import ValueType

four = st.ip_addresses(v=4).map(str)
six = st.integers(2**112, 2**128 - 1).map(lambda n: str(ipaddress.IPv6Address(n)))
hexes = {n: st.text("0123456789abcdef", min_size=n, max_size=n) for n in (32, 40, 64, 128)}
DIGESTS = (
    (ValueType.MD5, 32),
    (ValueType.SHA1, 40),
    (ValueType.SHA256, 64),
    (ValueType.SHA512, 128),
    (ValueType.JA3, 32),
)
label = st.text("abcxyz0189-_", min_size=1, max_size=10)
name = st.builds(
    lambda labels, end: ".".join([*labels, end]),
    st.lists(label, min_size=1, max_size=3),
    st.sampled_from(["com", "co.kr", "xn--kpry57d"]),
)
path = st.text("abc/'\\\"?=&%[]()~ é臺", max_size=12)
values = st.one_of(
    four.map(lambda t: (ValueType.IPV4, t)),
    six.map(lambda t: (ValueType.IPV6, t)),
    st.builds(lambda a, n: normal.address(f"{a}/{n}"), four, st.integers(8, 32)),
    st.builds(lambda a, n: normal.address(f"{a}/{n}"), six, st.integers(19, 128)),
    name.map(lambda t: (ValueType.DOMAIN, t)),
    st.builds(lambda n, p: (ValueType.URL, normal.url(f"https://{n}/{p}")), name, path),
    name.map(lambda n: (ValueType.EMAIL, f"o'neil@{n}")),
    *(st.tuples(st.just(kind), hexes[n]) for kind, n in DIGESTS),
    *(hexes[n].map(lambda t: (ValueType.CERT, t)) for n in (32, 40, 64)),
    st.just((ValueType.JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1")),
)  # fmt: skip


@settings(deadline=None)
@given(values)
def test_there_and_back(value: tuple[ValueType, str]) -> None:
    written = pattern_of(*value)
    assert pattern.parse(written) == ([value], ())


@settings(max_examples=30, deadline=None)
@given(values)
def test_oasis_reads_it(value: tuple[ValueType, str]) -> None:
    Pattern(pattern_of(*value))


@settings(max_examples=30, deadline=None)
@given(four, st.integers(0, 5000))
def test_a_range_is_the_nets_that_cover_it(first: str, more: int) -> None:
    low = ipaddress.IPv4Address(first)
    high = ipaddress.IPv4Address(min(int(low) + more, 2**32 - 1))
    found, reasons = pattern.parse(pattern_of(ValueType.IPV4_RANGE, f"{low}-{high}"))
    assert reasons == ()
    assert sum(ipaddress.ip_network(text).num_addresses for _, text in found) == int(high) - int(low) + 1
    assert min(ipaddress.ip_network(text)[0] for _, text in found) == low


def test_every_type_can_be_written() -> None:
    texts = {
        ValueType.IPV4_RANGE: "192.0.2.1-192.0.2.3", ValueType.IPV6_RANGE: "2001:db8::1-2001:db8::3", ValueType.IPV4_NET: "192.0.2.0/24",
        ValueType.IPV6_NET: "2001:db8::/32", ValueType.CERT: "a" * 40,
    }  # fmt: skip
    for kind in ValueType:
        assert Pattern(pattern_of(kind, texts.get(kind, "x")))


def test_a_certificate_of_no_known_length_is_a_fault() -> None:
    with pytest.raises(KeyError):
        pattern_of(ValueType.CERT, "abc")
