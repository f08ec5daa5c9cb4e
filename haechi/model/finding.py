"""Every answer that a person may act on, with what it rests on (DESIGN.md, idea 6)."""

from typing import Any

import msgspec

from haechi.model.marking import UNMARKED, Tlp


class Assumption(msgspec.Struct, frozen=True, kw_only=True):
    """A number that was put in, not measured: its value, its range and where both come from."""

    name: str
    value: float
    low: float
    high: float
    source: str


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A number with its unit and, where it is estimated, its interval at `level`."""

    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    level: float = 0.95


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """A statement (message id and arguments), its figure, evidence, assumptions, marking and how it was computed."""

    statement: str
    arguments: dict[str, Any] = {}
    figure: Figure | None = None
    evidence: tuple[str, ...] = ()
    assumptions: tuple[Assumption, ...] = ()
    marking: Tlp = UNMARKED
    method: str = ""
    version: str = ""
    seed: int | None = None
    inputs: str = ""  # digest of what went in
