import ipaddress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from haechi.ingest.normal_forms.finish_kernel import find4, find6
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.normal_forms.time_kernel import parse_time
from haechi.model.jit import kernel

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@kernel
def _party4(table, value):
    return find4(table, value)


@kernel
def _party6(table, high, low):
    return find6(table, high, low)


@kernel
def _time(buf, end, rule):
    return parse_time(buf, 0, end, rule)


def party(networks: list[tuple[str, int]], address: str) -> int:
    table, value = party_table(networks), int(ipaddress.ip_address(address))
    if ":" in address:
        return int(_party6(table, np.uint64(value >> 64), np.uint64(value & (2**64 - 1))))
    return int(_party4(table, np.uint64(value)))


def longest(networks: list[tuple[str, int]], address: str) -> set[int]:
    """The reference: the owners of the longest prefix that holds the address."""
    found = ipaddress.ip_address(address)
    nets = [(ipaddress.ip_network(cidr), owner) for cidr, owner in networks]
    holding = [(net.prefixlen, owner) for net, owner in nets if net.version == found.version and found in net]
    best = max((length for length, _ in holding), default=-1)
    return {owner for length, owner in holding if length == best} or {0}


def _net(address: int, bits: int, six: bool) -> str:
    kind = ipaddress.IPv6Address if six else ipaddress.IPv4Address
    return str(ipaddress.ip_network(f"{kind(address)}/{bits}", strict=False))


four = st.integers(0xC0000000, 0xC0000FFF) | st.sampled_from([0, 2**32 - 1])
six = st.integers(0, 4095).map(lambda n: (0x20010DB8 << 96) + (n << 58)) | st.sampled_from([0, 2**128 - 1])
nets4 = st.builds(lambda a, b: _net(a, b, False), four, st.integers(0, 32))
nets6 = st.builds(lambda a, b: _net(a, b, True), six, st.integers(0, 128))


@given(st.lists(st.tuples(nets4, st.integers(1, 9)), max_size=25), st.lists(four, max_size=20))
def test_ipv4_parties_equal_the_longest_prefix(networks: list[tuple[str, int]], addresses: list[int]) -> None:
    _check(networks, [str(ipaddress.IPv4Address(a)) for a in addresses])


@given(st.lists(st.tuples(nets6, st.integers(1, 9)), max_size=25), st.lists(six, max_size=20))
@example([("::/0", 1), ("2001:db8::/64", 2), ("2001:db8::/65", 3)], [0x20010DB8 << 96])
def test_ipv6_parties_equal_the_longest_prefix(networks: list[tuple[str, int]], addresses: list[int]) -> None:
    _check(networks, [str(ipaddress.IPv6Address(a)) for a in addresses])


def _check(networks: list[tuple[str, int]], addresses: list[str]) -> None:
    for cidr, _ in networks:  # each net's borders and the addresses beside them
        net = ipaddress.ip_network(cidr)
        kind = type(net.network_address)
        edges = (
            int(net.network_address) - 1,
            int(net.network_address),
            int(net.broadcast_address),
            int(net.broadcast_address) + 1,
        )
        addresses = [*addresses, *(str(kind(e)) for e in edges if 0 <= e < 2**net.max_prefixlen)]
    for address in addresses:
        assert party(networks, address) in longest(networks, address), address


def test_no_networks() -> None:
    assert party([], "192.0.2.1") == party([], "2001:db8::1") == 0


def _parsed(text: str, zone: str) -> int | None:
    buf = np.zeros(128, np.uint8)
    data = text.encode()
    buf[: len(data)] = np.frombuffer(data, np.uint8)
    code, value, _, _ = _time(buf, len(data), time_rule(zone, newest=2**61, oldest=-(2**61), latest=2**61))
    return int(value) if code == 0 else None


def _borders(zone: str, first: int, last: int) -> list[datetime]:
    """Local times around each change of the zone's offset, found hour by hour."""
    info, found = ZoneInfo(zone), []
    moment = datetime(first, 1, 1, tzinfo=UTC)
    while moment.year < last:
        later = moment + timedelta(hours=1)
        if later.astimezone(info).utcoffset() != moment.astimezone(info).utcoffset():
            found += [later + timedelta(minutes=m) for m in (-181, -61, -31, -1, 0, 1, 29, 59, 61, 181)]
        moment = later
    return found


@pytest.mark.parametrize(
    ("zone", "first", "last", "changes"),
    [("Asia/Taipei", 2000, 2003, 0), ("Asia/Seoul", 1990, 1993, 0), ("Europe/Berlin", 2023, 2026, 6), ("America/New_York", 2006, 2008, 4)],
)  # fmt: skip
def test_local_times_equal_zoneinfo(zone: str, first: int, last: int, changes: int) -> None:
    info = ZoneInfo(zone)
    borders = _borders(zone, first, last)
    assert len(borders) == changes * 10
    samples = borders + [datetime(first, 1, 1, tzinfo=UTC) + timedelta(days=13 * n, minutes=97 * n) for n in range(60)]
    for moment in samples:
        local = moment.astimezone(info)
        text = local.strftime("%Y-%m-%d %H:%M:%S")
        wanted = {  # an hour that comes twice may be read either way
            (local.replace(fold=fold).astimezone(UTC) - EPOCH) // timedelta(microseconds=1) for fold in (0, 1)
        }
        assert _parsed(text, zone) in wanted, text


def test_the_offset_of_seoul_and_taipei() -> None:
    assert _parsed("2026-07-01 09:00:00", "Asia/Seoul") == _parsed("2026-07-01 00:00:00Z", "")
    assert _parsed("2026-07-01 08:00:00", "Asia/Taipei") == _parsed("2026-07-01 00:00:00Z", "")


def test_without_a_zone_a_local_time_is_refused() -> None:
    assert _parsed("2026-07-01 09:00:00", "") is None


def test_the_bounds_are_kept() -> None:
    rule = time_rule("Asia/Seoul", newest=3, oldest=1, latest=2)
    assert (int(rule.newest), int(rule.oldest), int(rule.latest)) == (3, 1, 2)
