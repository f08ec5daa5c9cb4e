"""`haechi parties`: who owns which network."""

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.output import (
    HomeOption,
    JsonlOption,
    JsonOption,
    LimitOption,
    emit,
    emit_rows,
    group,
    refusal_documents,
    tell_refusals,
)
from haechi.messages.catalogue import text
from haechi.model.errors import BadInput
from haechi.model.party import SECTORS, Party
from haechi.node import parties
from haechi.node.home import Home, find_home
from haechi.store.catalog import ownership

app = group(text("help.parties.command"))

NetworkOption = Annotated[
    list[str] | None, typer.Option("--network", metavar="CIDR", help=text("help.parties.add.network"))
]
AsnOption = Annotated[list[str] | None, typer.Option("--asn", metavar="NUMBER", help=text("help.parties.add.asn"))]
DomainOption = Annotated[
    list[str] | None, typer.Option("--domain", metavar="NAME", help=text("help.parties.add.domain"))
]


@app.command(help=text("help.parties.add.command"))
def add(
    name: Annotated[str, typer.Argument(help=text("help.parties.add.name"))],
    country: Annotated[str, typer.Option("--country", metavar="CODE", help=text("help.parties.add.country"))],
    sector: Annotated[
        str, typer.Option("--sector", metavar="SECTOR", help=text("help.sector", sectors=", ".join(SECTORS)))
    ],
    network: NetworkOption = None,
    asn: AsnOption = None,
    domain: DomainOption = None,
    contact: Annotated[str, typer.Option("--contact", metavar="TEXT", help=text("help.parties.add.contact"))] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a party and write it."""
    added = parties.add(
        Home.open(find_home(home)),
        name=name,
        country=country,
        sector=sector,
        networks=network or (),
        asns=asn or (),
        domains=domain or (),
        contact=contact,
    )
    emit(_document(added), as_json=as_json, table=lambda: text("parties.added", id=added.id, name=added.name))


@app.command(name="import", help=text("help.parties.import.command"))
def import_file(
    file: Annotated[Path, typer.Argument(metavar="FILE|-", help=text("help.parties.import.file"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Import a CSV file and write how many parties it added and changed."""
    node = Home.open(find_home(home))
    if str(file) == "-":
        done = parties.import_csv(node, sys.stdin.buffer, text("parties.stdin"))
    else:
        done = parties.import_file(node, file)
    counts: dict[str, Any] = {"added": done.added, "updated": done.updated, "unchanged": done.unchanged}
    document = {**counts, "refused": refusal_documents(done.refused)}
    emit(document, as_json=as_json, table=lambda: text("parties.imported", **counts, refused=len(done.refused)))
    if done.refused:
        if not as_json:
            tell_refusals(done.refused)
        raise typer.Exit(BadInput.exit_status)


@app.command(name="list", help=text("help.parties.list.command"))
def list_parties(
    country: Annotated[str, typer.Option("--country", metavar="CODE", help=text("help.parties.list.country"))] = "",
    sector: Annotated[str, typer.Option("--sector", metavar="SECTOR", help=text("help.parties.list.sector"))] = "",
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the parties of a country and sector."""
    country = ownership.country(country) if country else ""
    sector = ownership.sector(sector) if sector else ""
    known = parties.list_parties(Home.open(find_home(home)))
    rows = [
        _document(party) if as_json or as_jsonl else _row(party)
        for party in known
        if country in ("", party.country) and sector in ("", party.sector)
    ]
    columns = {
        key: text(f"parties.{key}") for key in ("id", "name", "country", "sector", "networks", "asns", "domains")
    }
    emit_rows("parties", rows, columns=columns, right=["id"], limit=limit, as_json=as_json, as_jsonl=as_jsonl)


def _document(party: Party) -> dict[str, Any]:
    """The party as its STIX identity's id and its own fields."""
    return {"stix_id": parties.identity(party), **msgspec.structs.asdict(party)}


def _row(party: Party) -> dict[str, Any]:
    joined = {field: _few(getattr(party, field)) for field in ("networks", "asns", "domains")}
    return {**_document(party), **joined}


def _few(values: tuple[object, ...], shown: int = 3) -> str:
    """The first of several values; how many more there are."""
    more = f" +{len(values) - shown}" if len(values) > shown else ""
    return " ".join(map(str, values[:shown])) + more
