"""A small day of both sides, written once: 2,400 and 1,620 events, 2,000 indicators a side."""

import contextlib
import io
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from haechi.demo import truth, writer
from haechi.demo.report import Report, Summary
from haechi.demo.world import SIDES

DAY = date(2026, 3, 10)


@dataclass(frozen=True)
class Lived:
    """A node's home after its day, what it reported, the lines it said on the way."""

    home: Path
    report: Report
    said: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """A side's inbox and its truth."""

    inbox: Path
    truth: truth.Truth
    summary: Summary

    def lines(self, log: str) -> list[bytes]:
        """All record lines of a log, in order of its files."""
        found = sorted((self.inbox / "logs").glob(f"{log}-*"))
        return [line for path in found for line in path.read_bytes().split(b"\n") if line and not line.startswith(b"#")]


@pytest.fixture(scope="session")
def small_day(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Written]:
    """Both sides by country."""
    folder = tmp_path_factory.mktemp("day")
    written = {}
    for country, side in SIDES.items():
        summary = writer.write_side(
            side,
            folder / country,
            folder / f"{country}.truth",
            day=DAY,
            seed=7,
            events=side.events // 1000,
            indicators=2_000,
        )
        written[country] = Written(folder / country, truth.load(folder / f"{country}.truth"), summary)
    return written


@pytest.fixture(scope="session")
def lived(small_day: dict[str, Written], tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Taiwan's node after the small day."""
    from haechi.demo import side

    home = tmp_path_factory.mktemp("node") / "TW"
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        report = side.live(SIDES["TW"], home, small_day["TW"].inbox, DAY)
    return Lived(home, report, tuple(said.getvalue().splitlines()))
