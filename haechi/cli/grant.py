"""`haechi grant`: who may get what of ours, and until when."""

import sys
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
    write_table,
)
from haechi.cli.release import counts
from haechi.formats.moment import micros
from haechi.messages.catalogue import text
from haechi.model import marking as markings
from haechi.model.errors import UsageError
from haechi.model.marking import Tlp
from haechi.model.release import Grant
from haechi.node import granting, release
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.report import table as tables
from haechi.store.catalog.grants import GrantRow

app = group(text("help.grant.command"))

Id = Annotated[str, typer.Argument(metavar="ID", help=text("help.grant.id"))]


@app.command(help=text("help.grant.add.command"))
def add(
    who: Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.grant.add.who"))],
    is_group: Annotated[bool, typer.Option("--group", help=text("help.grant.add.group"))] = False,
    types: Annotated[list[str] | None, typer.Option("--type", metavar="TYPE", help=text("help.grant.add.type"))] = None,
    campaigns: Annotated[
        list[str] | None, typer.Option("--campaign", metavar="NAME", help=text("help.grant.add.campaign"))
    ] = None,
    objects: Annotated[
        list[str] | None, typer.Option("--object", metavar="ID", help=text("help.grant.add.object"))
    ] = None,
    up_to: Annotated[str, typer.Option("--up-to", metavar="LABEL", help=text("help.grant.add.up_to"))] = "AMBER",
    fields: Annotated[
        list[str] | None, typer.Option("--victim-field", metavar="FIELD", help=text("help.grant.add.victim_field"))
    ] = None,
    begins: Annotated[str, typer.Option("--from", metavar="TIME", help=text("help.grant.add.from"))] = "",
    ends: Annotated[str, typer.Option("--until", metavar="TIME", help=text("help.grant.add.until"))] = "",
    yes: Annotated[bool, typer.Option("--yes", help=text("help.grant.add.yes"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a grant would release, and make it once a person says so."""
    node = Home.open(find_home(home))
    grant = granting.rule(
        node,
        who,
        is_group=is_group,
        types=types or (),
        campaigns=campaigns or (),
        objects=objects or (),
        up_to=_label(up_to),
        victim_fields=fields or (),
        begins=micros(begins) if begins else None,
        ends=micros(ends) if ends else None,
    )
    if not yes:
        _ask(node, grant, as_json=as_json)
    made = granting.add(node, grant)
    said = "grant.made" if made.approved_at is not None else "grant.waits"
    emit(_document(made, who), as_json=as_json, table=lambda: text(said, id=made.grant.id, name=who))


def _label(given: str) -> Tlp:
    found = markings.parse_tlp(given)
    if found is Tlp.RED and "RED" not in given.upper():
        raise UsageError("indicators.no_marking", label=given)
    return found


def _ask(node: Home, grant: Grant, *, as_json: bool) -> None:
    """What would leave under it, then the question; without a terminal nobody can be asked."""
    if as_json or not sys.stdin.isatty():
        raise UsageError("grant.nobody_to_ask")
    approved = msgspec.structs.replace(grant, approved=True)
    for uuid in granting.named(node, grant):
        write_table(counts(release.preview(node, uuid, [approved])))
    if not typer.confirm(text("grant.ask")):
        note(text("grant.not_made"))
        raise typer.Exit(1)


@app.command(help=text("help.grant.approve.command"))
def approve(id: Id, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """A second person's word on a grant."""
    found = granting.approve(Home.open(find_home(home)), id)
    emit(_document(found, ""), as_json=as_json, table=lambda: text("grant.approved", id=found.grant.id))


@app.command(help=text("help.grant.withdraw.command"))
def withdraw(id: Id, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a grant."""
    found = granting.withdraw(Home.open(find_home(home)), id)
    emit(_document(found, ""), as_json=as_json, table=lambda: text("grant.withdrawn", id=found.grant.id))


@app.command(name="list", help=text("help.grant.list.command"))
def list_grants(
    every: Annotated[bool, typer.Option("--all", help=text("help.grant.list.all"))] = False,
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the grants in the order they were made."""
    found = granting.every(Home.open(find_home(home)), withdrawn=every)
    documents = (_document(row, name) for row, name in found)
    rows = documents if as_json or as_jsonl else (_row(row, name) for row, name in found)
    keys = ("id", "name", "what", "up_to", "ends", "made_by", "state")
    columns = {key: text(f"grant.heading.{key}") for key in keys}
    emit_rows("grants", rows, columns=columns, limit=limit, as_json=as_json, as_jsonl=as_jsonl)


def _document(row: GrantRow, name: str) -> dict[str, Any]:
    grant = row.grant
    return {
        "id": grant.id,
        "name": name,
        "recipient": grant.recipient,
        "group": grant.group,
        "types": sorted(grant.types),
        "campaigns": sorted(grant.campaigns),
        "objects": sorted(grant.objects),
        "up_to": grant.up_to.label,
        "victim_fields": sorted(grant.victim_fields),
        "begins": grant.begins,
        "ends": grant.ends,
        "made_at": row.made_at,
        "made_by": row.made_by,
        "approved_at": row.approved_at,
        "approved_by": row.approved_by,
        "withdrawn_at": row.withdrawn_at,
    }


def _row(row: GrantRow, name: str) -> dict[str, Any]:
    grant = row.grant
    parts = [*sorted(grant.types), *sorted(grant.campaigns), *sorted(grant.objects), *sorted(grant.victim_fields)]
    withdrawn, approved = row.withdrawn_at is not None, row.approved_at is not None
    state = "withdrawn" if withdrawn else "in_force" if approved else "waiting"
    return {
        "id": grant.id[:8],
        "name": tables.printable(name),
        "what": ", ".join(parts) or text("grant.everything"),
        "up_to": grant.up_to.label,
        "ends": formats.time(grant.ends) if grant.ends is not None else text("grant.no_end"),
        "made_by": row.made_by,
        "state": text(f"grant.state.{state}"),
    }
