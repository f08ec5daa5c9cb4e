"""`haechi audit`: the node's own log of what was done."""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit, emit_rows, group, note
from haechi.messages.catalogue import text
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.node import audit
from haechi.node.home import Home, find_home
from haechi.report import format as formats
from haechi.store.audit import Checkpoint

app = group(text("help.audit.command"))

KnownOption = Annotated[Path | None, typer.Option("--known", metavar="FILE", help=text("help.audit.verify.known"))]
MOST = 10_000_000  # bytes of a file of checkpoints: some 30,000 of them


@app.command(help=text("help.audit.verify.command"))
def verify(known: KnownOption = None, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Check the log, and that the checkpoints of `known` fit it."""
    node = Home.open(find_home(home))
    found = audit.verify(node, _checkpoints(known) if known else ())
    emit(
        {"verified": True, **msgspec.structs.asdict(found)},
        as_json=as_json,
        table=lambda: text("audit.holds", entries=found.entries, signed=found.signed, checkpoints=found.checkpoints),
    )
    if as_json:
        return
    if found.signed < found.entries:
        note(text("audit.unsigned", first=found.signed + 1, last=found.entries))
    if known is None:
        note(text("audit.not_known"))


@app.command(name="list", help=text("help.audit.list.command"))
def list_entries(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write the entries, newest first, unchecked."""
    entries = list(Home.open(find_home(home)).audit().entries())
    rows = [
        {
            **msgspec.structs.asdict(entry),
            "at": formats.time(entry.at) if not (as_json or as_jsonl) else formats.iso(entry.at),
        }
        for entry in reversed(entries)
    ]
    columns = {key: text(f"audit.{key}") for key in ("seq", "at", "actor", "action", "subject")}
    emit_rows("entries", rows, columns=columns, right=["seq"], limit=limit, as_json=as_json, as_jsonl=as_jsonl)


@app.command(help=text("help.audit.checkpoint.command"))
def checkpoint(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Sign the log as it is now and write the checkpoint."""
    made = Home.open(find_home(home)).audit().checkpoint()
    emit(made, as_json=as_json, table=lambda: msgspec.json.encode(made).decode())


def _checkpoints(path: Path) -> tuple[Checkpoint, ...]:
    """The checkpoints in a file, each on a line or indented; `BadInput` naming the line where one begins that is none."""
    with path.open("rb") as file:
        content = file.read(MOST).decode(errors="replace").rstrip()
    found, decoder = [], json.JSONDecoder()
    at = len(content) - len(content.lstrip())
    while at < len(content):
        try:
            document, end = decoder.raw_decode(content, at)
            found.append(msgspec.convert(document, Checkpoint))
        except (ValueError, RecursionError) as error:
            place = Location(path=str(path), line=content.count("\n", 0, at) + 1)
            raise BadInput("audit.no_checkpoint", location=place) from error
        at = end + len(content[end:]) - len(content[end:].lstrip())
    return tuple(found)
