"""What the demo's processes tell each other: JSON lines. No import of the node here, so that the teller stays light."""

import msgspec


class Progress(msgspec.Struct, frozen=True, kw_only=True, tag="progress"):
    """How far a node is: its simulated hour, what it does (lists or logs), events read so far."""

    country: str
    hour: int
    doing: str
    events: int


class Report(msgspec.Struct, frozen=True, kw_only=True, tag="report"):
    """What a node did: counts, problems by log file, sizes in bytes, seconds (real, not simulated), peak resident memory in bytes."""

    country: str
    home: str
    parties: int
    indicators: int
    suppressed: int
    refused: int
    events: int
    sightings: int
    quarantined: int
    problems: tuple[str, ...]
    size: int
    list_seconds: float
    log_seconds: float
    seconds: float
    peak_memory: int


def both(one: Report, other: Report) -> Report:
    """What a node did in two runs."""
    sums = ("parties", "indicators", "suppressed", "refused", "events", "sightings", "quarantined", "size")
    seconds = ("list_seconds", "log_seconds", "seconds")
    return msgspec.structs.replace(
        other,
        problems=one.problems + other.problems,
        peak_memory=max(one.peak_memory, other.peak_memory),
        **{name: getattr(one, name) + getattr(other, name) for name in sums},
        **{name: round(getattr(one, name) + getattr(other, name), 2) for name in seconds},
    )


class Summary(msgspec.Struct, frozen=True, kw_only=True, tag="summary"):
    """What a writer wrote and what it took: bytes, seconds, peak resident memory in bytes."""

    country: str
    events: int
    size: int
    files: int
    indicators: int
    list_size: int
    planted: int
    seconds: float
    peak_memory: int


class Stayed(msgspec.Struct, frozen=True, kw_only=True):
    """So many objects of one label that don't leave, and why."""

    marking: str
    reason: str
    count: int


class Began(msgspec.Struct, frozen=True, kw_only=True, tag="began"):
    """The morning of the exchange: the code that both compared, what left by STIX type, what stayed, what came over."""

    code: str
    left: dict[str, int]
    stayed: tuple[Stayed, ...]
    received: int
    refused: int
    agreed: bool  # both sides' receipts
    seconds: float


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """One collection in one direction, as one side's node holds it."""

    country: str
    direction: str  # sent | received
    collection: str
    rows: int
    root: str  # Merkle root, hexadecimal
    agreed: bool | None


class Ended(msgspec.Struct, frozen=True, kw_only=True, tag="ended"):
    """The evening of the exchange, counted from what the nodes hold.

    `sightings`, `events`, `indicators`, `sectors` (sightings by sector): the taker's that no source but the giver
    explains; `evidence` are ids of some. `back`: objects that went back to the giver; `words`: events that its `lookup`
    then tells of, by country and sector; `named`: how many of the taker's parties its catalog names. `withdrawn` at the
    taker, `confirmed` by its signed word, `unconfirmed`; of the `mistaken` values `still_known` to the taker.
    """

    sightings: int
    events: int
    indicators: int
    sectors: dict[str, int]
    evidence: tuple[str, ...]
    source: str
    back: int
    words: dict[str, int]
    named: int
    withdrawn: int
    confirmed: int
    unconfirmed: int
    mistaken: int
    still_known: int
    receipts: tuple[Receipt, ...]
    seconds: float


Line = Progress | Report | Summary | Began | Ended

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Line)


def encode(line: Line) -> str:
    """One line of JSON with its newline."""
    return _ENCODER.encode(line).decode() + "\n"


def decode(line: str | bytes) -> Line:
    """Raises msgspec.ValidationError or DecodeError for anything else."""
    found: Line = _DECODER.decode(line)
    return found
