"""Our own sightings put into words for others: that an indicator was seen, how often, when, in which sector and country.

Never by whom: no party, no network, no line of a log. Each is a STIX sighting of the indicator as its source gave it or
as we gave it out, kept as an object of our own and released like any other. One stands for each indicator and sector; it
keeps its random id and gets a new version when count or span grew. What counts are the assertions known when the event
was matched and valid at its time (DATA-MODEL.md, 3). What hit another country's party is that country's to tell.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from sqlalchemy import Connection

from haechi.formats import stix, stixout
from haechi.model import stixid
from haechi.model.clock import DAY
from haechi.model.errors import BadInput
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject
from haechi.node import keys
from haechi.node.home import Home
from haechi.store import lake_version
from haechi.store.catalog import facts, indicator_load, own_sightings
from haechi.store.catalog.own_sightings import SOURCE, Asserted, Told
from haechi.store.files import locked

if TYPE_CHECKING:
    import duckdb

_AT_ONCE: Final = 5_000  # values that are looked at together
_LATE: Final = DAY  # a batch matched earlier may be committed later than one that was seen
_MARK: Final = "sightback"  # fact: the lake's version and the newest match that were looked at
_CREATED: Final = 1_767_225_600_000_000  # of classes and countries, which never change: 2026-01-01
_STEP: Final = 1_000  # between two versions at least: a reader may know no finer time


class _Mark(msgspec.Struct, frozen=True):
    """How far the lake was looked at."""

    version: int = -1
    matched_at: int = -_LATE


class _Seen(msgspec.Struct, frozen=True):
    object_row: int
    unit_value: int
    sector: str
    count: int
    first: int
    last: int


def refresh(home: Home) -> int:
    """Put what the lake holds since the last time into words; how many sightings are new or have grown.

    Looks only at values matched since then, some thousands at a time, a transaction each; called again after a break it
    goes on.
    """
    with locked(home.cache_path / "sightback.lock"):
        with home.catalog().connect() as conn:
            kept = facts.get(conn, _MARK)
        mark = msgspec.json.decode(kept, type=_Mark) if kept else _Mark()
        if lake_version.newest(home.lake_path) == mark.version:
            return 0
        from haechi.store.lake import Lake

        lake = Lake(home.lake_path)
        version = lake.version()
        connection = lake.connect(None)
        try:
            newest, ids = _matched(connection, mark.matched_at - _LATE)
            written = sum(_chunk(home, connection, ids[at : at + _AT_ONCE]) for at in range(0, len(ids), _AT_ONCE))
        finally:
            connection.close()
        with home.catalog().begin() as conn:
            done = _Mark(version, max(newest, mark.matched_at))
            facts.put(conn, _MARK, msgspec.json.encode(done).decode())
        return written


def _matched(connection: "duckdb.DuckDBPyConnection", since: int) -> tuple[int, list[int]]:
    """The newest match, and the values matched after a moment."""
    rows = connection.execute(
        "select matcher_id, max(epoch_us(matched_at)) from sighting where matcher = 'value'"
        " and epoch_us(matched_at) > $since group by matcher_id order by matcher_id",
        {"since": since},
    ).fetchall()
    return max((row[1] for row in rows), default=since), [row[0] for row in rows]


def _chunk(home: Home, connection: "duckdb.DuckDBPyConnection", value_ids: Sequence[int]) -> int:
    """Put the sightings of these values into words, in one transaction."""
    log = home.audit()
    with home.catalog().begin() as conn:
        words = [one for one in own_sightings.asserted(conn, value_ids) if one.source != SOURCE]
        seen = _seen(conn, home, connection, words)
        before = own_sightings.told(conn, (one.object_row for one in seen))
        now = home.clock.now()
        grown = [told for one in seen if (told := _grown(one, before, now)) is not None]
        if not grown:
            return 0
        source, default = indicator_load.source_id(conn, SOURCE, None, own=True)
        units = {(one.object_row, one.unit_value): one for one in words}
        objects = list(_objects(home, grown, units, default))
        indicator_load.load(conn, source, objects, at=now, list_name=SOURCE)
        own_sightings.tell(conn, grown)
        log.append("sightings.told", subject=SOURCE, details={"sightings": len(grown)})
    return len(grown)


def _grown(one: _Seen, before: dict[own_sightings.Key, Told], now: int) -> Told | None:
    """The sighting as it is to be told now; None where nothing has been added to what was told."""
    old = before.get((one.object_row, one.unit_value, one.sector))
    if old is None:
        return Told(
            object_row=one.object_row,
            value_id=one.unit_value,
            sector=one.sector,
            sighting_id=stixid.random("sighting"),
            count=one.count,
            first=one.first,
            last=one.last,
            created=now,
            modified=now,
        )
    count, first, last = max(one.count, old.count), min(one.first, old.first), max(one.last, old.last)
    if (count, first, last) == (old.count, old.first, old.last):
        return None
    modified = max(now, old.modified + _STEP)
    return msgspec.structs.replace(old, count=count, first=first, last=last, modified=modified)


def _seen(
    conn: Connection, home: Home, connection: "duckdb.DuckDBPyConnection", words: Sequence[Asserted]
) -> list[_Seen]:
    """How often each unit was seen in each sector, and from when to when: events, not hits."""
    import pyarrow as pa

    from haechi.store.catalog.parties import list_parties

    if not words:
        return []
    number = pa.int64()
    names = ("value_id", "object_row", "unit_value", "known_at", "valid_from", "valid_until")
    columns = {name: pa.array([getattr(word, name) for word in words], number) for name in names}
    parties = list_parties(conn)
    places: dict[str, Any] = {
        "id": pa.array([party.id for party in parties], pa.int32()),
        "sector": pa.array([party.sector for party in parties], pa.string()),
        "ours": pa.array([party.country == home.config.country for party in parties], pa.bool_()),
    }
    connection.register("word", pa.table(columns))
    connection.register("party", pa.table(places))
    rows = connection.execute(_SEEN).fetchall()
    connection.unregister("word")
    connection.unregister("party")
    return [_Seen(*row) for row in rows]


_SEEN = """
select w.object_row, w.unit_value, coalesce(p.sector, '') as sector, count(distinct (s.input_id, s.raw_offset)),
       min(epoch_us(s.ts)), max(epoch_us(s.ts))
from sighting s join word w on w.value_id = s.matcher_id left join party p on p.id = s.affected_id
where s.matcher = 'value' and w.known_at <= epoch_us(s.matched_at) and coalesce(w.valid_from <= epoch_us(s.ts), true)
      and coalesce(epoch_us(s.ts) < w.valid_until, true) and coalesce(p.ours, true)
group by all order by all
"""


def _objects(
    home: Home, grown: Sequence[Told], units: dict[tuple[int, int], Asserted], default: Tlp
) -> Iterator[SourceObject]:
    """The sightings, and the classes and the country that they name, as objects of our own."""
    secret = keys.secret(home, stixid.IDS)
    creator = f"identity--{home.config.party_uuid}"
    country = home.config.country
    place = stixid.keyed(secret, "location", country)
    documents = [stixout.location(id=place, country=country, created=_CREATED, creator=creator)]
    for sector in sorted({told.sector for told in grown}):
        id = stixid.keyed(secret, "identity", "class", sector)
        documents.append(stixout.class_identity(id=id, sector=sector, created=_CREATED, creator=creator))
    for told in grown:
        unit = units[told.object_row, told.value_id]
        documents.append(
            stixout.sighting(
                id=told.sighting_id,
                of=_name(secret, unit),
                count=told.count,
                first=told.first,
                last=told.last,
                where=[stixid.keyed(secret, "identity", "class", told.sector), place],
                created=told.created,
                modified=told.modified,
                creator=creator,
                marking=max(Tlp.AMBER, unit.marking),
                pap=unit.pap,
            )
        )
    for one in stix.parse(b'{"objects":[' + b",".join(documents) + b"]}", marking=default):
        if isinstance(one, BadInput):
            raise one
        yield one


def _name(secret: bytes, unit: Asserted) -> str:
    """The indicator's id as its source gave it, or as we give it out."""
    if unit.unit_value == 0:
        return unit.object_id
    return stixid.of_unit(secret, source=unit.source, object_id=unit.object_id, type=unit.type, value=unit.text)
