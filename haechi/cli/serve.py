"""`haechi serve`: the TAXII 2.1 server and the API for peers."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.output import HomeOption, JsonOption, emit
from haechi.messages.catalogue import text
from haechi.node.home import Home, find_home

HELP = text("help.serve.command")


def command(
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help=text("help.serve.host"))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help=text("help.serve.port"))] = 8585,
    unix: Annotated[Path | None, typer.Option("--unix", metavar="PATH", help=text("help.serve.unix"))] = None,
    tls: Annotated[bool, typer.Option("--tls", help=text("help.serve.tls"))] = False,
    behind_proxy: Annotated[bool, typer.Option("--behind-proxy", help=text("help.serve.behind_proxy"))] = False,
    access_log: Annotated[
        Path | None, typer.Option("--access-log", metavar="FILE", help=text("help.serve.access_log"))
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve until a signal ends it; where it listens is written once it does."""
    from haechi.web import server
    from haechi.web.server import Place

    place = Place(host=host, port=port, unix=unix, tls=tls, behind_proxy=behind_proxy)

    def started() -> None:
        emit({"url": place.url}, as_json=as_json, table=lambda: text("taxii.serving", url=place.url))
        sys.stdout.flush()

    opened = Home.open(find_home(home))
    try:
        server.serve(opened, place, started=started, access_log=access_log)
    finally:
        opened.close()
