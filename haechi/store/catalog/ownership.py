"""The normal forms of what a party owns: networks, ASNs, domains; and of its country and sector.

Every refusal is a `BadInput` that names the field, the value and what to write instead.
"""

import ipaddress
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from haechi.model import normal
from haechi.model.country import CODES
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.model.party import SECTORS

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

WIDEST: Final = {4: 8, 6: 16}  # shortest prefixes: registries give out nothing wider
_MAX_NAME = 200
_MAX_CONTACT = 500


def _refuse(id: str, field: str, value: str, **arguments: Any) -> NoReturn:
    raise BadInput(id, location=Location(field=field, value=value), **arguments)


def name(given: str) -> str:
    """A party's name on one line, spaces collapsed."""
    found = " ".join(given.split())
    if not found:
        _refuse("party.no_name", "name", given)
    if len(found) > _MAX_NAME or not found.isprintable():
        _refuse("party.not_name", "name", given, most=_MAX_NAME)
    return found


def country(given: str) -> str:
    """An ISO 3166-1 alpha-2 code in capitals."""
    found = given.strip().upper()
    if found not in CODES:
        _refuse("party.not_country", "country", given)
    return found


def sector(given: str) -> str:
    """One of `model.party.SECTORS`."""
    found = given.strip().lower()
    if found not in SECTORS:
        _refuse("party.not_sector", "sector", given, sectors=", ".join(SECTORS))
    return found


def contact(given: str) -> str:
    """How to reach the party: free text on one line."""
    found = " ".join(given.split())
    if len(found) > _MAX_CONTACT or not found.isprintable():
        _refuse("party.not_contact", "contact", given, most=_MAX_CONTACT)
    return found


def network(given: str) -> str:
    """A prefix as ADDRESS/LENGTH, IPv4-mapped IPv6 as IPv4; a bare address is a network of one.

    Refuses host bits (they are a typing error more often than not) and prefixes wider than /8 or /16 (IPv6).

    >>> network("2001:DB8::/32"), network("192.0.2.1")
    ('2001:db8::/32', '192.0.2.1/32')
    """
    found = _unmapped(_parse_network(given.strip()))
    widest = WIDEST[found.version]
    if found.prefixlen < widest:
        _refuse("party.wide_network", "networks", given, widest=widest)
    return str(found)


def _parse_network(given: str) -> _Network:
    if "%" in given:
        _refuse("party.zoned_address", "networks", given)
    try:
        return ipaddress.ip_network(given)
    except ValueError:
        pass
    try:
        loose = ipaddress.ip_network(given, strict=False)
    except ValueError:
        _refuse("party.not_network", "networks", given)
    _refuse("party.bits_behind_prefix", "networks", given, network=str(loose))


def _unmapped(net: _Network) -> _Network:
    mapped = net.network_address.ipv4_mapped if isinstance(net, ipaddress.IPv6Network) else None
    if mapped is None or net.prefixlen < 96:
        return net
    return ipaddress.IPv4Network((mapped, net.prefixlen - 96))


def bounds(cidr: str) -> tuple[bytes, bytes]:
    """The first and last address of a network as 16 bytes that sort: IPv4 as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2)."""
    net = ipaddress.ip_network(cidr)
    return sortable(net.network_address), sortable(net.broadcast_address)


def sortable(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """An address as 16 bytes in network order, IPv4 as IPv4-mapped IPv6."""
    return address.packed if address.version == 6 else b"\0" * 10 + b"\xff\xff" + address.packed


def asn(given: str) -> int:
    """An autonomous system's number, with or without AS before it.

    >>> asn("AS3462")
    3462
    """
    digits = given.strip().upper().removeprefix("AS")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) < 1 << 32):
        _refuse("party.not_asn", "asns", given)
    return int(digits)


def domain(given: str) -> str:
    """A domain in lower-case A-labels; all names below it are the party's too."""
    try:
        return normal.domain(given)
    except BadInput as error:
        raise error.at(Location(field="domains", value=given)) from error


def networks(given: Iterable[str]) -> tuple[str, ...]:
    """All networks in normal form, each once, by address."""
    return tuple(sorted({network(one) for one in given}, key=bounds))


def asns(given: Iterable[str | int]) -> tuple[int, ...]:
    """All AS numbers, each once, ascending."""
    return tuple(sorted({asn(str(one)) for one in given}))


def domains(given: Iterable[str]) -> tuple[str, ...]:
    """All domains in normal form, each once, by name."""
    return tuple(sorted({domain(one) for one in given}))
