"""Which of our own sightings were put into words for others, and of which indicators.

A sighting is of a unit: a STIX indicator as received (value 0), or one value of a list or of a MISP attribute. Times are
microseconds UTC.
"""

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.model.marking import Pap, Tlp
from haechi.model.stixid import type_of
from haechi.store.catalog import driver

SOURCE = "own sightings"  # the source under which they stand as objects
_AT_ONCE = 500
_COLUMNS = ("object_row", "value_id", "sector", "sighting_id", "count", "first", "last", "created", "modified")
Key = tuple[int, int, str]  # object row, value id or 0, sector


class Asserted(msgspec.Struct, frozen=True, kw_only=True):
    """A live assertion on a value that was sighted, and what its unit is."""

    value_id: int
    object_row: int
    unit_value: int  # 0 where the object is one STIX indicator
    known_at: int
    valid_from: int | None
    valid_until: int | None
    source: str
    object_id: str
    type: str  # of the value
    text: str
    marking: Tlp
    pap: Pap | None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A sighting as it was last put into words."""

    object_row: int
    value_id: int
    sector: str
    sighting_id: str
    count: int
    first: int
    last: int
    created: int
    modified: int

    @property
    def key(self) -> Key:
        """What it is of, and where."""
        return self.object_row, self.value_id, self.sector


def asserted(conn: Connection, value_ids: Sequence[int]) -> list[Asserted]:
    """Every live assertion on these values."""
    query = text(
        "SELECT a.value_id, a.object_id AS object_row, a.known_at, v.valid_from, v.valid_until, s.name, o.object_id,"
        " w.type, w.text, v.marking, v.pap FROM assertion a JOIN value w ON w.id = a.value_id"
        " JOIN object o ON o.id = a.object_id JOIN source s ON s.id = o.source_id"
        " JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
        " WHERE a.gone_at IS NULL AND a.value_id IN :ids ORDER BY a.value_id, a.object_id"
    ).bindparams(bindparam("ids", expanding=True))
    return [
        Asserted(
            value_id=row.value_id,
            object_row=row.object_row,
            unit_value=0 if type_of(row.object_id) else row.value_id,
            known_at=row.known_at,
            valid_from=row.valid_from,
            valid_until=row.valid_until,
            source=row.name,
            object_id=row.object_id,
            type=row.type,
            text=row.text,
            marking=Tlp(row.marking),
            pap=None if row.pap is None else Pap(row.pap),
        )
        for start in range(0, len(value_ids), _AT_ONCE)
        for row in conn.execute(query, {"ids": list(value_ids[start : start + _AT_ONCE])})
    ]


def told(conn: Connection, object_rows: Iterable[int]) -> dict[Key, Told]:
    """What was told of these objects."""
    query = text(f"SELECT {', '.join(_COLUMNS)} FROM own_sighting WHERE object_row IN :rows").bindparams(
        bindparam("rows", expanding=True)
    )
    wanted = sorted(set(object_rows))
    found = [
        Told(**row._mapping)
        for start in range(0, len(wanted), _AT_ONCE)
        for row in conn.execute(query, {"rows": wanted[start : start + _AT_ONCE]})
    ]
    return {one.key: one for one in found}


def rows_of(conn: Connection, sighting_ids: Sequence[str]) -> dict[str, int]:
    """Of which catalog object each of these sightings is, or of one of its values."""
    query = text("SELECT sighting_id, object_row FROM own_sighting WHERE sighting_id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    parts = (list(sighting_ids[start : start + _AT_ONCE]) for start in range(0, len(sighting_ids), _AT_ONCE))
    return {row.sighting_id: row.object_row for part in parts for row in conn.execute(query, {"ids": part})}


def tell(conn: Connection, sightings: Iterable[Told]) -> None:
    """Keep what was told, in place of what was told before of the same."""
    rows = [msgspec.structs.astuple(one) for one in sightings]
    ids = text("DELETE FROM own_sighting WHERE sighting_id IN :ids").bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(rows), _AT_ONCE):
        conn.execute(ids, {"ids": [row[3] for row in rows[start : start + _AT_ONCE]]})
    driver.insert(conn, "own_sighting", _COLUMNS, rows)
