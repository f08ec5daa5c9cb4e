"""An event or a sighting opened by its id, with its raw record."""

import re
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from haechi.model.clock import DAY
from haechi.model.errors import HaechiError, NotFound, UsageError
from haechi.model.indicator import Assertion
from haechi.model.sighting import EventId
from haechi.node.home import Home

if TYPE_CHECKING:
    from haechi.ingest.source import Source
    from haechi.store.catalog.inputs import InputRow

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ID = re.compile(r"(event|sighting)--(\d{1,10})-(\d{1,18})(?:-(\d{1,18}))?")

# Where the raw record came from.
SIGHTING, FILE, GONE = "sighting", "file", "gone"


def parse(text: str) -> tuple[EventId, int | None]:
    """The event, and the value where it is a sighting's id; `UsageError` for any other text.

    >>> parse("event--3-4096"), parse("sighting--3-4096-17")
    ((EventId(input_id=3, offset=4096), None), (EventId(input_id=3, offset=4096), 17))
    """
    found = _ID.fullmatch(text.strip())
    if found is None or (found[1] == "sighting") != (found[4] is not None):
        raise UsageError("events.bad_id", id=text)
    return EventId(int(found[2]), int(found[3])), int(found[4]) if found[4] else None


def sighting_id(event: EventId, value_id: int) -> str:
    """The id of the sighting of a value in an event."""
    return f"sighting--{event.input_id}-{event.offset}-{value_id}"


def open_id(home: Home, text: str) -> dict[str, Any]:
    """What an id names. An event's: as `event` gives it. A sighting's: {`id`, `sighting`, `assertions`, `event`}.

    `sighting` is a row of `node.sightings`; `assertions` are all that the catalog has of its value, gone ones too, each
    with `counts`: whether it was valid at the event's time, known when it was matched, and isn't gone.
    """
    wanted, value_id = parse(text)
    if value_id is None:
        return event(home, wanted)
    from haechi.node.sightings import Wanted, opened
    from haechi.store.catalog.indicators import assertions_of

    only = Wanted(value_ids=[value_id], input_id=wanted.input_id, offset=wanted.offset, asserted=None)
    with opened(home, only) as found:
        row = next(found.rows(1), None)
    if row is None:
        raise NotFound("events.no_sighting", id=text.strip())
    with home.catalog().connect() as conn:
        words = [
            {**_assertion(one), "counts": _counts(one, row["time"], row["matched_at"])}
            for one in assertions_of(conn, [value_id])
        ]
    return {"id": row["id"], "sighting": row, "assertions": words, "event": event(home, wanted)}


def _assertion(one: Assertion) -> dict[str, Any]:
    context = {name: found for name, found in msgspec.structs.asdict(one.context).items() if found}
    return {
        "source": one.source,
        "object_id": one.object_id,
        "marking": one.marking.label,
        "pap": one.pap.label if one.pap is not None else None,
        "confidence": one.confidence,
        "valid_from": one.valid_from,
        "valid_until": one.valid_until,
        "known_at": one.known_at,
        "known_how": one.known_how,
        "gone_at": one.gone_at,
        "gone_why": "" if one.gone_why is None else str(one.gone_why),
        **context,
    }


def _counts(one: Assertion, at: int, matched_at: int) -> bool:
    begun = one.valid_from is None or one.valid_from <= at
    return (
        begun and (one.valid_until is None or at < one.valid_until) and one.known_at <= matched_at and not one.gone_at
    )


def event(home: Home, wanted: EventId) -> dict[str, Any]:
    """The event with all its columns and its raw record; `NotFound` where the lake has none of that id.

    Keys: `id`; every column of `model.event.EVENT_COLUMNS` that isn't null (times as integer microseconds UTC);
    `sensor`, `observer` (names) and `affected` (name, country, sector) where known; `input` (the log's path);
    `raw` (bytes, or None) and `raw_from`: "sighting" where the raw record was kept with one, "file" where it was read
    from the log again, "gone" where the log isn't there any more or isn't the same. `sightings`: ids of what hit it.
    """
    from haechi.store.lake import Lake

    lake = Lake(home.lake_path)
    arguments = {"input": wanted.input_id, "offset": wanted.offset}
    where = "where input_id = $input and raw_offset = $offset"
    # Sightings are few: if there is one, its time says in which day's files the event lies.
    seen = lake.query(f"select matcher_id, raw, epoch_us(ts) as seen_at from sighting {where}", arguments).to_pylist()
    days = sorted({row["seen_at"] // DAY for row in seen}) or None
    table = lake.query(f"select * exclude (kind, day) from event {where}", arguments, days=days)
    if not table.num_rows:
        raise NotFound("events.no_event", id=str(wanted))
    found = {"id": str(wanted), **_plain(table.slice(0, 1).to_pylist()[0])}
    found |= _names(home, found)
    found["sightings"] = [sighting_id(wanted, row["matcher_id"]) for row in seen]
    raw = next((row["raw"] for row in seen if row["raw"] is not None), None)
    if raw is not None:
        return {**found, "raw": raw, "raw_from": SIGHTING}
    raw = _from_file(home, wanted, int(found["raw_length"]))
    return {**found, "raw": raw, "raw_from": GONE if raw is None else FILE}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """The row's columns that hold something, times as microseconds, `extra` as a mapping."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if value is None or name == "raw":
            continue
        if isinstance(value, datetime):
            gap = value - _EPOCH
            value = (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds
        found[name] = dict(value) if name == "extra" else value
    return found


def _names(home: Home, row: dict[str, Any]) -> dict[str, Any]:
    """The catalog's names for the ids in an event."""
    from haechi.store.catalog import inputs, parties, sensors

    named: dict[str, Any] = {}
    with home.catalog().connect() as conn:
        for key, id_key in (("observer", "observer_id"), ("affected", "affected_id")):
            if row.get(id_key):
                party = parties.get(conn, row[id_key])
                named[key] = {"name": party.name, "country": party.country, "sector": party.sector}
        if row.get("sensor_id"):
            named["sensor"] = sensors.get(conn, row["sensor_id"]).name
        named["input"] = inputs.get(conn, row["input_id"]).path
    return named


def _from_file(home: Home, wanted: EventId, length: int) -> bytes | None:
    """The record's bytes from its log, if that is still there and the same."""
    from haechi.store.catalog import inputs

    with home.catalog().connect() as conn:
        row = inputs.get(conn, wanted.input_id)
    source = log_of(row)
    if source is None:
        return None
    try:
        if not source.skip_to(wanted.offset):
            return None
        found = _read(source, length)
        if len(found) != length:
            return None
        # A log that was written over behind its first 4 KiB is told by the bytes before the committed offset.
        if not source.compression and source.skip_to(row.committed - row.tail_length):
            return found if sha256(_read(source, row.tail_length)).digest() == row.tail else None
        return found if source.compression else None
    except OSError:
        return None
    finally:
        source.close()


def log_of(row: "InputRow") -> "Source | None":
    """The opened log of an input, where it was last seen, if it still begins with the bytes it began with."""
    from haechi.ingest.source import Source

    if row.path == "-":
        return None
    try:
        source = Source(Path(row.path))
    except HaechiError:
        return None
    if source.digest_of_first(row.head_length) != row.head:
        source.close()
        return None
    return source


def _read(source: "Source", length: int) -> bytes:
    found = b""
    while len(found) < length and (more := source.read(length - len(found))):
        found += more
    return found
