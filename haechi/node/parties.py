"""Parties of a node: add, change, import, list. Every change is in the audit log before it counts.

Entries name the party's random id and how much it owns, never the networks: those may have to be deleted one day.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from sqlalchemy import Connection

from haechi.formats import party_csv
from haechi.formats.party_csv import PartyRow
from haechi.model.errors import BadInput, Conflict, NodeCannot, NotFound
from haechi.model.location import Location
from haechi.model.party import Party
from haechi.node.home import Home
from haechi.store.catalog import ownership, parties

_REFUSED_AT_MOST: Final = 10_000  # refusals kept for the report; a file with more isn't a list of parties


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a file: parties added, changed, found as they were; and what was refused, by line."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: tuple[BadInput, ...] = ()


def add(
    home: Home,
    *,
    name: str,
    country: str,
    sector: str,
    networks: Iterable[str] = (),
    asns: Iterable[str | int] = (),
    domains: Iterable[str] = (),
    contact: str = "",
) -> Party:
    """A new party. Raises `BadInput` naming the field, `Conflict` where name, prefix or domain are taken."""
    log = home.audit()
    with home.catalog().begin() as conn:
        party = parties.add(
            conn,
            name=name,
            country=country,
            sector=sector,
            networks=networks,
            asns=asns,
            domains=domains,
            contact=contact,
        )
        log.append("parties.add", subject=identity(party), details=_summary(party))
    return party


def update(home: Home, id: int, **changes: Any) -> Party:
    """Change a party: any of the fields of `add`; a list replaces the one before. Raises as `add`, and `NotFound`."""
    log = home.audit()
    with home.catalog().begin() as conn:
        old = parties.get(conn, id)
        party = parties.update(conn, id, **changes)
        if party != old:
            changed = [field for field in party.__struct_fields__ if getattr(party, field) != getattr(old, field)]
            log.append("parties.update", subject=identity(party), details=_summary(party) | {"changed": changed})
    return party


def list_parties(home: Home) -> list[Party]:
    """All parties by country and name."""
    with home.catalog().connect() as conn:
        return parties.list_parties(conn)


def import_file(home: Home, path: Path) -> Imported:
    """Parties from a CSV file (`formats.party_csv`); good lines go through, each refusal names line and field.

    A party of the same name and country is changed to what the file says; columns that the file lacks stay.
    Raises `BadInput` for a header that can't be understood, `NotFound` where there is no such file.
    """
    try:
        with path.open("rb") as file:
            return import_csv(home, file, str(path))
    except FileNotFoundError as error:
        raise NotFound("file.missing", path=str(path)) from error
    except OSError as error:
        raise NodeCannot("file.unreadable", path=str(path), cause=error.strerror) from error


def import_csv(home: Home, file: BinaryIO, path: str) -> Imported:
    """As `import_file`, from a file that is open already (standard input)."""
    log = home.audit()
    counts = {"added": 0, "updated": 0, "unchanged": 0}
    refused: list[BadInput] = []
    taken: list[PartyRow] = []  # lines whose prefix or domain another party had: it may give it up further down
    with home.catalog().begin() as conn:
        known = {(party.country, party.name): party for party in parties.list_parties(conn)}
        first: dict[tuple[str, str], int] = {}
        for row in party_csv.parse(file, path):
            if isinstance(row, BadInput):
                _keep(refused, row)
                continue
            try:
                _once(first, row)
                counts[_take(conn, known, row)] += 1
            except BadInput as error:
                _keep(refused, error.at(msgspec.structs.replace(error.location, path=path, line=row.line)))
            except Conflict:
                taken.append(row)
                if len(taken) > _REFUSED_AT_MOST:
                    raise _too_many(Location(path=path, line=row.line)) from None
        for row in taken:
            try:
                counts[_take(conn, known, row)] += 1
            except Conflict as error:
                _keep(refused, BadInput(error.id, location=Location(path=path, line=row.line), **error.arguments))
        log.append("parties.import", subject=Path(path).name, details={**counts, "refused": len(refused)})
    return Imported(**counts, refused=tuple(sorted(refused, key=lambda error: error.location.line or 0)))


def identity(party: Party) -> str:
    """The party's STIX id."""
    return f"identity--{party.uuid}"


def _take(conn: Connection, known: dict[tuple[str, str], Party], row: PartyRow) -> str:
    """Add or change one party, wholly or not at all; what was done."""
    fields: dict[str, Any] = {**row.single, **row.lists}
    key = ownership.country(row.single["country"]), ownership.name(row.single["name"])
    old = known.get(key)
    if old is None:
        known[key] = parties.add(conn, **fields)
        return "added"
    if parties.changed(old, **fields) == old:
        return "unchanged"
    known[key] = parties.update(conn, old.id, **fields)
    return "updated"


def _once(first: dict[tuple[str, str], int], row: PartyRow) -> None:
    """Refuse a second line of one party: it would take away what the first one gives it."""
    key = ownership.country(row.single["country"]), ownership.name(row.single["name"])
    if (line := first.setdefault(key, row.line)) != row.line:
        raise BadInput("parties.twice", location=Location(field="name", value=row.single["name"]), line=line)


def _keep(refused: list[BadInput], error: BadInput) -> None:
    if len(refused) == _REFUSED_AT_MOST:
        raise _too_many(error.location)
    refused.append(error)


def _too_many(location: Location) -> BadInput:
    return BadInput("parties.too_many_refused", location=location, most=_REFUSED_AT_MOST)


def _summary(party: Party) -> dict[str, Any]:
    owned = {field: len(getattr(party, field)) for field in ("networks", "asns", "domains")}
    return {"name": party.name, "country": party.country, "sector": party.sector} | owned
