"""Parties and what they own. The affected party of an event is the one with the longest prefix (DATA-MODEL.md, 4)."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    select,
)

from haechi.model.errors import Conflict, NotFound
from haechi.model.party import Party
from haechi.store.catalog import ownership
from haechi.store.catalog.base import METADATA, lock_to_write

_PARAMETERS = 1000  # in one statement: SQLite takes 32,766, PostgreSQL 65,535

PARTY = Table(
    "party",
    METADATA,
    Column("id", Integer, primary_key=True),  # int32, never reused: events carry it
    Column("uuid", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("country", Text, nullable=False),
    Column("sector", Text, nullable=False),
    Column("contact", Text, nullable=False),
    UniqueConstraint("country", "name"),
    sqlite_autoincrement=True,
)

PARTY_NETWORK = Table(
    "party_network",
    METADATA,
    Column("cidr", Text, primary_key=True),  # one party a prefix; nested prefixes may differ
    Column("party_id", Integer, ForeignKey(PARTY.c.id), nullable=False),
    Column("first", LargeBinary, nullable=False),  # 16 bytes, see ownership.bounds
    Column("last", LargeBinary, nullable=False),
    Index(None, "party_id"),
    Index(None, "first", "last"),
)

PARTY_ASN = Table(
    "party_asn",
    METADATA,
    Column("asn", BigInteger, primary_key=True, autoincrement=False),  # many parties may sit in one AS
    Column("party_id", Integer, ForeignKey(PARTY.c.id), primary_key=True),
    Index(None, "party_id"),
)

PARTY_DOMAIN = Table(
    "party_domain",
    METADATA,
    Column("domain", Text, primary_key=True),
    Column("party_id", Integer, ForeignKey(PARTY.c.id), nullable=False),
    Index(None, "party_id"),
)


def add(
    conn: Connection,
    *,
    name: str,
    country: str,
    sector: str,
    networks: Iterable[str] = (),
    asns: Iterable[str | int] = (),
    domains: Iterable[str] = (),
    contact: str = "",
    uuid: str | None = None,
) -> Party:
    """A new party with a random UUID, or that of the node which it comes from; everything is brought to normal form.

    Raises `BadInput` naming the field, `Conflict` where a party of that name and country exists or another party has
    the same prefix or domain; nothing is written then.
    """
    party = Party(
        id=0,
        uuid=uuid or str(uuid4()),
        name=ownership.name(name),
        country=ownership.country(country),
        sector=ownership.sector(sector),
        networks=ownership.networks(networks),
        asns=ownership.asns(asns),
        domains=ownership.domains(domains),
        contact=ownership.contact(contact),
    )
    _refuse_taken(conn, party)
    id = conn.execute(PARTY.insert().values(**_row(party)).returning(PARTY.c.id)).scalar_one()
    party = msgspec.structs.replace(party, id=id)
    _own(conn, party)
    return party


def update(
    conn: Connection,
    id: int,
    *,
    name: str | None = None,
    country: str | None = None,
    sector: str | None = None,
    networks: Iterable[str] | None = None,
    asns: Iterable[str | int] | None = None,
    domains: Iterable[str] | None = None,
    contact: str | None = None,
) -> Party:
    """Change what is given and leave the rest; a list replaces the one before. The past is corrected with it.

    Raises as `add`, and `NotFound` for an unknown id.
    """
    old = get(conn, id)
    new = changed(
        old,
        name=name,
        country=country,
        sector=sector,
        networks=networks,
        asns=asns,
        domains=domains,
        contact=contact,
    )
    if new == old:
        return old
    _refuse_taken(conn, new)
    conn.execute(PARTY.update().where(PARTY.c.id == id).values(**_row(new)))
    for table in (PARTY_NETWORK, PARTY_ASN, PARTY_DOMAIN):
        conn.execute(table.delete().where(table.c.party_id == id))
    _own(conn, new)
    return new


def changed(
    old: Party,
    *,
    name: str | None = None,
    country: str | None = None,
    sector: str | None = None,
    networks: Iterable[str] | None = None,
    asns: Iterable[str | int] | None = None,
    domains: Iterable[str] | None = None,
    contact: str | None = None,
) -> Party:
    """The party with what is given in its place, in normal form; nothing is written."""
    return msgspec.structs.replace(
        old,
        name=old.name if name is None else ownership.name(name),
        country=old.country if country is None else ownership.country(country),
        sector=old.sector if sector is None else ownership.sector(sector),
        networks=old.networks if networks is None else ownership.networks(networks),
        asns=old.asns if asns is None else ownership.asns(asns),
        domains=old.domains if domains is None else ownership.domains(domains),
        contact=old.contact if contact is None else ownership.contact(contact),
    )


def get(conn: Connection, id: int) -> Party:
    """One party; `NotFound` where there is none of that id."""
    found = _read(conn, PARTY.c.id == id)
    if not found:
        raise NotFound("catalog.no_party", id=id)
    return found[0]


def by_uuid(conn: Connection, uuid: str) -> Party:
    """The party of that UUID; `NotFound` where there is none."""
    found = _read(conn, PARTY.c.uuid == uuid)
    if not found:
        raise NotFound("catalog.no_party", id=uuid)
    return found[0]


def any_party(conn: Connection) -> bool:
    """Whether the catalog has a party: a node's own is its first."""
    return conn.execute(select(PARTY.c.id).limit(1)).first() is not None


def remove_unused(conn: Connection, uuid: str) -> None:
    """Delete a party that nothing refers to yet."""
    conn.execute(PARTY.delete().where(PARTY.c.uuid == uuid))


def find(conn: Connection, name: str, country: str) -> int | None:
    """The id of the party of that name and country."""
    same = (PARTY.c.name == ownership.name(name)) & (PARTY.c.country == ownership.country(country))
    return conn.execute(select(PARTY.c.id).where(same)).scalar()


def list_parties(conn: Connection) -> list[Party]:
    """All parties by country and name."""
    return sorted(_read(conn, True), key=lambda party: (party.country, party.name))


def networks(conn: Connection) -> list[tuple[str, int]]:
    """Every prefix and the party that owns it, by address; of nested ones the longest counts."""
    rows = conn.execute(select(PARTY_NETWORK.c.cidr, PARTY_NETWORK.c.party_id).order_by("first", PARTY_NETWORK.c.cidr))
    return [(row.cidr, row.party_id) for row in rows]


def _row(party: Party) -> dict[str, Any]:
    return {name: getattr(party, name) for name in ("uuid", "name", "country", "sector", "contact")}


def _refuse_taken(conn: Connection, party: Party) -> None:
    """Before anything is written: the name, the prefixes and the domains belong to no other party."""
    lock_to_write(conn, PARTY)
    other = find(conn, party.name, party.country)
    if other is not None and other != party.id:
        raise Conflict("party.taken", name=party.name, country=party.country, other=other)
    _refuse_owned(conn, PARTY_NETWORK.c.cidr, party.networks, party)
    _refuse_owned(conn, PARTY_DOMAIN.c.domain, party.domains, party)


def _refuse_owned(conn: Connection, column: Column[Any], values: tuple[str, ...], party: Party) -> None:
    for begin in range(0, len(values), _PARAMETERS):
        same = column.in_(values[begin : begin + _PARAMETERS]) & (PARTY.c.id != party.id)
        taken = select(column, PARTY.c.name).join_from(column.table, PARTY).where(same).limit(1)
        for value, owner in conn.execute(taken):
            raise Conflict("party.owned", value=value, owner=owner, name=party.name)


def _own(conn: Connection, party: Party) -> None:
    bounds = [(cidr, *ownership.bounds(cidr)) for cidr in party.networks]
    _insert(conn, PARTY_NETWORK, [{"cidr": c, "first": f, "last": t, "party_id": party.id} for c, f, t in bounds])
    _insert(conn, PARTY_ASN, [{"asn": asn, "party_id": party.id} for asn in party.asns])
    _insert(conn, PARTY_DOMAIN, [{"domain": domain, "party_id": party.id} for domain in party.domains])


def _insert(conn: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(table.insert(), rows)


def _read(conn: Connection, which: Any) -> list[Party]:
    query = select(PARTY)
    rows = conn.execute(query if which is True else query.where(which)).mappings().all()
    ids = None if which is True else [row["id"] for row in rows]
    networks_of = _owned(conn, PARTY_NETWORK, PARTY_NETWORK.c.cidr, "first", ids)
    asns_of = _owned(conn, PARTY_ASN, PARTY_ASN.c.asn, "asn", ids)
    domains_of = _owned(conn, PARTY_DOMAIN, PARTY_DOMAIN.c.domain, "domain", ids)
    return [
        Party(
            **row,
            networks=tuple(networks_of.get(row["id"], ())),
            asns=tuple(asns_of.get(row["id"], ())),
            domains=tuple(domains_of.get(row["id"], ())),
        )
        for row in rows
    ]


def _owned(
    conn: Connection, table: Table, column: Column[Any], order: str, ids: list[int] | None
) -> dict[int, list[Any]]:
    query = select(table.c.party_id, column).order_by(table.c[order])
    if ids is not None:
        query = query.where(table.c.party_id.in_(ids))
    found: dict[int, list[Any]] = {}
    for party_id, value in conn.execute(query):
        found.setdefault(party_id, []).append(value)
    return found
