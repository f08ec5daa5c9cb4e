"""What an ordinary line's slots hold: one seeded draw a slot, whole columns at a time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from haechi.demo.matrix import Ints, Layout, Tables, slots
from haechi.demo.shape import heavy, zipf
from haechi.demo.world import HOSTS, HOSTS4


@dataclass(frozen=True, slots=True)
class Record:
    """One record type of a log: its name in the log's own words, its share of the log's lines, its layout."""

    name: str
    share: float
    layout: Layout


@dataclass(frozen=True, slots=True)
class Log:
    """One log file family. `share` is its part of the node's events; `zoned` tells whether its times carry a zone."""

    name: str
    suffix: str
    share: float
    records: tuple[Record, ...]
    zoned: bool = True
    header: str = ""
    footer: str = ""
    sides: tuple[str, ...] = ("TW", "KR")


@dataclass(frozen=True, slots=True)
class Draw:
    """What a draw works on: `number` rows of one record type in one file."""

    rng: np.random.Generator
    number: int
    tables: Tables
    clean: dict[str, int]  # size of each table without what the plan appended

    def rank(self, name: str) -> Ints:
        return zipf(self.rng, self.number, self.clean[name])

    def below(self, top: int, start: int = 0) -> Ints:
        drawn: Ints = self.rng.integers(start, top, self.number, dtype=np.int64)
        return drawn


def _own(draw: Draw) -> Ints:
    parties = draw.clean["own"] // HOSTS
    ranks: Ints = zipf(draw.rng, draw.number, parties) * HOSTS + draw.below(HOSTS)
    return ranks


def _own4(draw: Draw) -> Ints:
    parties = draw.clean["own4"] // HOSTS4
    ranks: Ints = zipf(draw.rng, draw.number, parties) * HOSTS4 + draw.below(HOSTS4)
    return ranks


def _ranked(name: str) -> Callable[[Draw], Ints]:
    return lambda draw: draw.rank(name)


# A file's digests are two tables with one index: `file`.
DRAWS: dict[str, Callable[[Draw], Ints]] = {
    "own": _own,
    "own4": _own4,
    "file": _ranked("sha256"),
    **{n: _ranked(n) for n in ("remote", "remote4", "domain", "path", "agent", "signature", "user", "ja3", "cert")},
    **{n: _ranked(n) for n in ("certificate", "service", "host")},
    "answer": _ranked("remote4"),
    "resolver": lambda d: d.below(d.clean["resolver"]),
    "flow": lambda d: d.below(10**15, 10**14),
    "token": lambda d: d.below(1 << 62),
    "sport": lambda d: d.below(65_536, 1024),
    "id16": lambda d: d.below(65_536),
    "pid": lambda d: d.below(60_000, 300),
    "bytes_out": lambda d: heavy(d.rng, d.number, 900, 1.4, 99_999_999),
    "bytes_in": lambda d: heavy(d.rng, d.number, 4_000, 1.9, 999_999_999),
    "packets": lambda d: heavy(d.rng, d.number, 9, 1.0, 99_999),
    "age": lambda d: heavy(d.rng, d.number, 4, 1.5, 9_999),
    "micros": lambda d: d.below(1_000_000),
}


def columns(record: Record, draw: Draw, times: Ints) -> dict[str, Ints]:
    """All slots that the record's layout needs; `t` holds the given microseconds of the day."""
    cells = {name: times if name == "t" else DRAWS[name](draw) for name in slots(record.layout)}
    if "resolver" in cells and "own" in cells:
        drawn, parties = cells["resolver"], draw.clean["own"] // HOSTS
        # A host asks its own party's resolvers, now and then a public one.
        cells["resolver"] = np.where(drawn < 2 * parties, cells["own"] // HOSTS * 2 + (drawn & 1), drawn)
    return cells


def sizes(tables: Tables) -> dict[str, int]:
    """Rows of each table."""
    return {name: len(texts) for name, texts in tables.items()}


def shares(parts: Iterable[Record] | Iterable[Log]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """The shares as an array."""
    return np.array([part.share for part in parts], dtype=np.float64)
