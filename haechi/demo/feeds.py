"""Each side's indicator lists as files: what it knows before the day, and what comes in at 06, 12, 18 and 24 o'clock.

A campaign's values come in one form, by its place in the plan: a STIX 2.1 bundle, a MISP event or a CSV list, as a
partner, a CERT and a vendor would send them. The haystack is a CSV list, a plain list and some of each other form.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np

from haechi.demo import bundles, filler
from haechi.demo.plan import NEVER, Campaign, Plan, mistaken_values
from haechi.demo.truth import PlantedValue
from haechi.demo.world import Side

ARRIVALS = (0, 6, 12, 18, 24)  # hours of the UTC day at which lists come in

# Real and harmless: a list that names them is wrong, and the false-positive lists know it.
BAIT = (
    PlantedValue("ipv4", "8.8.8.8"),
    PlantedValue("ipv4", "168.95.1.1"),
    PlantedValue("ipv4", "1.1.1.1"),
    PlantedValue("domain", "www.google.com"),
    PlantedValue("domain", "www.microsoft.com"),
    PlantedValue("domain", "github.com"),
)

MISTAKEN = Path("own/retracted-24.txt")  # below the inbox: what the side's own analysts take back at the day's end
FORMS = ("stix", "misp", "csv")


@dataclass(frozen=True, slots=True)
class Feed:
    """One list file: when it comes in, its name, where it lies, how many values it names."""

    hour: int
    path: Path
    values: int


def write_feeds(
    side: Side,
    folder: Path,
    plan: Plan,
    values: Mapping[str, tuple[PlantedValue, ...]],
    midnight: int,
    seed: int,
    total: int,
) -> list[Feed]:
    """Writes all lists: together `total` distinct values, each file 0600.

    Others' lists go below `folder` (HOUR/NAME), those of the side's own analysts below `own` beside it; what they got
    wrong stands in own/retracted-24.txt. `midnight` is the day's start in seconds UTC. Raises ValueError when `total` can't hold the plan's values.
    """
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, side.first_net, 4])))
    start = datetime.fromtimestamp(midnight, UTC)
    named = {value for c in plan.campaign if c.known[side.country] != NEVER for value in values[c.id]}
    mistaken = {id: found for id, found in mistaken_values(plan, seed).items() if _own(plan, id, side)}
    hay = total - len(named) - len(BAIT) - sum(map(len, mistaken.values()))
    if hay < 0:
        raise ValueError(f"{total} indicators can't hold the plan's {len(named)}")
    found = _haystack(folder / "00", start, rng, seed * 2 + (side.country == "KR"), hay)
    for number, campaign in enumerate(plan.campaign):
        hour = campaign.known[side.country]
        if hour != NEVER:
            place = folder.parent / "own" if _own(plan, campaign.id, side) else folder
            said = (*values[campaign.id], *mistaken.get(campaign.id, ()))
            found += _campaign(place, number, campaign, plan, said, start, rng, hour)
    wrong = [value.text for values in mistaken.values() for value in values]
    if wrong:
        _save(24, folder.parent / MISTAKEN, ["".join(f"{text}\n" for text in wrong).encode()], 0)
    return sorted(found, key=lambda feed: (feed.hour, feed.path.name))


def _own(plan: Plan, id: str, side: Side) -> bool:
    return any(campaign.id == id and campaign.shared_by == side.country for campaign in plan.campaign)


def _campaign(
    folder: Path,
    number: int,
    campaign: Campaign,
    plan: Plan,
    values: Sequence[PlantedValue],
    start: datetime,
    rng: np.random.Generator,
    hour: int,
) -> list[Feed]:
    """A campaign's list; a kind of value that the form has no word for (JA3 in STIX) goes into a CSV beside it."""
    form = FORMS[number % len(FORMS)]
    at = start + timedelta(hours=hour)
    actor = plan.actor.get(campaign.actor) if campaign.kind == "actor" else None
    name = f"report-{number + 1:02d}"
    place = folder / f"{hour:02d}"
    feeds: list[Feed] = []
    rest = list(values)
    if form == "stix":
        rest = [v for v in values if v.type not in bundles.PATTERNS]
        said = [v for v in values if v.type in bundles.PATTERNS]
        bundle = bundles.stix(said, rng, at, start - timedelta(days=1), actor, campaign.title)
        feeds.append(_save(hour, place / f"{name}.stix.json", [msgspec.json.encode(bundle)], len(said)))
    elif form == "misp":
        event = bundles.misp(values, rng, at, actor, campaign.title)
        feeds.append(_save(hour, place / f"{name}.misp.json", [msgspec.json.encode(event)], len(values)))
        rest = []
    if rest:
        feeds.append(_save(hour, place / f"{name}.csv", _csv(rest, actor.name if actor else ""), len(rest)))
    return feeds


def _csv(values: Iterable[PlantedValue], actor: str) -> Iterator[bytes]:
    yield b"type,value,tlp,actor\n"
    for value in values:
        yield f"{value.type},{value.text},amber,{actor}\n".encode()


def _haystack(place: Path, start: datetime, rng: np.random.Generator, seed: int, total: int) -> list[Feed]:
    """The values that match nothing, and the bait: CSV, plain list, STIX bundle, MISP event."""
    counts = filler.counts(total)
    in_plain, in_stix, in_misp = total // 25, total // 500, total // 1000
    at = 0
    parts: dict[str, tuple[int, int]] = {}
    for name, number in (("plain", in_plain), ("stix", in_stix), ("misp", in_misp)):
        parts[name] = (at, number)
        at += number
    yesterday = start - timedelta(days=1)
    stix = [PlantedValue("domain", text) for text in filler.texts("domain", *parts["stix"], seed)]
    misp = [PlantedValue("domain", text) for text in filler.texts("domain", *parts["misp"], seed)]

    def blocklist() -> Iterator[bytes]:
        yield b"type,value\n"
        for kind, number in counts.items():
            first = at if kind == "domain" else 0
            yield from filler.lines(kind, first, number - first, seed, f"{kind},".encode())

    def plain() -> Iterator[bytes]:
        yield b"# names and addresses to block, one a line\n"
        yield "".join(f"{value.text}\n" for value in BAIT).encode()
        yield from filler.lines("domain", *parts["plain"], seed)

    bundle = bundles.stix(stix, rng, yesterday, yesterday, None, "Partner feed")
    event = bundles.misp(misp, rng, yesterday, None, "CERT feed")
    return [
        _save(0, place / "blocklist.csv", blocklist(), total - at),
        _save(0, place / "names.txt", plain(), in_plain + len(BAIT)),
        _save(0, place / "partner.stix.json", [msgspec.json.encode(bundle)], in_stix),
        _save(0, place / "cert.misp.json", [msgspec.json.encode(event)], in_misp),
    ]


def _save(hour: int, path: Path, parts: Iterable[bytes], values: int) -> Feed:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.writelines(parts)
    return Feed(hour, path, values)
