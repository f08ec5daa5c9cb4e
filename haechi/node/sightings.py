"""What matched: sightings by who, where, what and when.

The lake holds ids and our own text; names, countries and actors are joined at read, so a correction corrects the past.
What counts at a sighting are the assertions valid at the event's time, known when it was matched, and not gone now
(DATA-MODEL.md, 3). A sighting that none counts for any more is never dropped: it is counted apart.
Each figure is of one country's networks and one span of time; figures of two countries are never summed.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from haechi.model.clock import DAY
from haechi.model.country import CODES
from haechi.model.errors import UsageError
from haechi.model.indicator import ValueType
from haechi.model.marking import UNMARKED, Tlp
from haechi.model.party import PARENT_SECTOR, SECTORS
from haechi.node.home import Home

if TYPE_CHECKING:
    import duckdb

_HOUR = 3_600_000_000


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which sightings: all that are given must hold. Times in microseconds UTC, `since` counts in, `until` doesn't."""

    since: int | None = None
    until: int | None = None
    actor: str = ""  # as a source names it, upper or lower case
    value: str = ""  # our own text or the indicator's; * stands for anything
    type: str = ""  # ValueType
    field: str = ""  # event column
    country: str = ""  # of the affected party; "-" for events that hit no known party
    sector: str = ""  # of the affected party; high-tech includes semiconductor
    party: str = ""  # name of the affected party
    sensor: str = ""
    only_by: str = ""  # name of a source: those that no other source's word explains
    value_ids: Sequence[int] | None = None
    input_id: int | None = None  # with `offset`: those of one event
    offset: int | None = None
    asserted: bool | None = True  # None: also those that no assertion counts for any more


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """How many sightings of one country's networks, from when to when. `country` "" is: of no known party."""

    country: str
    sightings: int
    no_longer_asserted: int  # in the same networks and span, not among `sightings`
    first: int
    last: int


# What to group by: the columns of a group's row, each with its SQL over the table `sight`.
BY: dict[str, tuple[tuple[str, str], ...]] = {
    "country": (),
    "sector": (("sector", "sector"),),
    "party": (("party", "party"), ("sector", "sector")),
    "actor": (("actor", "unnest(case when len(actors) > 0 then actors else [''] end)"),),
    "indicator": (("indicator", "indicator"), ("type", "type"), ("indicator_id", "value_id")),
    "type": (("type", "type"),),
    "field": (("field", "field"),),
    "hour": (("hour", f"seen_at - seen_at % {_HOUR}"),),
    "day": (("day", f"seen_at - seen_at % {DAY}"),),
    "sensor": (("sensor", "sensor"),),
}

_GROUP = ("sightings", "no_longer_asserted", "events", "indicators", "first", "last")
_ROW = (
    "id", "event", "time", "value", "field", "indicator", "indicator_type", "indicator_id", "actors", "marking",
    "sources", "asserted", "false_positive", "party", "country", "sector", "sensor", "observer", "matched_at",
)  # fmt: skip


def columns(by: str = "") -> tuple[str, ...]:
    """The keys of a row, or of a group by `by`, in order."""
    return ("country", *(name for name, _ in BY[by]), *_GROUP) if by else _ROW


class Sightings:
    """The wanted sightings, joined with the catalog; made by `opened`."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", wanted: Wanted) -> None:
        self._connection, self._wanted = connection, wanted

    def scopes(self) -> list[Scope]:
        """Each country's own figures and span, in order of its code."""
        sql = (
            "select country, count(*) filter (asserted) as sightings,"
            " count(*) filter (not asserted) as no_longer_asserted, min(seen_at) as first, max(seen_at) as last"
            " from sight group by country order by country"
        )
        return [Scope(**row) for row in self._rows(sql)]

    def by_value(self) -> dict[int, tuple[Scope, ...]]:
        """Each value's figures and span in each country's networks, in order of the country's code."""
        sql = (
            "select value_id, country, count(*) filter (asserted) as sightings,"
            " count(*) filter (not asserted) as no_longer_asserted, min(seen_at) as first, max(seen_at) as last"
            " from sight group by value_id, country order by value_id, country"
        )
        found: dict[int, tuple[Scope, ...]] = {}
        for row in self._rows(sql):
            value_id = row.pop("value_id")
            found[value_id] = (*found.get(value_id, ()), Scope(**row))
        return found

    def count(self) -> int:
        """How many rows `rows` gives when there is no limit."""
        return next(
            int(row["total"]) for row in self._rows(f"select count(*) as total from sight where {self._state()}")
        )

    def rows(self, limit: int = 0) -> Iterator[dict[str, Any]]:
        """One sighting a row, newest first. Keys in order:

        id, event (ids); time, matched_at (microseconds UTC); value, field (our own); indicator, indicator_type,
        indicator_id; actors (list), marking (TLP label of the strictest assertion that counts; if none does, of the strictest that ever did),
        sources (how many), asserted, false_positive (bool); party, country, sector (of the affected party, None where
        none is known), sensor, observer.
        """
        sql = f"select * exclude (n, matcher) from sight where {self._state()} order by seen_at desc, input_id desc, raw_offset desc"
        for row in self._rows(sql + (f" limit {int(limit)}" if limit else "")):
            yield _shown(row)

    def groups(self, by: str) -> list[dict[str, Any]]:
        """Sightings grouped by a key of `BY` within each country, the largest groups first (hours and days in order).

        Keys: country ("" where no affected party is known), the columns of the group, sightings, no_longer_asserted,
        events, indicators (distinct), first, last (microseconds UTC). A sighting by an indicator of several actors
        stands in each one's group.
        """
        if by not in BY:
            raise UsageError("sightings.no_group", by=by, known=", ".join(BY))
        keys = BY[by]
        inner = "".join(f", {sql} as key{k}" for k, (_, sql) in enumerate(keys))
        names = "".join(f", key{k} as {name}" for k, (name, _) in enumerate(keys))
        grouped = "".join(f", key{k}" for k in range(len(keys)))
        order = "key0" if by in ("hour", "day") else "sightings desc, no_longer_asserted desc" + grouped
        sql = (
            f"select country{names}, count(*) filter (asserted) as sightings,"
            " count(*) filter (not asserted) as no_longer_asserted,"
            " count(distinct (input_id, raw_offset)) filter (asserted) as events,"
            " count(distinct value_id) filter (asserted) as indicators, min(seen_at) as first, max(seen_at) as last"
            f" from (select * exclude (type), type{inner} from sight) group by country{grouped}"
            f" having {self._state_of_group()} order by country, {order}"
        )
        return list(self._rows(sql))

    def _state(self) -> str:
        return {True: "asserted", False: "not asserted", None: "true"}[self._wanted.asserted]

    def _state_of_group(self) -> str:
        return "no_longer_asserted > 0" if self._wanted.asserted is False else "true"

    def _rows(self, sql: str) -> Iterator[dict[str, Any]]:
        cursor = self._connection.execute(sql)
        names = [column[0] for column in cursor.description or ()]
        while chunk := cursor.fetchmany(10_000):
            for row in chunk:
                yield dict(zip(names, row, strict=True))


@contextmanager
def opened(home: Home, wanted: Wanted) -> Iterator[Sightings]:
    """The wanted sightings, ready to be listed and grouped. `UsageError` where a name that is asked for isn't known."""
    from haechi.store.lake import Lake

    _check(wanted)
    if wanted.only_by:
        _check_source(home, wanted.only_by)
    places, arguments = _places(home, wanted)
    connection = Lake(home.lake_path).connect(_days(wanted))
    try:
        _register(connection, places)
        _pick(connection, wanted, arguments)
        _join(connection, home, wanted)
        yield Sightings(connection, wanted)
    finally:
        connection.close()


def _check(wanted: Wanted) -> None:
    """Names of a closed set are refused when they aren't in it: an empty answer would look like a finding."""
    kinds = [kind.value for kind in ValueType]
    if wanted.sector and wanted.sector not in SECTORS:
        raise UsageError("sightings.no_sector", sector=wanted.sector, known=", ".join(SECTORS))
    if wanted.type and wanted.type not in kinds:
        raise UsageError("sightings.no_type", type=wanted.type, known=", ".join(kinds))
    if wanted.country not in ("", "-") and wanted.country.upper() not in CODES:
        raise UsageError("sightings.no_country", country=wanted.country)
    if wanted.since is not None and wanted.until is not None and wanted.since >= wanted.until:
        raise UsageError("sightings.empty_span")


def _check_source(home: Home, name: str) -> None:
    from haechi.store.catalog import foreign_sightings

    with home.catalog().connect() as conn:
        known = foreign_sightings.sources(conn)
    if name not in known:
        raise UsageError("sightings.no_source", source=name, known=", ".join(known[:20]))


def _days(wanted: Wanted) -> Sequence[int] | None:
    """The days whose files are read; None for all."""
    if wanted.since is None or wanted.until is None or wanted.until - wanted.since > 4000 * DAY:
        return None
    return range(wanted.since // DAY, max(wanted.until - 1, wanted.since) // DAY + 1)


def _places(home: Home, wanted: Wanted) -> tuple[dict[str, Sequence[Any]], dict[str, Any]]:
    """The catalog's parties and sensors as columns, and the wanted ones' ids."""
    from sqlalchemy import select

    from haechi.store.catalog.parties import PARTY
    from haechi.store.catalog.sensors import SENSOR

    with home.catalog().connect() as conn:
        party = conn.execute(select(PARTY.c.id, PARTY.c.name, PARTY.c.country, PARTY.c.sector)).all()
        sensor = conn.execute(select(SENSOR.c.id, SENSOR.c.name)).all()
    arguments: dict[str, Any] = {}
    if wanted.party and not any(row.name == wanted.party for row in party):
        raise UsageError("parties.no_name", name=wanted.party)
    if wanted.sensor and not sensor:
        raise UsageError("sightings.no_sensor_yet", sensor=wanted.sensor)
    if wanted.sensor and not any(row.name == wanted.sensor for row in sensor):
        known = ", ".join(sorted(row.name for row in sensor))
        raise UsageError("sightings.no_sensor", sensor=wanted.sensor, known=known)
    if wanted.party or wanted.sector or wanted.country not in ("", "-"):
        sectors = {wanted.sector, *(below for below, above in PARENT_SECTOR.items() if above == wanted.sector)}
        arguments["affected"] = [
            row.id
            for row in party
            if wanted.party in ("", row.name)
            and wanted.country.upper() in ("", row.country)
            and (not wanted.sector or row.sector in sectors)
        ]
    if wanted.sensor:
        arguments["sensors"] = [row.id for row in sensor if row.name == wanted.sensor]
    columns: dict[str, Sequence[Any]] = {"party": party, "sensor": sensor}
    return columns, arguments


def _register(connection: "duckdb.DuckDBPyConnection", places: Mapping[str, Sequence[Any]]) -> None:
    import pyarrow as pa

    text, number = pa.string(), pa.int32()
    shapes: dict[str, tuple[tuple[str, pa.DataType], ...]] = {
        "party": (("id", number), ("name", text), ("country", text), ("sector", text)),
        "sensor": (("id", number), ("name", text)),
    }
    for name, shape in shapes.items():
        columns = list(zip(*places[name], strict=True)) or [()] * len(shape)
        arrays = {key: pa.array(column, kind) for column, (key, kind) in zip(columns, shape, strict=True)}
        connection.register(name, pa.table(arrays))


def _pick(connection: "duckdb.DuckDBPyConnection", wanted: Wanted, arguments: dict[str, Any]) -> None:
    """The table `hit`: the lake's sightings that its own columns tell to be wanted, numbered."""
    conditions = {
        "epoch_us(ts) >= $since": wanted.since,
        "epoch_us(ts) < $until": wanted.until,
        "field = $field": wanted.field or None,
        "matcher = 'value' and matcher_id in (select unnest($value_ids::bigint[]))": wanted.value_ids,
        "input_id = $input_id": wanted.input_id,
        "raw_offset = $offset": wanted.offset,
        "affected_id in (select unnest($affected::integer[]))": arguments.get("affected"),
        "sensor_id in (select unnest($sensors::integer[]))": arguments.get("sensors"),
    }
    given = {sql: value for sql, value in conditions.items() if value is not None}
    where = [*given, "affected_id is null"] if wanted.country == "-" else list(given)
    named = {sql.partition("$")[2].split(":")[0].rstrip(")"): value for sql, value in given.items()}
    connection.execute(
        "create temp table hit as select row_number() over () as n, epoch_us(ts) as seen_at, epoch_us(matched_at) as matched_at,"
        " matcher, case when matcher = 'value' then matcher_id end as value_id, field, value, affected_id, observer_id,"
        f" sensor_id, input_id, raw_offset from sighting where {' and '.join(where) or 'true'}",
        named or None,
    )


def _join(connection: "duckdb.DuckDBPyConnection", home: Home, wanted: Wanted) -> None:
    """The table `sight`: the hits with what the catalog says of their values, for just the values that were hit."""
    from haechi.store.catalog import sighted

    rows = connection.execute("select distinct value_id from hit where value_id is not null").fetchall()
    ids = [row[0] for row in rows]
    with home.catalog().connect() as conn:
        connection.register("known", sighted.values(conn, ids))
        connection.register("word", sighted.assertions(conn, ids))
    where, arguments = ["true"], {}
    if wanted.actor:
        where.append(
            "list_contains(list_transform(coalesce(v.actors, h.actors, []), lambda x: lower(x)), lower($actor))"
        )
        arguments["actor"] = wanted.actor
    if wanted.type:
        where.append("k.type = $type")
        arguments["type"] = wanted.type
    if wanted.value:
        where.append("(lower(hit.value) glob $value or lower(k.text) glob $value)")
        arguments["value"] = _glob(wanted.value)
    if wanted.only_by:
        where.append("coalesce(v.sources, h.sources) = 1 and coalesce(v.source, h.source) = $only_by")
        arguments["only_by"] = wanted.only_by
    connection.execute(f"create temp table sight as {_SIGHT} where {' and '.join(where)}", arguments or None)


# Of most values an assertion counts at all hits or at none; only where some assertion begins or ends to count among
# them is it asked hit by hit.
_SIGHT = """
with span as (
    select value_id, min(seen_at) as seen_from, max(seen_at) as seen_to, min(matched_at) as matched_from,
           max(matched_at) as matched_to from hit group by value_id),
judged as (
    select word.*,
           known_at <= matched_from and coalesce(valid_from <= seen_from, true) and coalesce(seen_to < valid_until, true)
               as always,
           known_at > matched_to or coalesce(valid_from > seen_to, false) or coalesce(seen_from >= valid_until, false)
               as never
    from word join span using (value_id)),
mixed as (select distinct value_id from judged where not (always or never)),
by_value as (
    select value_id, count(distinct source) as sources, max(source) as source, max(marking) as marking,
           list_sort(list_distinct(flatten(list(actors)))) as actors
    from judged where always and value_id not in (from mixed) group by value_id),
by_hit as (
    select hit.n, count(distinct word.source) as sources, max(word.source) as source, max(word.marking) as marking,
           list_sort(list_distinct(flatten(list(word.actors)))) as actors
    from hit join mixed using (value_id) join word using (value_id)
    where word.known_at <= hit.matched_at
          and coalesce(word.valid_from <= hit.seen_at, true) and coalesce(hit.seen_at < word.valid_until, true)
    group by hit.n)
select hit.*, k.text as indicator, k.type, coalesce(k.false_positive, false) as false_positive,
       coalesce(v.sources, h.sources, 0) as sources, coalesce(v.marking, h.marking, k.marking) as marking,
       coalesce(v.actors, h.actors, []) as actors, coalesce(v.sources, h.sources, 0) > 0 as asserted,
       party.name as party, coalesce(party.country, '') as country, party.sector, sensor.name as sensor,
       observer.name as observer
from hit left join by_value v on v.value_id = hit.value_id left join by_hit h on h.n = hit.n
     left join known k on k.value_id = hit.value_id left join party on party.id = hit.affected_id
     left join party observer on observer.id = hit.observer_id left join sensor on sensor.id = hit.sensor_id
"""


def _glob(text: str) -> str:
    """The text as DuckDB's GLOB takes it, only * standing for anything.

    >>> _glob("HTTP://a.example/?q=*")
    'http://a.example/[?]q=*'
    """
    return "".join(f"[{c}]" if c in "?[" else c for c in text.lower()).replace("\\", "\\\\")


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    event = f"{row['input_id']}-{row['raw_offset']}"
    return {
        "id": f"sighting--{event}-{row['value_id']}",
        "event": f"event--{event}",
        "time": row["seen_at"],
        "value": row["value"],
        "field": row["field"],
        "indicator": row["indicator"],
        "indicator_type": row["type"],
        "indicator_id": row["value_id"],
        "actors": list(row["actors"]),
        "marking": (UNMARKED if row["marking"] is None else Tlp(row["marking"])).label,
        "sources": row["sources"],
        "asserted": row["asserted"],
        "false_positive": row["false_positive"],
        "party": row["party"],
        "country": row["country"] or None,
        "sector": row["sector"],
        "sensor": row["sensor"],
        "observer": row["observer"],
        "matched_at": row["matched_at"],
    }
