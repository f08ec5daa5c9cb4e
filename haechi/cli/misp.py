"""`haechi misp`: feeds that MISP reads."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonOption, emit, group, progress
from haechi.messages.catalogue import text
from haechi.node import mispfeed
from haechi.node.home import Home, find_home

app = group(text("help.misp.command"))


@app.callback()
def _several() -> None:
    """Keeps `export` a word of its own, beside which others may come."""


@app.command(help=text("help.misp.export.command"))
def export(
    recipient: Annotated[str, typer.Argument(metavar="RECIPIENT", help=text("help.misp.export.recipient"))],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help=text("help.misp.export.folder"))],
    hashes: Annotated[bool, typer.Option("--hashes", help=text("help.misp.export.hashes"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the feed and what is in it."""
    with progress(text("misp.label"), unit=text("misp.unit"), quiet=as_json) as step:
        done = mispfeed.export(
            Home.open(find_home(home)),
            recipient,
            folder,
            hashes=hashes,
            progress=lambda written, total: step(written, total=total),
        )
    told: dict[str, Any] = {"events": done.events, "attributes": done.attributes, "removed": done.removed}
    emit(
        msgspec.to_builtins(done),
        as_json=as_json,
        table=lambda: text("misp.exported", name=recipient, folder=done.folder, **told),
    )
