"""A process of its own that writes one side's day: logs, lists, parties for the node; the truth for the score alone.

    python -m haechi.demo.writer SIDE INBOX TRUTH --day 2026-03-10 --seed 7 --events 2400000 --indicators 1000000

One JSON document on stdout says what was written. The node gets INBOX, never TRUTH nor the seed.
"""

import argparse
import csv
import os
import resource
import sys
import time
from datetime import UTC, date, datetime
from pathlib import Path

from haechi.demo import report
from haechi.demo import truth as truths
from haechi.demo.feeds import BAIT, write_feeds
from haechi.demo.generate import PERIODS, Written, write_day
from haechi.demo.plan import NEVER, Plan, Planned, campaign_values, known_hours, load_plan, plan_events, shared_hours
from haechi.demo.report import Summary
from haechi.demo.shape import HOUR
from haechi.demo.truth import CampaignTruth, PlantedValue, Truth
from haechi.demo.world import SIDES, Side, parties
from haechi.model.clock import DAY


def write_side(side: Side, inbox: Path, truth: Path, *, day: date, seed: int, events: int, indicators: int) -> Summary:
    """Writes INBOX/logs, INBOX/lists/HOUR, INBOX/parties.csv and the truth file."""
    began = time.monotonic()
    plan = load_plan()
    planned = plan_events(plan, side, seed, events / side.events)
    values = campaign_values(plan, seed)
    midnight = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    inbox.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_parties(side, inbox / "parties.csv")
    written = write_day(side, inbox / "logs", day, seed, events, planned)
    feeds = write_feeds(side, inbox / "lists", plan, values, midnight, seed, indicators)
    truths.save(tell(plan, side, planned, values, written, day, seed, midnight * 1_000_000), truth)
    return Summary(
        country=side.country,
        events=sum(w.lines for w in written),
        size=sum(w.size for w in written),
        files=len(written),
        indicators=indicators,
        list_size=sum(feed.path.stat().st_size for feed in feeds),
        planted=len(planned),
        seconds=round(time.monotonic() - began, 2),
        peak_memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def write_parties(side: Side, path: Path) -> None:
    """The side's parties as `haechi parties import` reads them; several networks are separated by a semicolon."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(("name", "country", "sector", "networks", "domains", "contact"))
        for party in parties(side):
            rows.writerow((party.name, party.country, party.sector, ";".join(party.networks), party.domain, ""))


def tell(
    plan: Plan,
    side: Side,
    planned: list[Planned],
    values: dict[str, tuple[PlantedValue, ...]],
    written: list[Written],
    day: date,
    seed: int,
    midnight: int,
) -> Truth:
    """The whole truth of a side. `midnight` in microseconds UTC."""
    other = next(country for country in SIDES if country != side.country)
    first: dict[str, int] = {}
    for event in planned:
        first.setdefault(event.campaign, midnight + event.at)
    here, there = (known_hours(plan, values, country) for country in (side.country, other))

    def when(hour: int) -> int | None:
        return None if hour == NEVER else midnight + hour * HOUR

    return Truth(
        country=side.country,
        seed=seed,
        day=day.isoformat(),
        events=sum(w.lines for w in written),
        period=DAY // PERIODS,
        campaigns=tuple(
            CampaignTruth(
                id=c.id,
                title=c.title,
                actor=plan.actor[c.actor].name if c.actor else "",
                kind=c.kind,
                sectors=c.sectors,
                first_hit=first.get(c.id),
                known_at=when(c.known[side.country]),
                known_elsewhere_at=when(c.known[other]),
            )
            for c in plan.campaign
        ),
        planted=tuple(p for w in written for p in w.planted),
        known={value.text: midnight + hour * HOUR for value, hour in here.items()},
        known_elsewhere={value.text: midnight + hour * HOUR for value, hour in there.items()},
        shared={value.text: midnight + hour * HOUR for value, hour in shared_hours(plan, values, side.country).items()},
        bait=BAIT,
    )


def main() -> None:
    """Reads the arguments, writes, prints the summary."""
    parser = argparse.ArgumentParser(description="Write one side's day for the demo")
    parser.add_argument("side", choices=sorted(SIDES))
    parser.add_argument("inbox", type=Path)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--day", type=date.fromisoformat, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--indicators", type=int, required=True)
    args = parser.parse_args()
    summary = write_side(
        SIDES[args.side],
        args.inbox,
        args.truth,
        day=args.day,
        seed=args.seed,
        events=args.events,
        indicators=args.indicators,
    )
    sys.stdout.write(report.encode(summary))


if __name__ == "__main__":
    main()
