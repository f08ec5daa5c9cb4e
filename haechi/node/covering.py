"""Which values hold another, so that whatever matches this one matches them too.

Of an address, a net or a range: the wider nets and ranges. Of a name: its parents. Of a URL or a mail address: the host
and what that lies in. Asked of the catalog and not of the match index, for what is closed or kept out is shown too.
"""

import ipaddress
from collections.abc import Iterator
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
_WIDEST: Final = {4: 8, 6: 19}  # prefix lengths: model.normal.address refuses wider nets

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Span = tuple[Address, Address]
_Bytes = npt.NDArray[np.bytes_]


class Covering:
    """Answers for one value after the other; the catalog's ranges are read once."""

    def __init__(self) -> None:
        self._ranges: dict[ValueType, tuple[list[Value], _Bytes, _Bytes]] = {}

    def of(self, conn: Connection, kind: ValueType, normal: str) -> list[Value]:
        """The values, ever named by a source, that hold this one: nets and names from narrow to wide, then ranges."""
        place = host(kind, normal)
        found = indicators.find_any(conn, candidates(*place))
        if place[0] is ValueType.DOMAIN:
            found = [value for value in found if value.text == place[1] or not is_public_suffix(value.text)]
        elif (ends := span(*place)) is not None:
            found += self._ranges_around(conn, place[0], ends)
        return [value for value in found if (value.type, value.text) != (kind, normal)]

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


def host(kind: ValueType, normal: str) -> tuple[ValueType, str]:
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


def candidates(kind: ValueType, normal: str) -> Iterator[tuple[ValueType, str]]:
    """The value, and the nets or parent domains that could hold it, from narrow to wide; ranges can't be told so.

    >>> [text for _, text in candidates(ValueType.DOMAIN, "a.evil.example")]
    ['a.evil.example', 'evil.example', 'example']
    >>> list(candidates(ValueType.IPV4, "192.0.2.1"))[1]
    (<ValueType.IPV4_NET: 'ipv4-net'>, '192.0.2.0/31')
    """
    yield kind, normal
    if kind is ValueType.DOMAIN:
        while normal := normal.partition(".")[2]:
            yield kind, normal
        return
    ends = span(kind, normal)
    if ends is None:
        return
    first, last = ends
    net_kind = _FOUR[1] if kind in _FOUR else _SIX[1]
    for prefix in range(first.max_prefixlen - 1, _WIDEST[first.version] - 1, -1):
        net = ipaddress.ip_network((first, prefix), strict=False)
        if last in net:
            yield net_kind, str(net)


def span(kind: ValueType, normal: str) -> Span | None:
    """The first and last address of an address, net or range; None of anything else."""
    return _ends(normal) if kind in _FOUR or kind in _SIX else None


def _ends(normal: str) -> Span:
    if "-" in normal:
        first, _, last = normal.partition("-")
        return ipaddress.ip_address(first), ipaddress.ip_address(last)
    net = ipaddress.ip_network(normal)
    return net[0], net[-1]
