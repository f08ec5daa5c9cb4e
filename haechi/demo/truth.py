"""What was planted, kept for the score alone: a file 0600 in a folder outside of both homes.

The code that finds things is never given this file's path, nor the seed that would let it be made again.
"""

import os
from pathlib import Path

import msgspec


class PlantedValue(msgspec.Struct, frozen=True):
    """One indicator value of the plan: its type and its normal text."""

    type: str
    text: str


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """One planted event: where its line lies, when it happened (microseconds UTC), what it carries."""

    campaign: str
    file: str
    offset: int
    length: int
    at: int
    values: tuple[PlantedValue, ...]


class CampaignTruth(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan says of one campaign at one side; times in microseconds UTC, None for never."""

    id: str
    title: str
    actor: str
    kind: str  # actor | unknown | false-flag
    sectors: tuple[str, ...]
    first_hit: int | None
    known_at: int | None  # when this side's list with its values arrives
    known_elsewhere_at: int | None  # when the other side's does


class Truth(msgspec.Struct, frozen=True, kw_only=True):
    """A node's whole truth. `period` is the length of one log file's span in microseconds."""

    country: str
    seed: int
    day: str
    events: int
    period: int
    campaigns: tuple[CampaignTruth, ...]
    planted: tuple[Planted, ...]
    known: dict[str, int]  # value -> when this side's first list with it arrives
    known_elsewhere: dict[str, int]
    shared: dict[str, int] = {}  # value -> when the other side shares it with this one
    bait: tuple[PlantedValue, ...]  # warning-listed values in the lists: a sighting of one is a false alarm


def save(truth: Truth, path: Path) -> None:
    """Writes the truth, readable by its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as out:
        out.write(msgspec.json.encode(truth))


def load(path: Path) -> Truth:
    """Reads a truth file that `save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Truth)
