"""`haechi release`: what would leave for a recipient, what not and why; and let it leave."""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonOption, emit, group, progress
from haechi.messages.catalogue import text
from haechi.node import release
from haechi.node.home import Home, find_home
from haechi.node.release import Explained, Line
from haechi.report import table as tables
from haechi.store.catalog import recipients

app = group(text("help.release.command"))

Who = Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.release.who"))]


@app.command(help=text("help.release.preview.command"))
def preview(who: Who, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Write what a release would do, by type, label and reason."""
    lines = release.preview(Home.open(find_home(home)), who)
    document = {"lines": [_line(one) for one in lines]}
    emit(document, as_json=as_json, table=lambda: counts(lines))


def counts(lines: Sequence[Line]) -> tables.Table:
    """The lines of a preview as a table."""
    keys = ("action", "count", "type", "marking", "why")
    rows = [[text(f"release.action.{one.action}"), f"{one.count:,}", one.type, one.marking, _why(one)] for one in lines]
    headings = [text(f"release.heading.{key}") for key in keys]
    return tables.make(headings, rows, right=headings[1:2])


def _why(line: Line) -> str:
    return "; ".join(map(str, line.reasons))


def _line(line: Line) -> dict[str, Any]:
    fields = {"action": line.action, "type": line.type, "marking": line.marking, "count": line.count}
    return {**fields, "ids": [one.id for one in line.reasons], "reason": _why(line)}


@app.command(help=text("help.release.explain.command"))
def explain(
    id: Annotated[str, typer.Argument(metavar="ID|VALUE", help=text("help.release.explain.id"))],
    who: Who,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write why one object leaves or not."""
    found = release.explain(Home.open(find_home(home)), id, who)
    documents = [{**msgspec.structs.asdict(one), "reason": str(one.reason), "why": one.reason.id} for one in found]
    emit({"objects": documents}, as_json=as_json, table=lambda: "\n".join(_told(one) for one in found))


def _told(one: Explained) -> str:
    lines = [
        tables.printable(text("release.object", id=one.object_id, type=one.type, label=one.marking, source=one.source)),
        text("release.leaves" if one.allowed else "release.stays", reason=one.reason),
        text("release.has" if one.has else "release.has_not"),
    ]
    if one.victim_fields:
        kept = sorted(set(one.victim_fields) - set(one.granted_fields))
        granted, named = ", ".join(one.granted_fields) or "-", ", ".join(kept) or "-"
        lines.append(text("release.fields", granted=granted, pseudonyms=named))
    return "\n  ".join(lines)


@app.command(help=text("help.release.run.command"))
def run(
    who: Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.release.run.who"))] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring slices of the ledger up to date."""
    node = Home.open(find_home(home))
    with progress(text("release.running"), quiet=as_json):
        if who:
            with node.catalog().connect() as conn:
                recipient = recipients.find(conn, who)
            done = [(recipient, release.run(node, recipient))]
        else:
            done = release.run_all(node)
    rows = [
        {"name": recipient.name, "uuid": recipient.uuid, **msgspec.structs.asdict(written)}
        for recipient, written in done
    ]
    keys = ("name", "released", "superseded", "withdrawn")
    headings = [text(f"release.heading.{key}") for key in keys]
    shown = [[row[key] for key in keys] for row in rows]
    emit({"recipients": rows}, as_json=as_json, table=lambda: tables.make(headings, shown, right=headings[1:]))
