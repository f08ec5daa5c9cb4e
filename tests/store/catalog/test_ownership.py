"""Normal forms of what a party owns."""

import ipaddress
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.errors import BadInput
from haechi.store.catalog import ownership


def owned(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    """Not a prefix of IPv4-mapped addresses that is wider than what a party can own of IPv4."""
    mapped = isinstance(net, ipaddress.IPv6Network) and net.network_address.ipv4_mapped is not None
    return not mapped or not 96 <= net.prefixlen < 96 + ownership.WIDEST[4]


PREFIXES = st.one_of(
    st.builds(lambda a, n: ipaddress.ip_network((a, n), strict=False), st.ip_addresses(v=4), st.integers(8, 32)),
    st.builds(lambda a, n: ipaddress.ip_network((a, n), strict=False), st.ip_addresses(v=6), st.integers(16, 128)),
).filter(owned)


@given(PREFIXES)
def test_a_normal_form_is_its_own(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> None:
    form = ownership.network(str(net))
    assert ownership.network(form) == form


@given(PREFIXES, st.ip_addresses())
def test_bounds_hold_just_the_networks_addresses(
    net: ipaddress.IPv4Network | ipaddress.IPv6Network, address: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    form = ipaddress.ip_network(ownership.network(str(net)))
    first, last = ownership.bounds(str(form))
    assert first <= ownership.sortable(form.network_address) <= last
    assert first <= ownership.sortable(form.broadcast_address) <= last
    inside = address.version == form.version and address in form
    mapped = isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None
    if not mapped and not _holds_mapped(form):
        assert (first <= ownership.sortable(address) <= last) == inside


def _holds_mapped(net: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    return net.version == 6 and ipaddress.IPv6Address("::ffff:0:0") in net


@pytest.mark.parametrize(
    ("given", "form"),
    [
        (" 192.0.2.0/24 ", "192.0.2.0/24"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0:0::/32", "2001:db8::/32"),
        ("::ffff:192.0.2.0/120", "192.0.2.0/24"),
        ("2001:db8::1", "2001:db8::1/128"),
        ("10.0.0.0/8", "10.0.0.0/8"),
    ],
)
def test_networks(given: str, form: str) -> None:
    assert ownership.network(given) == form


@pytest.mark.parametrize(
    ("form", "given", "reason"),
    [
        (ownership.network, "", "not a network"),
        (ownership.network, "192.0.2.0/33", "not a network"),
        (ownership.network, "192.0.2", "not a network"),
        (ownership.network, "192.0.2.010/32", "not a network"),
        (ownership.network, "fe80::1%eth0", "an address with a zone"),
        (ownership.network, "::/0", "wider than /16 belongs to no party"),
        (ownership.network, "0.0.0.0/7", "wider than /8 belongs to no party"),
        (ownership.network, "2001:db8::1/32", "bits set behind the prefix. Write 2001:db8::/32"),
        (ownership.asn, "0", "not an AS number"),
        (ownership.asn, "4294967296", "not an AS number"),
        (ownership.asn, "AS-KT", "not an AS number"),
        (ownership.asn, "３４６２", "not an AS number"),
        (ownership.domain, "192.0.2.1", "an address, not a domain"),
        (ownership.domain, "", "the domain is empty"),
        (ownership.country, "TWN", "not a country code"),
        (ownership.country, "T1", "not a country code"),
        (ownership.country, "ZZ", "not a country code"),
        (ownership.sector, "", "not a sector that Haechi knows"),
        (ownership.name, " \t", "the party has no name"),
        (ownership.name, "x" * 201, "not a name: longer than 200 characters"),
        (ownership.name, "a\x1b[31m", "not a name: longer than 200 characters or with control characters"),
        (ownership.contact, "x" * 501, "not a contact: longer than 500"),
    ],
)
def test_refusals_name_field_and_value(form: Callable[[str], object], given: str, reason: str) -> None:
    with pytest.raises(BadInput) as refused:
        form(given)
    assert reason in str(refused.value)
    assert refused.value.location.field
    assert refused.value.location.value == given


def test_lists_are_sorted_and_hold_each_once() -> None:
    assert ownership.networks(["2001:db8::/32", "10.0.0.0/8", "9.0.0.0/8", "10.0.0.0/9", "10.0.0.0/8"]) == (
        "9.0.0.0/8",
        "10.0.0.0/9",
        "10.0.0.0/8",
        "2001:db8::/32",
    )
    assert ownership.asns(["AS2", 10, "2"]) == (2, 10)
    assert ownership.domains(["b.example", "A.example", "a.example."]) == ("a.example", "b.example")
