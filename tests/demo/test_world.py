"""Parties and networks: both countries apart, nothing that belongs to anybody."""

import ipaddress
from datetime import date

from haechi.demo.matrix import squeeze
from haechi.demo.world import HOSTS, KOREA, SIDES, TAIWAN, parties, pools
from haechi.model.party import SECTORS


def test_each_side_has_parties_in_every_sector_marked_synthetic():
    for side in SIDES.values():
        members = parties(side)
        assert {party.sector for party in members} == set(SECTORS)
        assert 25 <= len(members) <= 40
        assert all("synthetic" in party.name and party.name.startswith(side.country) for party in members)


def test_networks_do_not_overlap():
    nets = [ipaddress.ip_network(net) for side in SIDES.values() for party in parties(side) for net in party.networks]
    assert len(set(nets)) == len(nets)
    assert all(a == b or not a.overlaps(b) for a in nets for b in nets if a.version == b.version)


def test_own_hosts_lie_in_their_partys_networks():
    own = pools(KOREA, date(2026, 3, 10), 7, 0.001)["own"]
    for number, party in enumerate(parties(KOREA)):
        nets = [ipaddress.ip_network(net) for net in party.networks]
        for row in (0, HOSTS - 1):
            host = ipaddress.ip_address(squeeze(own[number * HOSTS + row]).decode())
            assert any(host in net for net in nets if net.version == host.version)


def test_the_rest_of_the_internet_is_reserved_space_and_in_normal_form():
    remote = pools(TAIWAN, date(2026, 3, 10), 7, 0.001)["remote"]
    space = [ipaddress.ip_network("100.64.0.0/10"), ipaddress.ip_network("2001:db8:8000::/33")]
    for row in remote[:500]:
        text = squeeze(row).decode()
        host = ipaddress.ip_address(text)
        assert str(host) == text
        assert any(host in net for net in space if net.version == host.version)
