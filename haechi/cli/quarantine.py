"""`haechi quarantine`: what could not be read, why, and reading it again."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
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
    progress,
    write,
    write_table,
)
from haechi.formats.moment import micros
from haechi.messages.catalogue import catalogue, language, text
from haechi.model.errors import BadInput
from haechi.node.home import Home, find_home
from haechi.node.quarantine import Chosen, opened, parse, record
from haechi.report import format as formats
from haechi.report import table as tables
from haechi.report.record import hex_lines, raw_text

app = group(text("help.quarantine.command"))

InputOption = Annotated[str, typer.Option("--input", metavar="PATH", help=text("help.quarantine.input"))]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="REASON", help=text("help.quarantine.reason"))]
SinceOption = Annotated[str, typer.Option("--since", metavar="TIME", help=text("help.quarantine.since"))]

_COLUMNS = ("id", "input", "line", "offset", "field", "value", "reason")
_GROUP_COLUMNS = ("records", "reason", "reader", "input", "first", "last")


@app.command(name="list", help=text("help.quarantine.list.command"))
def list_records(
    input: InputOption = "",
    reason: ReasonOption = "",
    since: SinceOption = "",
    limit: LimitOption = DEFAULT_LIMIT,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the groups of the chosen records, then the records."""
    chosen = Chosen(input=input, reason=reason, since=micros(since) if since else None)
    with opened(Home.open(find_home(home)), chosen) as found:
        if as_jsonl:
            emit_rows("", map(_machine, found.records()), columns={}, as_jsonl=True)
            return
        groups, total = found.groups(), found.count()
        rows = list(found.records(limit))
    if as_json:
        document = {
            "groups": [*map(_machine, groups)],
            "records": [*map(_machine, rows)],
            "total": total,
            "limit": limit,
        }
        write(json_text(document) + "\n")
        return
    if not groups:
        note(text("quarantine.empty" if chosen == Chosen() else "quarantine.nothing"))
        return
    _write_groups(groups)
    write("\n")
    headings = {key: text(f"quarantine.{key}") for key in _COLUMNS}
    shown = [_row(row) for row in rows]
    emit_rows("records", shown, columns=headings, right=["line", "offset"], total=total, limit=limit)


def _write_groups(groups: list[dict[str, Any]]) -> None:
    headings = [text(f"quarantine.{key}") for key in _GROUP_COLUMNS]
    cells = [
        [
            formats.number(one["records"]),
            _short(one["reason"]),
            one["reader"],
            one["input"],
            formats.time(one["first"]),
            formats.time(one["last"]),
        ]
        for one in groups
    ]
    write_table(tables.make(headings, cells, right=[text("quarantine.records")]))
    write("\n")
    for reason in dict.fromkeys(one["reason"] for one in groups):
        write(text("quarantine.reason_line", reason=_short(reason), explained=_explained(reason)) + "\n")


def _short(reason: str) -> str:
    return reason.removeprefix("refused.")


def _explained(reason: str) -> str:
    """What a reason means; a newer Haechi may have written one that this one has no text for."""
    return text(reason) if reason in catalogue(language()) else reason


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    whole = text("quarantine.whole_record") if not row["field"] else ""
    return {**row, "reason": _short(row["reason"]), "field": row["field"] or whole}


def _machine(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its times as RFC 3339, and what its reason means."""
    times = {key: formats.iso(row[key]) for key in ("read_at", "first", "last") if key in row}
    return {**row, **times, "text": _explained(row["reason"])}


@app.command(help=text("help.quarantine.show.command"))
def show(
    id: Annotated[str, typer.Argument(metavar="ID", help=text("help.quarantine.show.id"))],
    as_hex: Annotated[bool, typer.Option("--hex", help=text("help.quarantine.show.hex"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write one record with its original bytes."""
    found = record(Home.open(find_home(home)), parse(id))
    document = {**_machine(found), "raw_text": raw_text(found["raw"])}
    emit(document, as_json=as_json, table=lambda: "\n".join(_lines(found, as_hex=as_hex)))


def _lines(found: Mapping[str, Any], *, as_hex: bool) -> Iterator[str]:
    place = "quarantine.where" if found["line"] is not None else "quarantine.where_no_line"
    names = ("input", "line", "offset", "length", "reader")
    yield found["id"]
    yield tables.printable(text(place, **{name: found[name] for name in names}))
    yield text("quarantine.reason_line", reason=_short(found["reason"]), explained=_explained(found["reason"]))
    if found["field"]:
        yield tables.printable(f"{found['field']} = {found['value'] or ''!r}")
    yield from hex_lines(found["raw"]) if as_hex else [raw_text(found["raw"])]
    if not found["whole"]:
        yield text("quarantine.cut", kept=len(found["raw"]))


@app.command(help=text("help.quarantine.replay.command"))
def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help=text("help.quarantine.replay.ids"))] = None,
    reason: ReasonOption = "",
    input: InputOption = "",
    since: SinceOption = "",
    format: Annotated[str, typer.Option("--format", metavar="NAME", help=text("help.quarantine.replay.format"))] = "",
    zone: Annotated[str, typer.Option("--zone", metavar="ZONE", help=text("help.quarantine.replay.zone"))] = "",
    mapping: Annotated[
        Path | None, typer.Option("--mapping", metavar="FILE", help=text("help.quarantine.replay.mapping"))
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read the chosen records again; exit status 1 if any of them stays or isn't there."""
    places = tuple(parse(one) for one in ids or ())
    chosen = Chosen(input=input, reason=reason, since=micros(since) if since else None, ids=places)
    node = Home.open(find_home(home))
    with opened(node, chosen) as found:
        if places:
            found.require(places)
        total = found.count()
    from haechi.node.replay import Replayed

    done = Replayed()
    if total:
        from haechi.node import replay as replays

        with progress(text("quarantine.label"), total=total, unit=text("quarantine.unit"), quiet=as_json) as step:
            done = replays.replay(node, chosen, format=format, zone=zone, mapping=mapping, progress=step)
    document = {**msgspec.structs.asdict(done), "chosen": total, "left": done.left}
    emit(
        document, as_json=as_json, table=lambda: text("quarantine.done" if total else "quarantine.nothing", **document)
    )
    for reason_id, count in done.still.items():
        note(text("quarantine.still", count=count, explained=_explained(reason_id)))
    for kind in ("incomplete", "no_columns", "no_mapping"):
        if document[kind]:
            note(text(f"quarantine.{kind}", count=document[kind]))
    if done.left:
        raise typer.Exit(BadInput.exit_status)
