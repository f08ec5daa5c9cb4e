"""`haechi import`: a file that a peer wrote."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonOption, emit, note, progress
from haechi.messages.catalogue import text
from haechi.model.errors import BadInput
from haechi.node import airgap_import
from haechi.node.home import Home, find_home

HELP = text("help.import.command")


def command(
    file: Annotated[Path, typer.Argument(help=text("help.import.file"))],
    answer: Annotated[Path | None, typer.Option("--answer", metavar="FILE", help=text("help.import.answer"))] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take the file in and say what it brought."""
    node = Home.open(find_home(home))
    with progress(text("airgap.reading"), unit=text("airgap.rows"), quiet=as_json) as step:
        done = airgap_import.take(node, file, answer=answer, told=lambda rows, total: step(rows, total=total))
    said = msgspec.structs.asdict(done)
    id = "airgap.answered" if done.answer else "airgap.imported"
    emit(said, as_json=as_json, table=lambda: text(id, **said))
    if done.refused:
        if not as_json:
            note(text("airgap.refused", count=done.refused))
        raise typer.Exit(BadInput.exit_status)
