"""What was planted against what was found: the table at the demo's end. It alone reads the truth, after both nodes are done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from haechi.demo.truth import Planted, Truth


@dataclass(frozen=True, slots=True)
class Seen:
    """One event of one sighting as a node tells it: the log file's name, the line's offset, the indicator's text."""

    file: str
    offset: int
    value: str


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One campaign at one side, in events.

    `planted` = `known` + `shared` + `unknown`; `known`: the side's own lists named a value of the event before its
    period began; `shared`: else, the other side had shared one by then. `found` of those two, of that `found_shared`;
    `missed` = known or shared, and not found. `other_knew`: of the unknown ones, those that the other side's
    lists named by then; sharing would have shown them. `wrong`: sightings of the campaign's events by a value that
    they don't hold.
    """

    country: str
    campaign: str
    title: str
    actor: str
    kind: str
    planted: int
    known: int
    shared: int
    found: int
    found_shared: int
    missed: int
    unknown: int
    other_knew: int
    wrong: int


class SideScore(msgspec.Struct, frozen=True, kw_only=True):
    """A side's rows, and what was sighted though nothing was planted there: `false`, of that by bait values `bait`."""

    country: str
    rows: tuple[Row, ...]
    false: int
    bait: int

    @property
    def missed(self) -> int:
        return sum(row.missed for row in self.rows)

    @property
    def wrong(self) -> int:
        return sum(row.wrong for row in self.rows) + self.false


def score(truth: Truth, seen: Iterable[Seen]) -> SideScore:
    """Compares the truth of a side with its sightings, event by event."""
    planted = {(event.file, event.offset): event for event in truth.planted}
    hits: dict[tuple[str, int], set[str]] = {}
    false = bait = 0
    baits = {value.text for value in truth.bait}
    wrong: dict[str, int] = {}
    for sighting in seen:
        place = sighting.file, sighting.offset
        event = planted.get(place)
        if event is None:
            false += 1
            bait += sighting.value in baits
        elif any(value.text == sighting.value for value in event.values):
            hits.setdefault(place, set()).add(sighting.value)
        else:
            wrong[event.campaign] = wrong.get(event.campaign, 0) + 1
    midnight = _midnight(truth)
    rows = []
    for campaign in truth.campaigns:
        mine = [event for event in truth.planted if event.campaign == campaign.id]
        known = [event for event in mine if _named(event, truth.known, midnight, truth.period)]
        rest = [event for event in mine if not _named(event, truth.known, midnight, truth.period)]
        shared = [event for event in rest if _named(event, truth.shared, midnight, truth.period)]
        unknown = [event for event in rest if not _named(event, truth.shared, midnight, truth.period)]
        found, found_shared = (sum((e.file, e.offset) in hits for e in events) for events in (known, shared))
        # A side may find more than its lists told it in time: an event found though "unknown" counts as wrong.
        early = sum((event.file, event.offset) in hits for event in unknown)
        rows.append(
            Row(
                country=truth.country,
                campaign=campaign.id,
                title=campaign.title,
                actor=campaign.actor,
                kind=campaign.kind,
                planted=len(mine),
                known=len(known),
                shared=len(shared),
                found=found + found_shared,
                found_shared=found_shared,
                missed=len(known) + len(shared) - found - found_shared,
                unknown=len(unknown),
                other_knew=sum(_named(event, truth.known_elsewhere, midnight, truth.period) for event in unknown),
                wrong=wrong.get(campaign.id, 0) + early,
            )
        )
    return SideScore(country=truth.country, rows=tuple(rows), false=false, bait=bait)


def _midnight(truth: Truth) -> int:
    return int(datetime.fromisoformat(truth.day).replace(tzinfo=UTC).timestamp()) * 1_000_000


def _named(event: Planted, known: dict[str, int], midnight: int, period: int) -> bool:
    """Whether a list named one of the event's values before the event's period began."""
    began = midnight + (event.at - midnight) // period * period
    return any(value.text in known and known[value.text] <= began for value in event.values)


def total(scores: Sequence[SideScore], name: str) -> int:
    """The sum of a column over all rows of all sides."""
    return sum(int(getattr(row, name)) for side in scores for row in side.rows)
