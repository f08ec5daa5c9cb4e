"""Which values hold another, so that whatever matches this one matches them too.

Of an address, a net or a range: the wider nets and ranges. Of a name: its parents. Of a URL or a mail address: the host
and what that lies in. Asked of the catalog and not of the match index, for what is closed or kept out is shown too.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from haechi.model.indicator import Value, ValueType
from haechi.model.suffix import is_public_suffix
from haechi.store.catalog import indicators

_FOUR: Final = (ValueType.IPV4, ValueType.IPV4_NET, ValueType.IPV4_RANGE)
_SIX: Final = (ValueType.IPV6, ValueType.IPV6_NET, ValueType.IPV6_RANGE)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Span = tuple[Address, Address]
Named = tuple[ValueType, str]
_Bytes = npt.NDArray[np.bytes_]


class Covering:
    """Answers for one value after the other; the catalog's ranges, and which prefix lengths it has, are read once."""

    def __init__(self) -> None:
        self._ranges: dict[ValueType, tuple[list[Value], _Bytes, _Bytes]] = {}
        self._prefixes: dict[ValueType, list[int]] = {}

    def of(self, conn: Connection, kind: ValueType, normal: str) -> list[Value]:
        """The values, ever named by a source, that hold this one: nets and names from narrow to wide, then ranges."""
        place = host(kind, normal)
        ends = span(*place)
        found = indicators.find_any(conn, self._candidates(conn, *place, ends))
        if place[0] is ValueType.DOMAIN:
            found = [value for value in found if value.text == place[1] or not is_public_suffix(value.text)]
        if ends is not None:
            found += self._ranges_around(conn, place[0], ends)
        return [value for value in found if (value.type, value.text) != (kind, normal)]

    def _candidates(self, conn: Connection, kind: ValueType, normal: str, ends: Span | None) -> list[Named]:
        if ends is None:
            return [(kind, normal), *parents(kind, normal)]
        wanted = _FOUR[1] if kind in _FOUR else _SIX[1]
        if wanted not in self._prefixes:
            self._prefixes[wanted] = indicators.prefixes(conn, wanted)
        return [(kind, normal), *((wanted, net) for net in nets(ends, self._prefixes[wanted]))]

    def _ranges_around(self, conn: Connection, kind: ValueType, ends: Span) -> list[Value]:
        wanted = _FOUR[2] if kind in _FOUR else _SIX[2]
        if wanted not in self._ranges:
            known = indicators.of_type(conn, wanted)
            spans = [_ends(value.text) for value in known]
            size = f"S{ends[0].max_prefixlen // 8}"  # in network order, numbers compare as bytes do
            first, last = (np.array([pair[end].packed for pair in spans], size) for end in (0, 1))
            self._ranges[wanted] = known, first, last
        known, first, last = self._ranges[wanted]
        around = (first <= ends[0].packed) & (last >= ends[1].packed)
        return [known[place] for place in np.flatnonzero(around)]


def host(kind: ValueType, normal: str) -> Named:
    """The host of a URL or mail address as a value; any other value as it is.

    >>> host(ValueType.URL, "http://192.0.2.1/x")
    (<ValueType.IPV4: 'ipv4'>, '192.0.2.1')
    """
    if kind is ValueType.EMAIL:
        return ValueType.DOMAIN, normal.rpartition("@")[2]
    if kind is not ValueType.URL:
        return kind, normal
    name = urlsplit(normal).hostname or ""
    try:
        return ValueType.IPV4, str(ipaddress.IPv4Address(name))
    except ipaddress.AddressValueError:
        return ValueType.DOMAIN, name


def parents(kind: ValueType, normal: str) -> Iterator[Named]:
    """A domain's parents, from narrow to wide; nothing of another kind.

    >>> [text for _, text in parents(ValueType.DOMAIN, "a.evil.example")]
    ['evil.example', 'example']
    """
    while kind is ValueType.DOMAIN and (normal := normal.partition(".")[2]):
        yield kind, normal


def nets(ends: Span, prefixes: Iterable[int]) -> Iterator[str]:
    """The nets of these prefix lengths that hold both addresses.

    >>> list(nets((ipaddress.ip_address("192.0.2.1"), ipaddress.ip_address("192.0.2.9")), [31, 24]))
    ['192.0.2.0/24']
    """
    first, last = ends
    numbers, bits = (int(first), int(last)), first.max_prefixlen
    for prefix in prefixes:
        low, high = (number >> (bits - prefix) << (bits - prefix) for number in numbers)
        if low == high:
            yield f"{type(first)(low)}/{prefix}"


def span(kind: ValueType, normal: str) -> Span | None:
    """The first and last address of an address, net or range; None of anything else."""
    return _ends(normal) if kind in _FOUR or kind in _SIX else None


def _ends(normal: str) -> Span:
    if "-" in normal:
        first, _, last = normal.partition("-")
        return ipaddress.ip_address(first), ipaddress.ip_address(last)
    net = ipaddress.ip_network(normal)
    return net[0], net[-1]
