"""One node's day, in a process of its own: what the commands do, by the functions that the commands call.

    python -m haechi.demo.side TW HOME INBOX --day 2026-03-10 --hours 0 6

The clock is simulated: at 00, 06, 12, 18 and 24 o'clock UTC the node reads the logs of the six hours before, then the
lists that have come in, others' and those of its own analysts. So a list can only find what happens after it came.
`--hours` lives a part of the day, in an order that is the caller's to keep. JSON lines on stdout tell the progress; the
last one is the report.
"""

import argparse
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from haechi.demo import report
from haechi.demo.report import Progress, Report
from haechi.demo.shape import HOUR
from haechi.demo.world import SIDES, Side
from haechi.model.clock import FixedClock
from haechi.model.marking import Tlp
from haechi.node import indicators, ingest, parties
from haechi.node.home import Home

HOURS = (0, 6, 12, 18, 24)
OWN = "own-analysis"  # the source of what the node's own analysts found

# Sensors by what they watch, and the logs that each writes. A sensor has its country's zone, for times that tell none.
SENSORS: dict[str, tuple[str, ...]] = {
    "border": ("eve", "conn", "dns", "http", "ssl"),
    "servers": ("sshd", "auth", "access"),
    "firewall": ("firewall",),
}


def party_of(side: Side) -> str:
    """The name of the party that runs a side's node."""
    return f"{side.country}-synthetic-national-cert"


class Node:
    """A node at work: its home and what it has counted so far."""

    def __init__(self, side: Side, home: Home, clock: FixedClock, inbox: Path) -> None:
        self.side, self.home, self.clock, self.inbox = side, home, clock, inbox
        self.hour = 0
        self.problems: list[str] = []
        self.events = self.sightings = self.quarantined = self.size = 0
        self.indicators = self.suppressed = self.refused = 0
        self.list_seconds = self.log_seconds = 0.0

    def say(self, doing: str, more: int = 0) -> None:
        """One JSON line on stdout, at once; `more` events are on their way."""
        line = Progress(country=self.side.country, hour=self.hour, doing=doing, events=self.events + more)
        sys.stdout.write(report.encode(line))
        sys.stdout.flush()

    def order(self) -> list[tuple[str, tuple[str, ...]]]:
        """Sensors and their logs, at one side from the other end: kernels new to the machine are then compiled once."""
        forward = list(SENSORS.items())
        return forward if self.side.country == "TW" else [(name, logs[::-1]) for name, logs in reversed(forward)]

    def read_logs(self) -> None:
        """The logs of the six hours before."""
        began = time.monotonic()
        period = self.hour // 6 - 1
        for sensor, logs in self.order():
            paths = [p for log in logs for p in sorted((self.inbox / "logs").glob(f"{log}-{period}.*"))]
            done = ingest.ingest(
                self.home,
                paths,
                sensor=f"{self.side.country.lower()}-{sensor}",
                zone=self.side.zone,
                progress=lambda so_far: self.say("logs", so_far.events),
            )
            self.problems += [file.problem for file in done.files if file.problem]
            self.events += done.events
            self.sightings += done.sightings
            self.quarantined += done.quarantined
            self.size += done.bytes
            self.say("logs")
        self.log_seconds += time.monotonic() - began

    def add_lists(self) -> None:
        """The lists that have come in by this hour."""
        began = time.monotonic()
        self.say("lists")
        folder = self.inbox / "lists" / f"{self.hour:02d}"
        own = self.inbox / "own" / f"{self.hour:02d}"
        added = indicators.add(self.home, [folder] if folder.exists() else [])
        if own.exists():
            added += indicators.add(self.home, [own], source=OWN, marking=Tlp.AMBER, own=True)
        for done in added:
            self.indicators += done.values
            self.suppressed += done.warning_listed
            self.refused += done.refused_count
        self.list_seconds += time.monotonic() - began


def midnight_of(day: date) -> int:
    """The day's first microsecond UTC."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1_000_000


def live(side: Side, home_path: Path, inbox: Path, day: date, hours: Sequence[int] = HOURS) -> Report:
    """Makes the node where the hours begin with 0, and lets it live through them."""
    began = time.monotonic()
    midnight = midnight_of(day)
    clock = FixedClock(midnight + hours[0] * HOUR)
    imported = 0
    if hours[0] == 0:
        home = Home.init(home_path, party=party_of(side), country=side.country, sector="government", clock=clock)
        imported = parties.import_file(home, inbox / "parties.csv").added
    else:
        home = Home.open(home_path, clock=clock)
    node = Node(side, home, clock, inbox)
    for hour in hours:
        node.hour, clock.at = hour, midnight + hour * HOUR
        if hour:
            node.read_logs()
        node.add_lists()
    home.close()
    return Report(
        country=side.country,
        home=str(home_path),
        parties=imported,
        indicators=node.indicators,
        suppressed=node.suppressed,
        refused=node.refused,
        events=node.events,
        sightings=node.sightings,
        quarantined=node.quarantined,
        problems=tuple(node.problems),
        size=node.size,
        list_seconds=round(node.list_seconds, 2),
        log_seconds=round(node.log_seconds, 2),
        seconds=round(time.monotonic() - began, 2),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def main() -> None:
    """Reads the arguments, lives the day, prints the report."""
    parser = argparse.ArgumentParser(description="Live one node's day for the demo")
    parser.add_argument("side", choices=sorted(SIDES))
    parser.add_argument("home", type=Path)
    parser.add_argument("inbox", type=Path)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    parser.add_argument("--hours", type=int, nargs="+", default=list(HOURS), choices=HOURS)
    args = parser.parse_args()
    sys.stdout.write(report.encode(live(SIDES[args.side], args.home, args.inbox, args.day, args.hours)))


if __name__ == "__main__":
    main()
