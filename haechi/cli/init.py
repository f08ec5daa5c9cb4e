"""`haechi init`: the home folder of a new node."""

from pathlib import Path
from shlex import quote
from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonOption, emit
from haechi.messages.catalogue import text
from haechi.model.clock import SystemClock
from haechi.model.party import SECTORS
from haechi.node.home import Home, find_home

HELP = text("help.init.command")

HomeArgument = Annotated[Path | None, typer.Argument(metavar="HOME", help=text("help.init.home"))]
PartyOption = Annotated[str, typer.Option("--party", metavar="NAME", help=text("help.init.party"))]
CountryOption = Annotated[str, typer.Option("--country", metavar="CODE", help=text("help.init.country"))]
SectorOption = Annotated[
    str, typer.Option("--sector", metavar="SECTOR", help=text("help.sector", sectors=", ".join(SECTORS)))
]
DatabaseOption = Annotated[str | None, typer.Option("--database", metavar="URL", help=text("help.init.database"))]


def command(
    party: PartyOption,
    country: CountryOption,
    folder: HomeArgument = None,
    sector: SectorOption = "government",
    database: DatabaseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the home and write what it is."""
    path = folder or find_home(home)
    made = Home.init(path, party=party, country=country, sector=sector, clock=SystemClock(), database=database)
    config = made.config
    document: dict[str, Any] = {
        "home": made.path,
        "node": config.node,
        "party": config.party,
        "country": config.country,
        "sector": config.sector,
        "catalog": "postgresql" if config.database else "sqlite",
    }
    made.close()
    emit(document, as_json=as_json, table=lambda: text("init.done", **document, quoted=quote(str(made.path))))
