"""`haechi export`: what a peer is given, as a file."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonOption, emit, progress
from haechi.messages.catalogue import text
from haechi.node import airgap_export
from haechi.node.home import Home, find_home

HELP = text("help.export.command")


def command(
    file: Annotated[Path, typer.Argument(help=text("help.export.file"))],
    to: Annotated[str, typer.Option("--to", metavar="NAME|UUID", help=text("help.export.to"))],
    every: Annotated[bool, typer.Option("--all", help=text("help.export.every"))] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the file and say what is in it."""
    node = Home.open(find_home(home))
    with progress(text("airgap.writing"), unit=text("airgap.rows"), quiet=as_json) as step:
        done = airgap_export.export(node, to, file, every=every, told=step)
    said = msgspec.structs.asdict(done)
    emit({"file": str(file), **said}, as_json=as_json, table=lambda: text("airgap.exported", file=file, **said))
