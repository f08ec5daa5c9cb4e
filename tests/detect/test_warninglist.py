"""Warning lists: addresses inside ranges, names exactly, pages of good sites not; many at once as one by one."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.detect.warninglist import WarningLists, edition
from haechi.model.indicator import ValueType as T


@pytest.fixture(scope="module")
def lists() -> WarningLists:
    return WarningLists()


@pytest.mark.parametrize(
    ("kind", "text", "name"),
    [
        (T.IPV4, "8.8.8.8", "List of known IPv4 public DNS resolvers"),
        (T.IPV4, "10.1.2.3", "List of RFC 1918 CIDR blocks"),
        (T.IPV4_NET, "192.168.4.0/24", "List of RFC 1918 CIDR blocks"),
        (T.IPV4_RANGE, "10.0.0.1-10.0.0.9", "List of RFC 1918 CIDR blocks"),
        (T.IPV6, "fe80::1", "List of IPv6 link local blocks"),
        (T.DOMAIN, "google.com", "List of known google domains"),
        (T.DOMAIN, "www.google.com", "List of known google domains"),
        (T.DOMAIN, "co.kr", "Second level TLDs as known by Mozilla Foundation"),
        (T.URL, "https://google.com/", "List of known google domains"),
        (T.MD5, "d41d8cd98f00b204e9800998ecf8427e", "List of known hashes for empty files"),
    ],
)
def test_kept_out(lists: WarningLists, kind: T, text: str, name: str) -> None:
    assert name in {hit.list for hit in lists.suppressing(kind, [text])}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (T.IPV4, "103.27.109.217"),
        (T.IPV4_NET, "8.8.0.0/16"),  # holds more than resolvers
        (T.IPV4_RANGE, "9.255.255.255-10.0.0.1"),
        (T.DOMAIN, "evil.google.com.example"),
        (T.DOMAIN, "evil.blogspot.com"),
        (T.URL, "https://drive.google.com/file/evil"),
        (T.URL, "http://8.8.8.8/"),
        (T.MD5, "0" * 31 + "1"),
        (T.EMAIL, "kim@gmail.com"),
        (T.JA3, "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_matched(lists: WarningLists, kind: T, text: str) -> None:
    assert list(lists.suppressing(kind, [text])) == []


def test_hosting_and_dynamic_names_are_shown_only(lists: WarningLists) -> None:
    assert list(lists.suppressing(T.DOMAIN, ["evil.duckdns.org"])) == []
    assert "List of known dynamic DNS domains" in {hit.list for hit in lists.shown(T.DOMAIN, ["evil.duckdns.org"])}
    assert list(lists.suppressing(T.IPV4, ["104.16.0.1"])) == []
    assert "List of known Cloudflare IP ranges" in {hit.list for hit in lists.shown(T.IPV4, ["104.16.0.1"])}
    assert "List of disposable email domains" in {hit.list for hit in lists.shown(T.EMAIL, ["a@0-mail.com"])}


def test_few_names_and_many_give_the_same(lists: WarningLists) -> None:
    names = ["evil.duckdns.org", "a.evil.duckdns.org", "duckdns.org", "nothing.example", "x.github.io"]
    few = {(hit.place, hit.list) for hit in lists.shown(T.DOMAIN, names)}
    many = {(hit.place, hit.list) for hit in lists.shown(T.DOMAIN, names + [f"{n}.example" for n in range(200)])}
    assert few == many


@given(st.lists(st.ip_addresses(v=4).map(str), min_size=65, max_size=90))
def test_ranges_equal_a_slow_look(addresses: list[str]) -> None:
    nets = [ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    probes = [*addresses, "10.0.0.0", "10.255.255.255", "11.0.0.0", "172.31.255.255", "172.32.0.0"]
    wanted = {place for place, text in enumerate(probes) if any(ip_address(text) in net for net in nets)}
    hits = _shared().suppressing(T.IPV4, probes)
    assert {hit.place for hit in hits if hit.list == "List of RFC 1918 CIDR blocks"} == wanted


_kept: list[WarningLists] = []


def _shared() -> WarningLists:
    if not _kept:
        _kept.append(WarningLists())
    return _kept[0]


def test_the_edition_names_package_and_choice() -> None:
    package, _, choice = edition().partition("/")
    assert package
    assert len(choice) == 12
