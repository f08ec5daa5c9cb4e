"""Everything known about one thing: a value as typed or pasted, or any id that Haechi prints.

Ids: `value:17`, `event--3-4096` (input and offset), `sighting--3-4096-17`, `quarantine--3-4096`, a party's UUID or STIX id,
a node's id, `sensor--NAME`, a source's own object id (STIX, MISP, `list:...`).
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection

from haechi.formats import quick
from haechi.formats.stixout import sectors_of
from haechi.model.errors import BadInput, NotFound, UsageError
from haechi.model.indicator import Assertion, Value, ValueType, Verdict
from haechi.model.party import Party
from haechi.node.covering import Covering
from haechi.node.home import Home
from haechi.node.sightings import Scope, Wanted, opened
from haechi.store.catalog import foreign_sightings, indicator_changes, indicator_views, indicators, parties, sensors
from haechi.store.catalog.foreign_sightings import Foreign
from haechi.store.catalog.indicator_views import Pattern
from haechi.store.catalog.sensors import Sensor

if TYPE_CHECKING:
    from haechi.detect.warninglist import WarningLists

AT_ONCE: Final = 500  # questions that are answered together

_RECORD: Final = re.compile(r"(event|sighting|quarantine)--[0-9-]+")
_VALUE: Final = re.compile(r"value(?::|--)?\s?([0-9]{1,18})")
_UUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_LIST: Final = re.compile(r"list:.+:[0-9a-f]{32}")
_OBJECT: Final = re.compile(rf"(?:([a-z0-9-]+)--)?({_UUID})")


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All about one value. A value that no source named has no `value`, only what the warning lists say of it."""

    asked: str
    type: str
    text: str
    value: Value | None = None
    assertions: tuple[Assertion, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    confirmed_at: int | None = None
    covers: bool = (
        False  # not what was asked, but a net, range, domain or host that what was asked lies in: it matches too
    )
    kept_out: tuple[str, ...] = ()  # warning lists that keep it out of matching
    shown: tuple[str, ...] = ()  # warning lists that it is on and matched all the same
    partners: tuple[Foreign, ...] = ()  # what other sources say of having met it
    sightings: tuple[Scope, ...] = ()  # one for each country whose networks it was seen in, never to be summed


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """What an id or value means: values, or a party, an event, sighting, refused record or source's object with all there is of it."""

    asked: str
    values: tuple[Known, ...] = ()
    patterns: tuple[Pattern, ...] = ()  # of a source's object: kept, not evaluated yet
    party: Party | None = None  # also of a node: whose it is
    sensor: Sensor | None = None
    record: dict[str, Any] | None = None


Answer = Thing | BadInput | NotFound | UsageError


def lookup(home: Home, asked: str) -> Thing:
    """What is known. Raises `NotFound` for an id of nothing, `BadInput` for a text that is neither id nor value."""
    (found,) = lookup_all(home, [asked])
    if not isinstance(found, Thing):
        raise found
    return found


def lookup_all(home: Home, asked: Iterable[str]) -> Iterator[Answer]:
    """As `lookup` for each, in order, an error in its place. However many are asked, memory stays small."""
    known, questions = Sources(), iter(asked)
    while part := list(islice(questions, AT_ONCE)):
        with home.catalog().connect() as conn:
            found = _with_partners(conn, [_answer(home, conn, known, one) for one in part])
        yield from _with_sightings(home, found)


class Sources:
    """What is read once for all questions."""

    def __init__(self) -> None:
        self.covering = Covering()

    @cached_property
    def lists(self) -> "WarningLists":
        """The warning lists: a second to index."""
        from haechi.detect.warninglist import WarningLists

        return WarningLists()


def _answer(home: Home, conn: Connection, known: Sources, asked: str) -> Answer:
    try:
        if named := _RECORD.fullmatch(asked.strip()):
            return Thing(asked=asked, record=_record(home, asked.strip(), named[1]))
        if asked.strip().startswith("sensor--"):
            return Thing(asked=asked, sensor=sensors.named(conn, asked.strip().removeprefix("sensor--")))
        if asked.strip().removeprefix("node--") == home.config.node:
            return Thing(asked=asked, party=parties.by_uuid(conn, home.config.party_uuid))
        return _by_id(conn, known, asked) or Thing(asked=asked, values=_values(conn, known, asked))
    except (BadInput, NotFound, UsageError) as error:
        return error


def _by_id(conn: Connection, known: Sources, asked: str) -> Thing | None:
    number = _VALUE.fullmatch(asked.strip())
    if number:
        found = indicators.values(conn, [int(number[1])])
        if not found:
            raise NotFound("lookup.no_value", number=number[1])
        return Thing(asked=asked, values=tuple(_known(conn, known, asked, value) for value in found.values()))
    named = _OBJECT.fullmatch(asked.strip().lower())
    if not named and not _LIST.fullmatch(asked.strip()):
        return None
    if named and named[1] in (None, "identity"):
        try:
            return Thing(asked=asked, party=parties.by_uuid(conn, named[2]))
        except NotFound:
            pass  # a source's own identity, maybe
    values = indicators.of_object(conn, asked.strip())
    patterns = indicator_views.patterns_of(conn, asked.strip())
    if not values and not patterns:
        context = indicator_views.context_of(conn, asked.strip())
        if context is None:
            raise NotFound("lookup.no_id", id=asked)
        return Thing(asked=asked, record=context)
    said = tuple(_known(conn, known, asked, value) for value in values)
    return Thing(asked=asked, values=said, patterns=tuple(patterns))


def _values(conn: Connection, known: Sources, asked: str) -> tuple[Known, ...]:
    kind, normal = quick.value(asked, None)
    found = [_known(conn, known, asked, value) for value in indicators.find(conn, normal)]
    wider = known.covering.of(conn, kind, normal)
    found += [msgspec.structs.replace(_known(conn, known, asked, value), covers=True) for value in wider]
    return tuple(found) or (_with_lists(known, Known(asked=asked, type=kind.value, text=normal)),)


def _known(conn: Connection, known: Sources, asked: str, value: Value) -> Known:
    judged = indicator_changes.verdicts(conn, value.id)
    confirmed = [verdict.at for verdict in judged if verdict.verdict == indicator_changes.CONFIRMED]
    return _with_lists(
        known,
        Known(
            asked=asked,
            type=value.type.value,
            text=value.text,
            value=value,
            assertions=tuple(indicators.assertions_of(conn, [value.id])),
            verdicts=tuple(judged),
            confirmed_at=min(confirmed, default=None),
            kept_out=tuple(indicator_changes.warnings(conn, value.id)),
        ),
    )


def _with_lists(known: Sources, one: Known) -> Known:
    """With what the warning lists say now; those that keep a stored value out were looked up at import."""
    kind = ValueType(one.type)
    shown = tuple(dict.fromkeys(hit.list for hit in known.lists.shown(kind, [one.text])))
    if one.value is not None:
        return msgspec.structs.replace(one, shown=shown)
    kept_out = tuple(dict.fromkeys(hit.list for hit in known.lists.suppressing(kind, [one.text])))
    return msgspec.structs.replace(one, shown=shown, kept_out=kept_out)


def _with_partners(conn: Connection, found: list[Answer]) -> list[Answer]:
    """With what partners say of the values: one question to the catalog for all of them, sectors in our own words."""
    ids = _ids(found)
    said = foreign_sightings.about(conn, sorted(ids)) if ids else {}
    if not said:
        return found
    ours = {
        id: tuple(msgspec.structs.replace(one, sectors=sectors_of(one.sectors)) for one in words)
        for id, words in said.items()
    }
    return [_each(one, lambda value_id: {"partners": ours.get(value_id, ())}) for one in found]


def _ids(found: list[Answer]) -> set[int]:
    return {one.value.id for thing in found if isinstance(thing, Thing) for one in thing.values if one.value}


def _each(thing: Answer, more: Callable[[int], dict[str, Any]]) -> Answer:
    """The thing with more told of each of its values that some source named."""
    if not isinstance(thing, Thing):
        return thing
    values = [msgspec.structs.replace(one, **more(one.value.id)) if one.value else one for one in thing.values]
    return msgspec.structs.replace(thing, values=tuple(values))


def _with_sightings(home: Home, found: list[Answer]) -> list[Answer]:
    """With where our own logs showed the values: one question to the lake for all of them."""
    ids = _ids(found)
    if not ids:
        return found
    with opened(home, Wanted(value_ids=sorted(ids), asserted=None)) as sightings:
        seen = sightings.by_value()
    return [_each(one, lambda value_id: {"sightings": seen.get(value_id, ())}) for one in found]


def _record(home: Home, asked: str, kind: str) -> dict[str, Any]:
    if kind == "quarantine":
        from haechi.node import quarantine

        return quarantine.record(home, quarantine.parse(asked))
    from haechi.node import events

    return events.open_id(home, asked)
