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
    progress,
    refusal_documents,
    tell_refusals,
)
from haechi.formats import moment
from haechi.formats.detectformat import Format
from haechi.messages.catalogue import text
from haechi.model import marking as markings
from haechi.model.errors import BadInput, UsageError
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.node import indicators
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.report import table as tables

app = group(text("help.indicators.command"))


class Said(StrEnum):
    """The verdicts."""

    CONFIRMED = "confirmed"
    FALSE_POSITIVE = "false-positive"


TypeOption = Annotated[ValueType | None, typer.Option("--type", help=text("help.indicators.type"))]
SourceOption = Annotated[str, typer.Option("--source", metavar="NAME", help=text("help.indicators.list.source"))]


@app.command(help=text("help.indicators.add.command"))
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE|FOLDER|-...", help=text("help.indicators.add.files"))],
    source: Annotated[str, typer.Option("--source", metavar="NAME", help=text("help.indicators.add.source"))] = "",
    marking: Annotated[str, typer.Option("--marking", metavar="TLP", help=text("help.indicators.add.marking"))] = "",
    known_at: Annotated[
        str, typer.Option("--known-at", metavar="TIME", help=text("help.indicators.add.known_at"))
    ] = "",
    known_why: Annotated[
        str, typer.Option("--known-why", metavar="REASON", help=text("help.indicators.add.known_why"))
    ] = "",
    replace: Annotated[bool, typer.Option("--replace", help=text("help.indicators.add.replace"))] = False,
    own: Annotated[bool, typer.Option("--own", help=text("help.indicators.add.own"))] = False,
    kind: TypeOption = None,
    actor: Annotated[
        list[str] | None, typer.Option("--actor", metavar="NAME", help=text("help.indicators.add.actor"))
    ] = None,
    format: Annotated[Format | None, typer.Option("--format", help=text("help.indicators.add.format"))] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add the files and write what came of each."""
    with progress(text("indicators.label"), unit="bytes", quiet=as_json) as step:
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
            own=own,
            progress=lambda done, total: step(done, total=total),
        )
    refused = [one for file in told for one in file.refused]
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
        raise UsageError("indicators.no_marking", label=label)
    return found


def _added(file: indicators.Added) -> dict[str, Any]:
    told = msgspec.structs.asdict(file)
    return told | {"why": str(file.why or ""), "refused": refusal_documents(file.refused)}


def _told(told: list[indicators.Added]) -> tables.Table:
    keys = ("added", "unchanged", "closed", "patterns", "context", "warning_listed", "refused_count")
    headings = [text(f"indicators.{name}") for name in ("file", "format", *keys)]
    rows = [[Path(f.path).name, _format(f), *(formats.number(getattr(f, key)) for key in keys)] for f in told]
    if len(told) > 1:
        rows.append([text("indicators.all"), "", *(formats.number(sum(getattr(f, key) for f in told)) for key in keys)])
    return tables.make(headings, rows, right=headings[2:])


def _format(file: indicators.Added) -> str:
    return text("indicators.skipped") if file.format == indicators.SKIPPED else file.format


@app.command(name="list", help=text("help.indicators.list.command"))
def list_values(
    kind: TypeOption = None,
    source: SourceOption = "",
    actor: Annotated[str, typer.Option("--actor", metavar="NAME", help=text("help.indicators.list.actor"))] = "",
    marking: Annotated[str, typer.Option("--marking", metavar="TLP", help=text("help.indicators.list.marking"))] = "",
    contains: Annotated[
        str, typer.Option("--contains", metavar="TEXT", help=text("help.indicators.list.contains"))
    ] = "",
    patterns: Annotated[bool, typer.Option("--patterns", help=text("help.indicators.list.patterns"))] = False,
    after: Annotated[int, typer.Option("--after", metavar="ID", help=text("help.indicators.list.after"))] = 0,
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the live values that fit, or the patterns."""
    from haechi.cli.lookup import pattern_document
    from haechi.store.catalog import indicator_views

    most = 1_000_000_000 if as_jsonl or not limit else limit + 1
    wanted: dict[str, Any] = {
        "kind": kind,
        "source": source,
        "actor": actor,
        "marking": _marking(marking),
        "contains": contains,
    }
    with Home.open(find_home(home)).catalog().connect() as conn:
        if patterns:
            kept = list(map(pattern_document, indicator_views.patterns(conn, most)))
            columns = {key: text(f"indicators.{key}") for key in ("source", "pattern_type", "reason", "pattern")}
            total = indicator_views.count_patterns(conn)
            emit_rows("patterns", kept, columns=columns, total=total, limit=limit, as_json=as_json, as_jsonl=as_jsonl)
            return
        if as_jsonl:
            every = indicator_views.every(conn, after=after, **wanted)
            emit_rows("indicators", map(msgspec.to_builtins, every), columns={}, as_jsonl=True)
            return
        found = indicator_views.rows(conn, after=after, limit=most, **wanted)
    rows = [msgspec.to_builtins(row) for row in found]
    if not as_json:
        rows = [row | {"actors": ", ".join(row["actors"]), "known_at": formats.time(row["known_at"])} for row in rows]
    columns = {
        key: text(f"indicators.{key}")
        for key in ("id", "type", "text", "marking", "sources", "actors", "known_at", "warning")
    }
    emit_rows("indicators", rows, columns=columns, right=["id"], limit=limit, as_json=as_json, counted=False)


@app.command(help=text("help.indicators.show.command"))
def show(
    values: Annotated[list[str], typer.Argument(metavar="VALUE|ID...", help=text("help.indicators.show.values"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look the values up."""
    from haechi.cli.lookup import command

    command(values, home=home, as_json=as_json)


@app.command(help=text("help.indicators.expire.command"))
def expire(
    values: Annotated[
        list[str] | None, typer.Argument(metavar="VALUE...", help=text("help.indicators.expire.values"))
    ] = None,
    why: Annotated[str, typer.Option("--why", metavar="REASON", help=text("help.indicators.expire.why"))] = "",
    source: Annotated[str, typer.Option("--source", metavar="NAME", help=text("help.indicators.expire.source"))] = "",
    outdated: Annotated[bool, typer.Option("--outdated", help=text("help.indicators.expire.outdated"))] = False,
    kind: TypeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Close the values' assertions, or all that are outdated."""
    node = Home.open(find_home(home))
    if bool(values) == outdated:
        raise UsageError("indicators.expire_what")
    if values and not why.strip():
        raise UsageError("indicators.expire_why")
    closed = indicators.expire_outdated(node) if outdated else 0
    for value in values or ():
        closed += indicators.expire(node, value, why, source, kind)
    emit({"closed": closed}, as_json=as_json, table=lambda: text("indicators.expired", count=closed))


@app.command(help=text("help.indicators.verdict.command"))
def verdict(
    value: Annotated[str, typer.Argument(metavar="VALUE", help=text("help.indicators.verdict.value"))],
    said: Annotated[
        Said, typer.Argument(metavar="confirmed|false-positive", help=text("help.indicators.verdict.said"))
    ],
    evidence: Annotated[str, typer.Option("--evidence", metavar="TEXT", help=text("help.indicators.verdict.evidence"))],
    by: Annotated[str, typer.Option("--by", metavar="NAME", help=text("help.indicators.verdict.by"))] = "",
    kind: TypeOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Keep a verdict on a value."""
    from getpass import getuser

    judged = indicators.verdict(Home.open(find_home(home)), value, said.value, evidence, by or getuser(), kind)
    emit(
        {"verdict": said.value, "values": [msgspec.to_builtins(one) for one in judged]},
        as_json=as_json,
        table=lambda: "\n".join(
            text("indicators.judged", text=one.text, type=one.type.value, verdict=said.value) for one in judged
        ),
    )


@app.command(help=text("help.indicators.stats.command"))
def stats(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Write the catalog's counts."""
    from haechi.store.catalog import indicator_views

    with Home.open(find_home(home)).catalog().connect() as conn:
        found = indicator_views.stats(conn)
    emit(found, as_json=as_json, table=lambda: _stats(found))
    if found["warning_listed"] and not as_json:
        note(text("indicators.kept_out", count=found["warning_listed"]))


@app.command(help=text("help.indicators.sources.command"))
def sources(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write each source with how far its word holds."""
    from haechi.store.catalog import foreign_sightings

    with Home.open(find_home(home)).catalog().connect() as conn:
        found = foreign_sightings.trust(conn)
    rows = [msgspec.to_builtins(one) | {"marking": one.marking.label} for one in found]
    if not (as_json or as_jsonl):
        rows = [row | {"own": text("indicators.yes") if row["own"] else ""} for row in rows]
    columns = {
        key: text(f"indicators.{key}") for key in ("source", "own", "marking", "assertions", "confirmed", "refuted")
    }
    emit_rows(
        "sources", rows, columns=columns, right=["assertions", "confirmed", "refuted"], total=len(rows), limit=limit,
        as_json=as_json, as_jsonl=as_jsonl,
    )  # fmt: skip


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
