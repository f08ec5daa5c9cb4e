"""`haechi init`: the home folder of a new node."""

from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonOption, emit
from haechi.model.clock import SystemClock
from haechi.model.party import SECTORS
from haechi.node.home import Home, find_home
from haechi.report.messages import text

HomeArgument = Annotated[
    Path | None, typer.Argument(metavar="HOME", help="The folder to make; else --home, HAECHI_HOME or ~/.haechi.")
]
PartyOption = Annotated[str, typer.Option("--party", metavar="NAME", help="The organisation that runs the node.")]
CountryOption = Annotated[str, typer.Option("--country", metavar="CODE", help="Its country, ISO 3166-1: TW or KR.")]
SectorOption = Annotated[str, typer.Option("--sector", metavar="SECTOR", help=f"One of {', '.join(SECTORS)}.")]
DatabaseOption = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="postgresql://USER@HOST/NAME; else SQLite in the home folder."),
]


def command(
    party: PartyOption,
    country: CountryOption,
    folder: HomeArgument = None,
    sector: SectorOption = "government",
    database: DatabaseOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the home folder of a new node, with its key, catalog and audit log, and register the party that runs it."""
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
    emit(document, as_json=as_json, table=lambda: text("init.done", **document))
