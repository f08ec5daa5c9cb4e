"""`haechi sightings`: what matched, as a list or grouped; `show` opens one by its id."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.cli.output import (
    DEFAULT_LIMIT,
    HomeOption,
    JsonlOption,
    JsonOption,
    LimitOption,
    emit,
    emit_rows,
    group,
    json_text,
    note,
    write,
    write_table,
)
from haechi.formats.moment import micros
from haechi.messages.catalogue import text
from haechi.model.errors import UsageError
from haechi.node import export
from haechi.node.events import open_id
from haechi.node.home import Home, find_home
from haechi.node.sightings import BY, Scope, Sightings, Wanted, columns, opened
from haechi.report import format as formats
from haechi.report import record
from haechi.report import table as tables

app = group(text("help.sightings.command"))

ByOption = Annotated[str, typer.Option("--by", metavar="KEY", help=text("help.sightings.by", keys=", ".join(BY)))]
SinceOption = Annotated[str, typer.Option("--since", metavar="TIME", help=text("help.sightings.since"))]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help=text("help.sightings.until"))]
ActorOption = Annotated[str, typer.Option("--actor", metavar="NAME", help=text("help.sightings.actor"))]
ValueOption = Annotated[str, typer.Option("--value", metavar="TEXT", help=text("help.sightings.value"))]
TypeOption = Annotated[str, typer.Option("--type", metavar="TYPE", help=text("help.sightings.type"))]
FieldOption = Annotated[str, typer.Option("--field", metavar="NAME", help=text("help.sightings.field"))]
CountryOption = Annotated[str, typer.Option("--country", metavar="CODE", help=text("help.sightings.country"))]
SectorOption = Annotated[str, typer.Option("--sector", metavar="SECTOR", help=text("help.sightings.sector"))]
PartyOption = Annotated[str, typer.Option("--party", metavar="NAME", help=text("help.sightings.party"))]
SensorOption = Annotated[str, typer.Option("--sensor", metavar="NAME", help=text("help.sightings.sensor"))]
OnlyByOption = Annotated[str, typer.Option("--only-by", metavar="SOURCE", help=text("help.sightings.only_by"))]
GoneOption = Annotated[bool, typer.Option("--no-longer-asserted", help=text("help.sightings.no_longer_asserted"))]
CsvOption = Annotated[bool, typer.Option("--csv", help=text("help.sightings.csv"))]
ParquetOption = Annotated[Path | None, typer.Option("--parquet", metavar="FILE", help=text("help.sightings.parquet"))]

_COLUMNS = ("time", "local", "value", "field", "indicator", "actors", "marking", "sources", "party", "sensor")
_COUNTS = ("sightings", "no_longer_asserted", "events", "indicators")


@app.callback(invoke_without_command=True)
def listed(
    context: typer.Context,
    by: ByOption = "",
    since: SinceOption = "",
    until: UntilOption = "",
    actor: ActorOption = "",
    value: ValueOption = "",
    type: TypeOption = "",
    field: FieldOption = "",
    country: CountryOption = "",
    sector: SectorOption = "",
    party: PartyOption = "",
    sensor: SensorOption = "",
    only_by: OnlyByOption = "",
    gone: GoneOption = False,
    limit: LimitOption = DEFAULT_LIMIT,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    as_csv: CsvOption = False,
    parquet: ParquetOption = None,
) -> None:
    """Write the sightings that fit or their groups, unless a sub-command follows."""
    if context.invoked_subcommand:
        return
    if as_json + as_jsonl + as_csv + (parquet is not None) > 1:
        raise UsageError("sightings.one_form")
    wanted = Wanted(
        since=micros(since) if since else None,
        until=micros(until) if until else None,
        actor=actor,
        value=value,
        type=type,
        field=field,
        country=country,
        sector=sector,
        party=party,
        sensor=sensor,
        only_by=only_by,
        asserted=not gone,
    )
    with opened(Home.open(find_home(home)), wanted) as found:
        rows = found.groups(by) if by else found.rows(0 if as_jsonl or as_csv or parquet else limit)
        if parquet is not None:
            note(text("sightings.written", rows=export.write_parquet(parquet, rows, columns(by)), path=parquet))
        elif as_csv:
            export.write_csv(write, rows, columns(by))
        elif as_jsonl:
            emit_rows("", map(_machine, rows), columns={}, as_jsonl=True)
        elif as_json:
            _document(found, rows, by, limit)
        elif by:
            _grouped(list(rows), by, limit)
        else:
            _listed(found, rows, limit)


def _document(found: Sightings, rows: Iterable[Mapping[str, Any]], by: str, limit: int) -> None:
    """The one JSON document: the scopes first, for no figure stands without its network and span."""
    shown = [_machine(row) for row in rows]
    total = len(shown) if by else found.count()
    cut = shown[:limit] if limit else shown
    scopes = [_machine({name: getattr(s, name) for name in s.__struct_fields__}) for s in found.scopes()]
    name = "groups" if by else "sightings"
    write(json_text({"by": by or None, "scopes": scopes, name: cut, "total": total, "limit": limit}) + "\n")


def _machine(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its times as RFC 3339."""
    return {key: formats.iso(value) if key in export.TIMES else value for key, value in row.items()}


def _listed(found: Sightings, rows: Iterable[Mapping[str, Any]], limit: int) -> None:
    headings = {key: text(f"sightings.{key}") for key in _COLUMNS}
    emit_rows(
        "sightings",
        [_row(row) for row in rows],
        columns=headings,
        right=["sources"],
        total=found.count(),
        limit=limit,
    )
    for scope in found.scopes():
        note(scope_text(scope))


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    at = row["time"]
    indicator = f"{row['indicator']} ({row['indicator_type']})"
    return {
        **row,
        "time": formats.time(at),
        "local": local_times(at),
        "indicator": indicator + (" " + text("sightings.false_positive") if row["false_positive"] else ""),
        "actors": ", ".join(row["actors"]),
        "marking": row["marking"],
        "party": party_text(row["party"], row["country"], row["sector"]),
    }


def local_times(at: int) -> str:
    """A time as both countries' clocks show it, each by its zone's name.

    >>> local_times(1_700_000_000_000_000)
    'Taipei 11-15 06:13:20, KST 11-15 07:13:20'
    """
    shown = {zone: formats.time(at, zone)[5:19] for zone in ("Taipei", "KST")}
    return ", ".join(f"{zone} {moment}" for zone, moment in shown.items())


def party_text(name: str | None, country: str | None, sector: str | None) -> str:
    """The affected party with its country and sector."""
    return f"{name} ({country}, {sector})" if name else text("sightings.no_party")


def scope_text(scope: Scope) -> str:
    """One country's figures and span, as a sentence."""
    return text(
        "sightings.scope" if scope.country else "sightings.scope_no_party",
        country=scope.country,
        sightings=scope.sightings,
        gone=scope.no_longer_asserted,
        first=formats.time(scope.first),
        last=formats.time(scope.last),
    )


def _grouped(groups: Sequence[Mapping[str, Any]], by: str, limit: int) -> None:
    """The groups, their networks' country first; the span that each figure is of stands last in its row."""
    if not groups:
        note(text("list.none"))
        return
    names = [name for name, _ in BY[by] if name != "indicator_id"]
    zones = ("Taipei", "KST") if by == "hour" else ()
    headings = [text("sightings.networks"), *(text(f"sightings.{name}") for name in names), *zones]
    counts = [text(f"sightings.{name}") for name in _COUNTS]
    cells = [
        [
            row["country"] or text("sightings.no_party"),
            *(_key(name, row[name]) for name in names),
            *(formats.time(row["hour"], zone)[5:16] for zone in zones),
            *(formats.number(row[name]) for name in _COUNTS),
            formats.time(row["first"]),
            formats.time(row["last"]),
        ]
        for row in (groups[:limit] if limit else groups)
    ]
    headings += [*counts, text("sightings.first"), text("sightings.last")]
    write_table(tables.make(headings, cells, right=counts))
    if len(cells) < len(groups):
        note(text("list.more", shown=len(cells), total=len(groups)))


def _key(name: str, value: Any) -> str:
    if name == "hour":
        return f"{formats.time(value)[:16]} UTC"
    if name == "day":
        return f"{formats.time(value)[:10]} UTC"
    return str(value) if value not in (None, "") else text("sightings.not_named")


@app.command(help=text("help.sightings.show.command"))
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help=text("help.sightings.show.id"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a sighting or an event with its raw record."""
    document = open_id(Home.open(find_home(home)), id)
    emit(opened_document(document), as_json=as_json, table=lambda: "\n".join(record_lines(document)))


_MOMENTS = ("ts", "ingested_at", "time", "matched_at", "valid_from", "valid_until", "known_at", "gone_at")


def opened_document(document: Any) -> Any:
    """The document for machines: times as RFC 3339, the raw record as base64 and as text."""
    if isinstance(document, list):
        return [opened_document(one) for one in document]
    if not isinstance(document, dict):
        return document
    shown = {key: formats.iso(one) if key in _MOMENTS else opened_document(one) for key, one in document.items()}
    if isinstance(document.get("raw"), bytes):
        shown["raw_text"] = record.raw_text(document["raw"])
    return shown


def record_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """A sighting or an event, as `node.events.open_id` gives it, for a person."""
    event = document.get("event", document)
    if "sighting" in document:
        yield document["id"]
        yield from record.fields({k: v for k, v in document["sighting"].items() if k != "id"}, times=_MOMENTS)
        for one in document["assertions"]:
            yield text("sightings.counts" if one["counts"] else "sightings.counts_not", source=one["source"])
            yield from record.fields({k: v for k, v in one.items() if k not in ("source", "counts")}, times=_MOMENTS)
    yield event["id"]
    hidden = ("id", "raw", "raw_from", "sensor_id", "observer_id", "affected_id", "input_id")
    yield from record.fields({k: v for k, v in event.items() if k not in hidden}, times=_MOMENTS)
    yield text(f"sightings.raw_{event['raw_from']}")
    if event["raw"] is not None:
        yield "  " + record.raw_text(event["raw"])
