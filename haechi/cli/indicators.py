"""`haechi indicators`: attackers' traces in and out of the catalog."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.output import (
    HomeOption,
    JsonlOption,
    JsonOption,
    LimitOption,
    emit,
    emit_rows,
    group,
    note,
    refusal_documents,
    tell_refusals,
)
from haechi.formats import moment
from haechi.formats.detectformat import Format
from haechi.model import marking as markings
from haechi.model.errors import BadInput, UsageError
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.node import indicators
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.report import table as tables
from haechi.report.messages import text

app = group("Attackers' traces: values, who says so, under which marking, known since when.")


class Said(StrEnum):
    """The verdicts."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"


TypeOption = Annotated[ValueType | None, typer.Option("--type", help="The values' type, where they don't show it.")]
SourceOption = Annotated[str, typer.Option("--source", metavar="NAME", help="Who says so.")]


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files or folders.")],
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Who says so (else the file's name).")] = "",
    marking: Annotated[
        str,
        typer.Option("--marking", metavar="TLP", help="For what is unmarked; the source keeps it (else AMBER+STRICT)."),
    ] = "",
    known_at: Annotated[
        str, typer.Option("--known-at", metavar="TIME", help="Assert that it was known since then; needs a reason.")
    ] = "",
    known_why: Annotated[str, typer.Option("--known-why", metavar="REASON", help="Why since then.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Close what this list no longer has.")] = False,
    kind: TypeOption = None,
    actor: Annotated[
        list[str] | None,
        typer.Option("--actor", metavar="NAME", help="Whom a list is laid to; may be given several times."),
    ] = None,
    format: Annotated[Format | None, typer.Option("--format", help="Else told from the file's content.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add STIX bundles, MISP events, CSV and plain lists.

    A file that was added before changes nothing. Exit status 1 if a record was refused; the good ones went through.
    """
    told = indicators.add(
        Home.open(find_home(home)),
        files,
        source=source,
        marking=_marking(marking),
        known_at=moment.micros(known_at) if known_at else None,
        known_why=known_why,
        replace=replace,
        kind=kind,
        format=format,
        actors=actor or (),
    )
    refused = [BadInput(one.reason, location=one.location) for file in told for one in file.refused]
    documents = [_added(file) for file in told]
    emit({"files": documents}, as_json=as_json, table=lambda: _told(told))
    if any(file.bad for file in told):
        if not as_json:
            tell_refusals(refused)
        raise typer.Exit(BadInput.exit_status)


def _marking(label: str) -> Tlp | None:
    if not label:
        return None
    found = markings.parse_tlp(label)
    if found is Tlp.RED and "RED" not in label.upper():
        raise UsageError(text("indicators.no_marking", label=label), advice=text("indicators.markings"))
    return found


def _added(file: indicators.Added) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(file)
    document["refused"] = refusal_documents([BadInput(one.reason, location=one.location) for one in file.refused])
    return document


def _told(told: list[indicators.Added]) -> tables.Table:
    keys = ("added", "unchanged", "closed", "patterns", "warning_listed", "refused_count")
    headings = [text(f"indicators.{name}") for name in ("file", "format", *keys)]
    rows = [[Path(f.path).name, f.format, *(formats.number(getattr(f, key)) for key in keys)] for f in told]
    if len(told) > 1:
        rows.append([text("indicators.all"), "", *(formats.number(sum(getattr(f, key) for f in told)) for key in keys)])
    return tables.make(headings, rows, right=headings[2:])


@app.command(name="list")
def list_values(
    kind: TypeOption = None,
    source: SourceOption = "",
    actor: Annotated[str, typer.Option("--actor", metavar="NAME", help="Only those laid to this actor.")] = "",
    marking: Annotated[
        str, typer.Option("--marking", metavar="TLP", help="Only those whose strictest marking is this.")
    ] = "",
    contains: Annotated[
        str, typer.Option("--contains", metavar="TEXT", help="Only values with this text in them.")
    ] = "",
    patterns: Annotated[bool, typer.Option("--patterns", help="The patterns that aren't evaluated yet.")] = False,
    after: Annotated[int, typer.Option("--after", metavar="ID", help="Go on after this value id.")] = 0,
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """List live values by id, or the patterns that are kept and not evaluated yet."""
    from haechi.store.catalog import indicator_views

    most = 1_000_000_000 if as_jsonl or not limit else limit + 1
    with Home.open(find_home(home)).catalog().connect() as conn:
        if patterns:
            kept = [msgspec.to_builtins(one) for one in indicator_views.patterns(conn, most)]
            columns = {key: text(f"indicators.{key}") for key in ("source", "pattern_type", "reason", "pattern")}
            emit_rows("patterns", kept, columns=columns, limit=limit, as_json=as_json, as_jsonl=as_jsonl)
            return
        found = indicator_views.rows(
            conn,
            kind=kind,
            source=source,
            actor=actor,
            marking=_marking(marking),
            contains=contains,
            after=after,
            limit=most,
        )
    rows = [msgspec.to_builtins(row) for row in found]
    if not (as_json or as_jsonl):
        rows = [row | {"actors": ", ".join(row["actors"]), "known_at": formats.time(row["known_at"])} for row in rows]
    columns = {
        key: text(f"indicators.{key}")
        for key in ("id", "type", "text", "marking", "sources", "actors", "known_at", "warning")
    }
    emit_rows("indicators", rows, columns=columns, right=["id"], limit=limit, as_json=as_json, as_jsonl=as_jsonl)


@app.command()
def show(
    values: Annotated[list[str], typer.Argument(metavar="VALUE|ID...", help="As for `haechi lookup`.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show everything known about values and ids; the same as `haechi lookup`."""
    from haechi.cli.lookup import command

    command(values, home=home, as_json=as_json)


@app.command()
def expire(
    values: Annotated[list[str] | None, typer.Argument(metavar="VALUE...", help="Values to expire.")] = None,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help="Kept with what is closed.")] = "",
    source: Annotated[str, typer.Option("--source", metavar="NAME", help="Only this source's word.")] = "",
    outdated: Annotated[bool, typer.Option("--outdated", help="All whose validity has ended.")] = False,
    kind: TypeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close assertions: the values leave matching at the next batch, what was known stays known."""
    node = Home.open(find_home(home))
    if bool(values) == outdated:
        raise UsageError(text("indicators.expire_what"))
    if values and not why.strip():
        raise UsageError(text("indicators.expire_why"))
    closed = indicators.expire_outdated(node) if outdated else 0
    for value in values or ():
        closed += indicators.expire(node, value, why, source, kind)
    emit({"closed": closed}, as_json=as_json, table=lambda: text("indicators.expired", count=closed))


@app.command()
def verdict(
    value: Annotated[str, typer.Argument(metavar="VALUE", help="The value that is judged.")],
    said: Annotated[Said, typer.Argument(metavar="confirmed|false-positive", help="The judgement.")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help="What it rests on.")],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help="Who judged (else the user of this process).")] = "",
    kind: TypeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Judge a value. A false positive leaves matching until it is confirmed again; nothing is forgotten."""
    from getpass import getuser

    judged = indicators.verdict(Home.open(find_home(home)), value, said.value, evidence, by or getuser(), kind)
    emit(
        {"verdict": said.value, "values": [msgspec.to_builtins(one) for one in judged]},
        as_json=as_json,
        table=lambda: "\n".join(
            text("indicators.judged", text=one.text, type=one.type.value, verdict=said.value) for one in judged
        ),
    )


@app.command()
def stats(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Count what the catalog holds, and what is kept out of matching and why."""
    from haechi.store.catalog import indicator_views

    with Home.open(find_home(home)).catalog().connect() as conn:
        found = indicator_views.stats(conn)
    emit(found, as_json=as_json, table=lambda: _stats(found))
    if found["warning_listed"] and not as_json:
        note(text("indicators.kept_out", count=found["warning_listed"]))


def _stats(found: dict[str, Any]) -> tables.Table:
    rows: list[list[object]] = []
    for name, value in found.items():
        title = text(f"indicators.stats.{name}")
        if isinstance(value, dict):
            rows += [[title, key, formats.number(count)] for key, count in value.items()]
        else:
            rows.append([title, "", formats.number(value)])
    headings = [text("indicators.what"), "", text("indicators.count")]
    return tables.make(headings, rows, right=headings[2:])
