"""Sensors: what wrote a log. The observing party of an event is the sensor's; a time without zone takes its zone."""

from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Column, Connection, ForeignKey, Integer, Table, Text, insert, select, update

from haechi.model.errors import BadInput, Conflict, NotFound
from haechi.model.location import Location
from haechi.store.catalog.base import METADATA, lock_to_write
from haechi.store.catalog.parties import PARTY

SENSOR = Table(
    "sensor",
    METADATA,
    Column("id", Integer, primary_key=True),  # int32: events carry it
    Column("name", Text, nullable=False, unique=True),
    Column("party_id", Integer, ForeignKey(PARTY.c.id), nullable=False),
    Column("zone", Text, nullable=False),  # IANA name; "" where the log's times carry their own
    sqlite_autoincrement=True,
)


class Sensor(msgspec.Struct, frozen=True, kw_only=True):
    """A named source of logs, the party that owns it, and the IANA zone of its local times ("" if not known)."""

    id: int
    name: str
    party_id: int
    zone: str = ""


def get_or_add(conn: Connection, name: str, party_id: int, zone: str = "") -> Sensor:
    """The sensor of that name, added where it is new. A sensor without zone takes the given one.

    Raises `BadInput` for an unknown zone, `NotFound` for an unknown party, `Conflict` where the sensor belongs to
    another party or has another zone: its past events would change meaning.
    """
    name = name.strip()
    if not name:
        raise BadInput("sensor.no_name", location=Location(field="sensor"))
    if zone:
        _check_zone(zone)
    found = _by_name(conn, name)
    if found is None or (zone and zone != found.zone):
        lock_to_write(conn, SENSOR)
        found = _by_name(conn, name)
    return _add(conn, name, party_id, zone) if found is None else _same(conn, found, party_id, zone)


def get(conn: Connection, id: int) -> Sensor:
    """One sensor; `NotFound` where there is none of that id."""
    row = conn.execute(select(SENSOR).where(SENSOR.c.id == id)).mappings().first()
    if row is None:
        raise NotFound("catalog.no_sensor", id=id)
    return Sensor(**row)


def named(conn: Connection, name: str) -> Sensor:
    """The sensor of that name; `NotFound` where there is none."""
    found = _by_name(conn, name)
    if found is None:
        raise NotFound("sensor.unknown", name=name)
    return found


def list_sensors(conn: Connection) -> list[Sensor]:
    """All sensors by name."""
    return [Sensor(**row) for row in conn.execute(select(SENSOR).order_by(SENSOR.c.name)).mappings()]


def _by_name(conn: Connection, name: str) -> Sensor | None:
    row = conn.execute(select(SENSOR).where(SENSOR.c.name == name)).mappings().first()
    return None if row is None else Sensor(**row)


def _add(conn: Connection, name: str, party_id: int, zone: str) -> Sensor:
    if conn.execute(select(PARTY.c.id).where(PARTY.c.id == party_id)).first() is None:
        raise NotFound("catalog.no_party", id=party_id)
    id = conn.execute(
        insert(SENSOR).values(name=name, party_id=party_id, zone=zone).returning(SENSOR.c.id)
    ).scalar_one()
    return Sensor(id=id, name=name, party_id=party_id, zone=zone)


def _same(conn: Connection, found: Sensor, party_id: int, zone: str) -> Sensor:
    if found.party_id != party_id:
        raise Conflict("sensor.other_party", name=found.name, owner=found.party_id, party=party_id)
    if not zone or zone == found.zone:
        return found
    if found.zone:
        raise Conflict("sensor.other_zone", name=found.name, known=found.zone, zone=zone)
    conn.execute(update(SENSOR).where(SENSOR.c.id == found.id).values(zone=zone))
    return msgspec.structs.replace(found, zone=zone)


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ValueError, OSError):  # ZoneInfoNotFoundError is a KeyError, below
        known = False
    except KeyError:
        known = False
    else:
        known = True
    if not known:
        raise BadInput("sensor.not_zone", location=Location(field="zone", value=zone))
