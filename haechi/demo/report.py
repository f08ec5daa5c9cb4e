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


Line = Progress | Report | Summary

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Line)


def encode(line: Line) -> str:
    """One line of JSON with its newline."""
    return _ENCODER.encode(line).decode() + "\n"


def decode(line: str | bytes) -> Line:
    """Raises msgspec.ValidationError or DecodeError for anything else."""
    found: Line = _DECODER.decode(line)
    return found
