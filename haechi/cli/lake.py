"""`haechi lake`: what the event store holds, whether it is whole, and its upkeep."""

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit, emit_rows, group, note
from haechi.messages.catalogue import text
from haechi.model.errors import NotVerified
from haechi.node import lake
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.report import table as tables
from haechi.store.lake import Lake, contents
from haechi.store.lake.maintain import LONGEST_BATCH_HOURS

app = group(text("help.lake.command"))

_COLUMNS = ("kind", "day", "rows", "files", "bytes", "first", "last")


@app.command(help=text("help.lake.stats.command"))
def stats(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write what the log says is there, a row for each kind and day."""
    parts = map(msgspec.structs.asdict, contents.stats(Lake(Home.open(find_home(home)).lake_path)))
    moment = formats.iso if as_json or as_jsonl else formats.time
    rows = [
        {**part, **{name: None if part[name] is None else moment(part[name]) for name in ("first", "last")}}
        for part in parts
    ]
    if not (as_json or as_jsonl):
        rows = [{**row, "rows": formats.number(row["rows"]), "bytes": formats.size(row["bytes"])} for row in rows]
    columns = {name: text(f"lake.{name}") for name in _COLUMNS}
    right = ["rows", "files", "bytes"]
    emit_rows("parts", rows, columns=columns, right=right, limit=limit, as_json=as_json, as_jsonl=as_jsonl)


@app.command(help=text("help.lake.check.command"))
def check(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Read every file and write which aren't what the log says."""
    opened = Lake(Home.open(find_home(home)).lake_path)
    parts = contents.stats(opened)
    files, rows = sum(part.files for part in parts), sum(part.rows for part in parts)
    told = [{"path": str(one.path), "why": str(one.why)} for one in contents.check(opened)]
    emit(
        {"whole": not told, "files": files, "rows": rows, "damaged": told},
        as_json=as_json,
        table=lambda: _damage(told) if told else text("lake.whole", files=files, rows=rows),
    )
    if told:
        if not as_json:
            note(text("lake.damaged", count=len(told), files=files, path=opened.path))
        raise typer.Exit(NotVerified.exit_status)


def _damage(told: list[dict[str, str]]) -> tables.Table:
    headings = [text("lake.path"), text("lake.why")]
    return tables.make(headings, [[one["path"], one["why"]] for one in told])


@app.command(help=text("help.lake.compact.command"))
def compact(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Join the small files of closed days."""
    removed = lake.compact(Home.open(find_home(home)))
    emit(
        {"removed": removed},
        as_json=as_json,
        table=lambda: text("lake.compacted", removed=removed, hours=LONGEST_BATCH_HOURS),
    )


@app.command(help=text("help.lake.vacuum.command", hours=LONGEST_BATCH_HOURS))
def vacuum(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Delete what nothing names any more."""
    freed = lake.vacuum(Home.open(find_home(home)))
    emit(freed, as_json=as_json, table=lambda: text("lake.vacuumed", files=freed.files, size=formats.size(freed.bytes)))
