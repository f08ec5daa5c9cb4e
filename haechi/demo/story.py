"""The demo from end to end: write the day, run both nodes at once, let them share, then let the score alone see the truth."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from haechi.demo import report, truth
from haechi.demo.exchange import AFTER_SHARED, UNTIL_SHARED, Exchange, begin, end, judged
from haechi.demo.processes import Job, run
from haechi.demo.report import Progress, Report, Summary, both
from haechi.demo.score import SideScore, score
from haechi.demo.world import SIDES
from haechi.model.errors import NodeCannot, UsageError
from haechi.node.warm import is_warm, warm

DAY = date(2026, 3, 10)  # a Tuesday
INDICATORS = 1_000_000
SMALL = 100  # --small is the 1/100th part
GIGABYTE = 10**9
NEEDED = {False: 5 * GIGABYTE, True: 3 * GIGABYTE // 10}
MARK = "haechi-demo.json"  # tells a folder that an earlier demo made


@dataclass(frozen=True, slots=True)
class Settings:
    """What to play: where the homes go, the seed, the small day or the whole one, whether the logs stay."""

    folder: Path
    seed: int
    small: bool
    keep: bool

    def events(self, country: str) -> int:
        return SIDES[country].events // (SMALL if self.small else 1)

    @property
    def indicators(self) -> int:
        return INDICATORS // (SMALL if self.small else 1)


Done = TypeVar("Done")


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the demo measured. Seconds are real; the nodes' clocks were simulated."""

    day: str
    seed: int
    small: bool
    folder: str
    written: tuple[Summary, ...]
    nodes: tuple[Report, ...]
    scores: tuple[SideScore, ...]
    exchange: Exchange
    write_seconds: float
    node_seconds: float
    exchange_seconds: float  # with the start and end of both servers, twice
    seconds: float

    @property
    def unread(self) -> int:
        """Events that were written and that no node took in."""
        return sum(day.events for day in self.written) - sum(node.events for node in self.nodes)

    @property
    def missed(self) -> int:
        return sum(side.missed for side in self.scores)

    @property
    def wrong(self) -> int:
        return sum(side.wrong for side in self.scores)


Tell = Callable[
    [str, report.Line | None], None
]  # the stage (compile, write, nodes, exchange, score), and a line of its processes


def check_disk(folder: Path, small: bool) -> None:
    """Raises NodeCannot where the folder's disk has less room than the demo takes."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    free, needed = shutil.disk_usage(place).free, NEEDED[small]
    if free < needed:
        sizes = {"needed": needed / GIGABYTE, "free": free / GIGABYTE, "place": str(place)}
        raise NodeCannot("demo.disk_small" if small else "demo.disk", **sizes)


def prepare(folder: Path) -> None:
    """Makes the folder, or empties what an earlier demo left in it; UsageError for anybody else's."""
    if folder.exists() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise UsageError("demo.foreign_folder", folder=str(folder))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    (folder / MARK).write_text("{}\n")
    for name in (*SIDES, "inbox", "log"):
        shutil.rmtree(folder / name, ignore_errors=True)


def play(settings: Settings, tell: Tell) -> Outcome:
    """Plays the whole demo. Raises NodeCannot where a process fails or the disk is too small."""
    began = time.monotonic()
    check_disk(settings.folder, settings.small)
    prepare(settings.folder)
    if not is_warm():
        tell("compile", None)
        warm()
    # The truth lies outside of both homes and of the nodes' inboxes, readable by this user alone.
    with tempfile.TemporaryDirectory(prefix="haechi-truth-") as hidden:
        written, write_seconds = _write(settings, Path(hidden), tell)
        night, night_seconds = _nodes(settings, UNTIL_SHARED, {}, tell)
        given, given_seconds = _exchange(begin, settings, tell)
        before = {node.country: node.events for node in night}
        rest, rest_seconds = _nodes(settings, AFTER_SHARED, before, tell)
        nodes = tuple(both(one, other) for one, other in zip(night, rest, strict=True))
        back, back_seconds = _exchange(end, settings, tell)
        tell("score", None)
        scores = tuple(_score(settings.folder / country, Path(hidden) / f"{country}.json") for country in SIDES)
    if not settings.keep:
        shutil.rmtree(settings.folder / "inbox")
    return Outcome(
        day=DAY.isoformat(),
        seed=settings.seed,
        small=settings.small,
        folder=str(settings.folder),
        written=written,
        nodes=nodes,
        scores=scores,
        write_seconds=write_seconds,
        exchange=judged(given, back, scores),
        node_seconds=round(night_seconds + rest_seconds, 2),
        exchange_seconds=round(given_seconds + back_seconds, 2),
        seconds=round(time.monotonic() - began, 2),
    )


def _write(settings: Settings, hidden: Path, tell: Tell) -> tuple[tuple[Summary, ...], float]:
    tell("write", None)
    jobs = [
        Job(
            f"writer {country}",
            "haechi.demo.writer",
            (
                country,
                str(settings.folder / "inbox" / country),
                str(hidden / f"{country}.json"),
                f"--day={DAY.isoformat()}",
                f"--seed={settings.seed}",
                f"--events={settings.events(country)}",
                f"--indicators={settings.indicators}",
            ),
        )
        for country in SIDES
    ]
    said, seconds = _hear(jobs, settings.folder / "log", "write", tell)
    return tuple(
        line for country in SIDES for line in said if isinstance(line, Summary) and line.country == country
    ), seconds


def _nodes(
    settings: Settings, hours: Sequence[int], before: Mapping[str, int], tell: Tell
) -> tuple[tuple[Report, ...], float]:
    """Both nodes live through the hours; `before` are the events that each has read so far."""
    tell("nodes", None)
    jobs = [
        Job(
            f"node {country}",
            "haechi.demo.side",
            (
                country,
                str(settings.folder / country),
                str(settings.folder / "inbox" / country),
                f"--day={DAY.isoformat()}",
                "--hours",
                *map(str, hours),
            ),
        )
        for country in SIDES
    ]

    def whole_day(stage: str, line: report.Line | None) -> None:
        if isinstance(line, Progress):
            line = msgspec.structs.replace(line, events=line.events + before.get(line.country, 0))
        tell(stage, line)

    said, seconds = _hear(jobs, settings.folder / "log", "nodes", whole_day)
    return tuple(
        line for country in SIDES for line in said if isinstance(line, Report) and line.country == country
    ), seconds


def _exchange(part: Callable[[Path, int], Done], settings: Settings, tell: Tell) -> tuple[Done, float]:
    tell("exchange", None)
    began = time.monotonic()
    midnight = int(datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC).timestamp()) * 1_000_000
    return part(settings.folder, midnight), round(time.monotonic() - began, 2)


def _hear(jobs: list[Job], log: Path, stage: str, tell: Tell) -> tuple[list[report.Line], float]:
    began = time.monotonic()
    said: list[report.Line] = []

    def hear(line: report.Line) -> None:
        tell(stage, line)
        if not isinstance(line, Progress):
            said.append(line)

    run(jobs, log, hear)
    return said, round(time.monotonic() - began, 2)


def _score(home: Path, hidden: Path) -> SideScore:
    # Imported here: the lake's libraries cost half a second that a refused call need not wait for.
    from haechi.demo.found import seen
    from haechi.node.home import Home

    opened = Home.open(home)
    try:
        return score(truth.load(hidden), seen(opened))
    finally:
        opened.close()
