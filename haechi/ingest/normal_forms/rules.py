"""What the kernels need to know of the world: a sensor's zone as offsets, the parties' networks as stretches."""

import heapq
import ipaddress
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from haechi.ingest.normal_forms.finish_kernel import PartyTable
from haechi.ingest.normal_forms.time_kernel import TimeRule

_FIRST_YEAR, _LAST_YEAR = 1990, 2060
_STEP = 28 * 86400  # seconds: no zone changes twice within four weeks


def time_rule(zone: str, *, newest: int, oldest: int, latest: int) -> TimeRule:
    """The rule for texts without zone or year. `zone` is an IANA name or "" (then such a text is refused)."""
    local_from, minutes = _offsets(zone) if zone else ((), ())
    return TimeRule(
        local_from=np.array(local_from, np.int64),
        minutes=np.array(minutes, np.int64),
        newest=np.int64(newest),
        oldest=np.int64(oldest),
        latest=np.int64(latest),
    )


@lru_cache(maxsize=16)
def _offsets(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Local times from which an offset holds, and the offsets in minutes, found by bisection between months."""
    info = ZoneInfo(zone)
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (_FIRST_YEAR, _LAST_YEAR))
    local_from, minutes = [-(2**62)], [_minutes(info, first)]
    for second in range(first, last, _STEP):
        low, high = second, second + _STEP
        if _minutes(info, high) != minutes[-1]:
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _minutes(info, middle) == minutes[-1] else (low, middle)
            minutes.append(_minutes(info, high))
            local_from.append(high * 1_000_000 + minutes[-1] * 60_000_000)
    return tuple(local_from), tuple(minutes)


def _minutes(zone: ZoneInfo, second: int) -> int:
    offset = datetime.fromtimestamp(second, zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds()) // 60


def party_table(networks: Iterable[tuple[str, int]]) -> PartyTable:
    """Longest prefix as disjoint stretches: (CIDR, party id) pairs in any order and nesting."""
    nets4: list[tuple[int, int, int, int]] = []
    nets6: list[tuple[int, int, int, int]] = []
    for cidr, party in networks:
        net = ipaddress.ip_network(cidr)
        low = int(net.network_address)
        (nets4 if net.version == 4 else nets6).append((low, low + net.num_addresses - 1, net.prefixlen, party))
    first4, party4 = _stretches(nets4)
    first6, party6 = _stretches(nets6)
    return PartyTable(
        first4=np.array(first4, np.uint64),
        party4=party4,
        first6_high=np.array([f >> 64 for f in first6], np.uint64),
        first6_low=np.array([f & (2**64 - 1) for f in first6], np.uint64),
        party6=party6,
    )


def _stretches(nets: Sequence[tuple[int, int, int, int]]) -> tuple[list[int], npt.NDArray[np.int32]]:
    """Sweep over the nets' borders, the longest prefix that is open at each; nets nest or are disjoint."""
    starts = sorted(nets)
    borders = sorted({n[0] for n in nets} | {n[1] + 1 for n in nets if n[1] < 2**128 - 1})
    first: list[int] = []
    party: list[int] = []
    opened: list[tuple[int, int, int]] = []  # (-prefix length, last address, party)
    k = 0
    for border in borders:
        while k < len(starts) and starts[k][0] <= border:
            heapq.heappush(opened, (-starts[k][2], starts[k][1], starts[k][3]))
            k += 1
        while opened and opened[0][1] < border:
            heapq.heappop(opened)
        owner = opened[0][2] if opened else 0
        if not party or party[-1] != owner:
            first.append(border)
            party.append(owner)
    return first, np.array(party, np.int32)
