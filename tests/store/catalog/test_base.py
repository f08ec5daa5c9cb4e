"""What all tables share: names for constraints, and a lock against a second writer."""

import threading

import pytest
from sqlalchemy import Engine, UniqueConstraint

from haechi.model.errors import Conflict
from haechi.store.catalog import inputs, parties, sensors
from haechi.store.catalog.engine import all_tables


def test_every_constraint_has_a_name_that_a_migration_can_speak_of() -> None:
    unnamed = [
        f"{table.name}: {constraint}"
        for table in all_tables().tables.values()
        for constraint in table.constraints
        if not constraint.name and not (isinstance(constraint, UniqueConstraint) and not constraint.columns)
    ]
    assert unnamed == []


@pytest.mark.parametrize("what", ["party", "sensor", "input"])
def test_two_writers_at_once_agree(engine: Engine, what: str) -> None:
    """Each looks something up and adds what it doesn't find, at the same moment: one adds, the other finds."""
    with engine.begin() as conn:
        own = parties.add(conn, name="Own", country="TW", sector="media")
        sensor = sensors.get_or_add(conn, "suricata", own.id)
    together = threading.Barrier(4)
    seen: list[object] = []

    def write() -> None:
        together.wait()
        for number in range(5):
            with engine.begin() as conn:
                if what == "party":
                    try:
                        party = parties.add(
                            conn, name=f"P{number}", country="KR", sector="media", networks=["9.9.9.0/24"]
                        )
                    except Conflict:
                        seen.append("refused")
                    else:
                        seen.append(party.name)
                elif what == "sensor":
                    seen.append(sensors.get_or_add(conn, f"S{number}", own.id, "Asia/Taipei").id)
                else:
                    inputs.lock(conn)
                    found = inputs.by_head(conn, lambda length, number=number: bytes([number]) * length)  # type: ignore[misc]
                    if not found:
                        head = bytes([number]) * 32
                        made = inputs.create(
                            conn, sensor_id=sensor.id, path="x", head=head, head_length=32, reader="eve"
                        )
                        found = [made]
                    seen.append(found[0].uuid)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(seen) == 20
    assert len(set(seen)) == {"party": 2, "sensor": 5, "input": 5}[what]
