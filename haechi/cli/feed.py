"""`haechi feed`: what this node pulls from others' servers."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.failure import error_document
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
from haechi.messages.catalogue import text
from haechi.model import marking as markings
from haechi.model.errors import BadInput, UsageError
from haechi.model.marking import Tlp
from haechi.node import feed as feeds
from haechi.node import feed_run
from haechi.node.feed import Kind, Login
from haechi.node.feed_run import Ran
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.report import table as tables
from haechi.store.catalog.feeds import FeedRow

app = group(text("help.feed.command"))

_COUNTS = ("pages", "objects", "added", "unchanged", "closed", "context", "refused_count")


@app.command(help=text("help.feed.add.command"))
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help=text("help.feed.add.url"))],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help=text("help.feed.add.name"))],
    kind: Annotated[Kind, typer.Option("--kind", help=text("help.feed.add.kind"))] = Kind.TAXII,
    collection: Annotated[str, typer.Option("--collection", metavar="ID", help=text("help.feed.add.collection"))] = "",
    username: Annotated[str, typer.Option("--username", metavar="NAME", help=text("help.feed.add.username"))] = "",
    password_file: Annotated[
        Path | None, typer.Option("--password-file", metavar="FILE", help=text("help.feed.add.password_file"))
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help=text("help.feed.add.token_file"))
    ] = None,
    marking: Annotated[str, typer.Option("--marking", metavar="TLP", help=text("help.feed.add.marking"))] = "",
    allow_private: Annotated[bool, typer.Option("--allow-private", help=text("help.feed.add.allow_private"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a feed and write it."""
    added = feeds.add(
        Home.open(find_home(home)),
        url,
        name=name,
        kind=kind,
        collection=collection,
        login=Login(username=username, password_file=password_file, token_file=token_file),
        marking=_marking(marking),
        allow_private=allow_private,
    )
    emit(_document(added), as_json=as_json, table=lambda: text("feed.added_one", name=added.name))


def _marking(label: str) -> Tlp | None:
    if not label:
        return None
    found = markings.parse_tlp(label)
    if found is Tlp.RED and "RED" not in label.upper():
        raise UsageError("indicators.no_marking", label=label)
    return found


@app.command(name="list", help=text("help.feed.list.command"))
def list_feeds(
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the feeds by name."""
    known = feeds.every(Home.open(find_home(home)))
    rows = [_document(one) for one in known]
    if not (as_json or as_jsonl):
        rows = [row | {key: _time(row[key]) for key in ("tried", "done")} for row in rows]
    columns = {key: text(f"feed.{key}") for key in ("name", "kind", "url", "collection", "tried", "done", "failures")}
    emit_rows("feeds", rows, columns=columns, right=["failures"], limit=limit, as_json=as_json, as_jsonl=as_jsonl)


def _time(at: int | None) -> str:
    return "" if at is None else formats.time(at)


def _document(feed: FeedRow) -> dict[str, Any]:
    """A feed as it is shown: where it is and how it goes, never its login's secret."""
    return {
        "name": feed.name,
        "kind": feed.kind,
        "url": feed.url,
        "collection": feed.collection,
        "username": feed.username,
        "tried": feed.tried_at,
        "done": feed.done_at,
        "failures": feed.failures,
    }


@app.command(help=text("help.feed.run.command"))
def run(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help=text("help.feed.run.name"))] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pull and write what came of each feed."""
    with progress(text("feed.label"), unit=text("feed.unit"), quiet=as_json) as step:
        told = feed_run.run(Home.open(find_home(home)), name, progress=lambda feed, objects: step(objects, remark=feed))
    emit({"feeds": [_ran(one) for one in told]}, as_json=as_json, table=lambda: _told(told))
    failed = [one.error for one in told if one.error is not None]
    if not as_json:
        tell_refusals([refused for one in told for refused in one.refused])
        for error in failed:
            note(text("error.line", reason=error))
    if failed:
        raise typer.Exit(max(error.exit_status for error in failed))
    if any(one.bad for one in told):
        raise typer.Exit(BadInput.exit_status)


def _ran(one: Ran) -> dict[str, Any]:
    told = msgspec.structs.asdict(one)
    error = None if one.error is None else error_document(one.error)["error"]
    return told | {"refused": refusal_documents(one.refused), "error": error}


def _told(told: list[Ran]) -> tables.Table:
    headings = [text(f"feed.{key}") for key in ("name", *_COUNTS, "outcome")]
    rows = [
        [
            one.feed,
            *(formats.number(getattr(one, key)) for key in _COUNTS),
            text("feed.ok") if one.error is None else text("feed.broke_off"),
        ]
        for one in told
    ]
    return tables.make(headings, rows, right=headings[1:-1])


@app.command(help=text("help.feed.remove.command"))
def remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help=text("help.feed.remove.name"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget a feed."""
    feeds.remove(Home.open(find_home(home)), name)
    emit({"removed": name}, as_json=as_json, table=lambda: text("feed.removed", name=name))
