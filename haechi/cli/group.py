"""`haechi group`: sharing groups, sets of parties that a grant can name at once."""

from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit, emit_rows, group
from haechi.messages.catalogue import text
from haechi.node import granting
from haechi.node.home import Home, find_home
from haechi.report import table as tables

app = group(text("help.group.command"))

MemberOption = Annotated[
    list[str] | None, typer.Option("--member", metavar="NAME|UUID", help=text("help.group.member"))
]
Who = Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.group.who"))]


@app.command(help=text("help.group.add.command"))
def add(
    name: Annotated[str, typer.Argument(help=text("help.group.add.name"))],
    member: MemberOption = None,
    uuid: Annotated[str, typer.Option("--uuid", metavar="UUID", help=text("help.group.add.uuid"))] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a group, or add members to one."""
    made = granting.add_group(Home.open(find_home(home)), name, member or [], uuid)
    document = {"uuid": made.uuid, "name": made.name, "members": list(made.members)}
    count = len(made.members)
    emit(
        document,
        as_json=as_json,
        table=lambda: text("group.made", name=made.name, uuid=made.uuid, count=count),
    )


@app.command(help=text("help.group.remove.command"))
def remove(who: Who, member: MemberOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Take members out of a group, or the group away."""
    gone = granting.remove_group(Home.open(find_home(home)), who, member or [])
    said = "group.less" if member else "group.removed"
    emit({"uuid": gone.uuid, "name": gone.name}, as_json=as_json, table=lambda: text(said, name=gone.name))


@app.command(name="list", help=text("help.group.list.command"))
def list_groups(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write the groups by name."""
    rows: list[dict[str, Any]] = []
    for row, names in granting.groups(Home.open(find_home(home))):
        shown: Any = list(row.members) if as_json or as_jsonl else tables.printable(", ".join(names))
        rows.append({"name": row.name, "uuid": row.uuid, "members": shown})
    columns = {key: text(f"group.{key}") for key in ("name", "uuid", "members")}
    emit_rows("groups", rows, columns=columns, limit=limit, as_json=as_json, as_jsonl=as_jsonl)
