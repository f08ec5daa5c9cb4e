"""What the demo plants: campaigns of `plan.toml` as values and events, drawn from the seed.

Values are harmless and yet like real ones: IPv4 addresses lie in blocks that IANA keeps for protocols and nobody lives
in (AS112 and AMT: RFC 7534, 7535, 7450), IPv6 in 3fff::/20 (documentation, RFC 9637), names end in `.test` and
`.invalid` (RFC 2606). The better known documentation blocks would not do: false-positive lists rightly name them.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import msgspec
import numpy as np

from haechi.demo.carriers import CARRIERS, SLOT_TABLES
from haechi.demo.matrix import Bytes, Tables, table
from haechi.demo.shape import HOUR
from haechi.demo.truth import PlantedValue
from haechi.demo.world import HOSTS, HOSTS4, Side, digests, parties
from haechi.model.clock import DAY

NEVER = -1


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """A real actor's public profile: ATT&CK id, country of origin as publicly reported, techniques, source."""

    name: str
    id: str
    origin: str
    source: str
    techniques: tuple[str, ...]


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """An invented campaign. `hits` and `known` by country, in hours of the UTC day (plan.toml tells the words)."""

    id: str
    title: str
    actor: str = ""
    kind: str = "actor"
    sectors: tuple[str, ...]
    hits: dict[str, int]
    hours: int
    known: dict[str, int]
    values: dict[str, int]
    events: dict[str, int]
    borrows: dict[str, str] = {}
    shared_by: str = ""
    mistaken: int = 0


class Plan(msgspec.Struct, frozen=True):
    """Actors by key, and the campaigns."""

    actor: dict[str, Actor]
    campaign: tuple[Campaign, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """One event to plant: when (microsecond of the day), in which log and record, with what texts in which slots."""

    campaign: str
    at: int
    log: str
    record: str
    slots: Mapping[str, tuple[bytes, ...]]
    own: Mapping[str, int]  # row of the victim's host in the tables of own hosts
    values: tuple[PlantedValue, ...]


def load_plan() -> Plan:
    """The plan as packaged."""
    return msgspec.convert(tomllib.loads(files("haechi.demo").joinpath("plan.toml").read_text("utf-8")), Plan)


_NETS4 = (b"192.52.193.%d", b"192.31.196.%d", b"192.175.48.%d")
_FIRST_WORDS = "secure login mail update cdn doc portal api sync cloud verify file news edge node auth"
_SECOND_WORDS = "service center box check hub link gate desk point share drop view kit base line host"
_FIRST, _SECOND = _FIRST_WORDS.split(), _SECOND_WORDS.split()


def campaign_values(plan: Plan, seed: int) -> dict[str, tuple[PlantedValue, ...]]:
    """Each campaign's values by its id; the same at both sides. A borrower's are its own and two of each lender's."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 9])))
    four = rng.permutation(3 * 240).tolist()
    found: dict[str, tuple[PlantedValue, ...]] = {}
    for number, campaign in enumerate(plan.campaign):
        found[campaign.id] = tuple(
            PlantedValue(kind, _value(kind, number, n, four, rng))
            for kind, many in campaign.values.items()
            for n in range(many)
        )
    for campaign in plan.campaign:
        lent = [
            [v for v in found[lender] if (v.type in ("sha256", "md5", "ja3")) == (role == "tools")][:2]
            for role, lender in campaign.borrows.items()
        ]
        found[campaign.id] += tuple(value for values in lent for value in values)
    return found


def _value(kind: str, campaign: int, number: int, four: list[int], rng: np.random.Generator) -> str:
    tag = f"{campaign:02d}{number}"
    word = f"{_FIRST[int(rng.integers(16))]}-{_SECOND[int(rng.integers(16))]}{tag}"
    ending = ("test", "invalid")[int(rng.integers(2))]
    salt = f"planted {int(rng.integers(1 << 40))} {tag}"
    match kind:
        case "ipv4":
            at = four.pop()
            return (_NETS4[at // 240] % (8 + at % 240)).decode()
        case "ipv6":
            return f"3fff:d{campaign:02x}:{int(rng.integers(1, 1 << 16)):x}::{16 + number:x}"
        case "domain":
            return f"{word}.{ending}"
        case "url":
            return f"http://{word}.{ending}/u/{int(rng.integers(1 << 32)):08x}.php"
        case "sha256" | "md5":
            return digests(kind, salt, 1)[0].decode()
        case "ja3":
            return digests("md5", salt, 1)[0].decode()
        case "cert":
            return digests("sha1", salt, 1)[0].decode()
    raise ValueError(f"plan.toml: no such kind of value: {kind}")


def known_hours(plan: Plan, values: Mapping[str, tuple[PlantedValue, ...]], country: str) -> dict[PlantedValue, int]:
    """The hour at which a side's own list with a value arrives; a value in no list is missing."""
    hours: dict[PlantedValue, int] = {}
    for campaign in plan.campaign:
        hour = campaign.known[country]
        if hour != NEVER:
            for value in values[campaign.id]:
                hours[value] = min(hour, hours.get(value, hour))
    return hours


def mistaken_values(plan: Plan, seed: int) -> dict[str, tuple[PlantedValue, ...]]:
    """By campaign, the names that its list has by mistake: no traffic holds them, no other list names them."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 10])))
    return {
        campaign.id: tuple(
            PlantedValue("domain", _value("domain", number, 90 + n, [], rng)) for n in range(campaign.mistaken)
        )
        for number, campaign in enumerate(plan.campaign)
        if campaign.mistaken
    }


def shared_hours(plan: Plan, values: Mapping[str, tuple[PlantedValue, ...]], country: str) -> dict[PlantedValue, int]:
    """The hour at which the other side shares a value with this one; a value that it doesn't share is missing."""
    return {
        value: campaign.known[campaign.shared_by]
        for campaign in plan.campaign
        if campaign.shared_by not in ("", country)
        for value in values[campaign.id]
    }


def plan_events(plan: Plan, side: Side, seed: int, scale: float) -> list[Planned]:
    """A side's events in order of time. `scale` is 1 for the full day; each value occurs at least once."""
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, side.first_net, 3])))
    values = campaign_values(plan, seed)
    members = parties(side)
    planned: list[Planned] = []
    for campaign in plan.campaign:
        mine = values[campaign.id]
        number = max(round(campaign.events[side.country] * scale), len(mine))
        start = campaign.hits[side.country] * HOUR
        end = min(start + campaign.hours * HOUR, DAY)
        victims = [i for i, party in enumerate(members) if party.sector in campaign.sectors]
        for n, at in enumerate(np.sort(rng.integers(start, end, number)).tolist()):
            value = mine[n % len(mine)]
            choices = [c for c in CARRIERS[value.type] if side.country in c.sides]
            carrier = choices[int(rng.integers(len(choices)))]
            victim, host = victims[int(rng.integers(len(victims)))], int(rng.integers(1 << 20))
            own = {
                "own": victim * HOSTS + host % HOSTS,
                "own4": victim * HOSTS4 + host % HOSTS4,
                "resolver": victim * 2,
            }
            texts = carrier.texts(value.text, n)
            planned.append(Planned(campaign.id, at, carrier.log, carrier.record, texts, own, (value,)))
    return sorted(planned, key=lambda event: event.at)


def extend(clean: Tables, planned: Sequence[Planned]) -> tuple[dict[str, Bytes], dict[tuple[str, bytes], int]]:
    """The clean tables with the plan's texts appended, and the row of each (slot, first text)."""
    added: dict[str, list[bytes]] = {}
    rows: dict[tuple[str, bytes], int] = {}
    for event in planned:
        for slot, texts in event.slots.items():
            if (slot, texts[0]) in rows:
                continue
            for name, text in zip(SLOT_TABLES[slot], texts, strict=True):
                column = added.setdefault(name, [])
                rows[slot, texts[0]] = len(clean[name]) + len(column)
                column.append(text)
    extended = dict(clean)
    for name, column in added.items():
        extended[name] = _stack(clean[name], table(column))
    return extended, rows


def _stack(above: Bytes, below: Bytes) -> Bytes:
    wide = max(above.shape[1], below.shape[1])
    both = np.zeros((len(above) + len(below), wide), np.uint8)
    both[: len(above), : above.shape[1]] = above
    both[len(above) :, : below.shape[1]] = below
    return both
