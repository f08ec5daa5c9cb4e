"""Sensors, on SQLite and PostgreSQL."""

import pytest
from sqlalchemy import Engine

from haechi.model.errors import BadInput, Conflict, NotFound
from haechi.store.catalog import parties, sensors
from haechi.store.catalog.sensors import Sensor


@pytest.fixture
def owner(engine: Engine) -> int:
    with engine.begin() as conn:
        return parties.add(conn, name="Grid", country="KR", sector="energy").id


def test_a_sensor_is_added_once(engine: Engine, owner: int) -> None:
    with engine.begin() as conn:
        first = sensors.get_or_add(conn, " suricata-1 ", owner, "Asia/Seoul")
        assert first == Sensor(id=first.id, name="suricata-1", party_id=owner, zone="Asia/Seoul")
        assert sensors.get_or_add(conn, "suricata-1", owner, "Asia/Seoul") == first
        assert sensors.get_or_add(conn, "suricata-1", owner) == first
        other = sensors.get_or_add(conn, "cowrie", owner)
    with engine.connect() as conn:
        assert sensors.list_sensors(conn) == [other, first]
        assert sensors.get(conn, first.id) == first


def test_a_sensor_without_zone_takes_one(engine: Engine, owner: int) -> None:
    with engine.begin() as conn:
        sensors.get_or_add(conn, "cowrie", owner)
        assert sensors.get_or_add(conn, "cowrie", owner, "Asia/Seoul").zone == "Asia/Seoul"
        [found] = sensors.list_sensors(conn)
    assert found.zone == "Asia/Seoul"


def test_a_sensor_keeps_its_owner_and_its_zone(engine: Engine, owner: int) -> None:
    with engine.begin() as conn:
        other = parties.add(conn, name="Fab", country="TW", sector="semiconductor").id
        sensors.get_or_add(conn, "cowrie", owner, "Asia/Seoul")
        with pytest.raises(Conflict, match=rf"'cowrie' belongs to party {owner}, not {other}\. Name the new sensor"):
            sensors.get_or_add(conn, "cowrie", other)
        with pytest.raises(Conflict, match=r"'cowrie' writes in zone Asia/Seoul, not Asia/Taipei\. Name the new"):
            sensors.get_or_add(conn, "cowrie", owner, "Asia/Taipei")


def test_an_unknown_zone_is_refused(engine: Engine, owner: int) -> None:
    with engine.begin() as conn:
        for zone in ("Asia/Busan", "KST", "../../etc/passwd", "/etc/localtime", "Asia", "\x00"):
            with pytest.raises(BadInput, match=r"not an IANA time zone\. Write it as Asia/Taipei or"):
                sensors.get_or_add(conn, "cowrie", owner, zone)
        assert sensors.list_sensors(conn) == []


def test_what_is_missing_is_said(engine: Engine, owner: int) -> None:
    with engine.begin() as conn:
        with pytest.raises(BadInput, match="field sensor: the sensor has no name"):
            sensors.get_or_add(conn, "  ", owner)
        with pytest.raises(NotFound, match="no party 99 in the catalog"):
            sensors.get_or_add(conn, "cowrie", 99)
        with pytest.raises(NotFound, match="no sensor 99 in the catalog"):
            sensors.get(conn, 99)
        assert sensors.list_sensors(conn) == []
