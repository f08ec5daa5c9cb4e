"""The shape of a day's traffic: when things happen and how unevenly values are used."""

import numpy as np

from haechi.demo.matrix import Ints
from haechi.model.clock import DAY

HOUR = DAY // 24

# Share of each local hour of a working day in a government network's events: a trough at 04, a plateau over office
# hours with a dip at lunch. Scans don't sleep, so the night keeps half of it. Assumed, not measured.
_BY_HOUR = (50, 46, 43, 41, 40, 42, 48, 62, 84, 100, 104, 102, 88, 96, 104, 103, 101, 97, 84, 74, 70, 66, 60, 55)


def minute_weights(offset_hours: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Weight of each UTC minute of the day (1,440, summing to 1) for a place `offset_hours` east of UTC."""
    local = (np.arange(1440) / 60 + offset_hours) % 24
    curve = np.interp(local, np.arange(25) + 0.0, [*_BY_HOUR, _BY_HOUR[0]])
    return np.asarray(curve / curve.sum())


def split(total: int, weights: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[int]:
    """`total` cut into whole parts by weight; the parts sum to the total.

    >>> split(10, np.array([1.0, 1.0, 1.0]))
    [3, 4, 3]
    """
    edges = np.rint(np.cumsum(weights) / weights.sum() * total).astype(np.int64)
    return [int(n) for n in np.diff(edges, prepend=0)]


def times(rng: np.random.Generator, number: int, start: int, end: int, offset_hours: int) -> Ints:
    """`number` sorted microseconds of the day in [start, end), dense where the local day is busy."""
    weights = minute_weights(offset_hours)
    first, last = start // 60_000_000, end // 60_000_000
    edges = np.concatenate([[0.0], np.cumsum(weights[first:last])])
    drawn = np.sort(rng.random(number)) * edges[-1]
    minute = np.minimum(np.searchsorted(edges, drawn, side="right") - 1, last - first - 1)
    within = (drawn - edges[minute]) / (edges[minute + 1] - edges[minute])
    at: Ints = start + ((minute + within) * 60_000_000).astype(np.int64)
    return np.minimum(at, end - 1)


def zipf(rng: np.random.Generator, number: int, size: int) -> Ints:
    """`number` ranks in [0, size) with P(rank) ~ 1 / (rank + 1): Zipf's law with exponent 1."""
    ranks: Ints = np.exp(rng.random(number) * np.log(size + 1.0)).astype(np.int64) - 1
    return np.clip(ranks, 0, size - 1)


def heavy(rng: np.random.Generator, number: int, middle: float, spread: float, top: int) -> Ints:
    """`number` sizes in [0, top], log-normal about `middle`: bytes, durations."""
    sizes: Ints = np.minimum(rng.lognormal(np.log(middle), spread, number), top).astype(np.int64)
    return sizes
