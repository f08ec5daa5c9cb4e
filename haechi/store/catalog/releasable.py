"""What of the catalog could leave, as release looks at it: objects, what they assert now, what a recipient has of them.

A unit of release is an object with a STIX document of its own (value_id 0), or one live assertion of a list or of a MISP
attribute. Objects come in pages by row id, so memory stays flat; of lists with many values only what differs from the
ledger is read, by set operations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.store.catalog.exchange_tables import CHANGES, RULES
from haechi.store.catalog.indicators import batched
from haechi.store.catalog.recipients import count

PAGE: Final = 500  # objects read together
MANY: Final = 2_000  # assertions from which on a list is compared by set operations
_VALUES: Final = 5_000  # of a list, read together


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An object in the version that counts. `asserted` counts its assertions ever, `live` those of now."""

    row: int
    object_id: str
    list_name: str | None
    source: str
    own: bool
    from_recipient: int | None
    modified: int
    from_at: int
    marking: Tlp
    pap: Pap | None
    confidence: int | None
    valid_from: int | None
    valid_until: int | None
    context: Context
    raw: bytes | None
    asserted: int
    live: int

    @property
    def is_stix(self) -> bool:
        """Whether it has a STIX document of its own. A MISP attribute's id is a bare UUID."""
        return self.raw is not None and self.list_name is None and "--" in self.object_id

    @property
    def type(self) -> str:
        """The STIX type that it leaves as."""
        return self.object_id.partition("--")[0] if self.is_stix else "indicator"

    @property
    def grant_id(self) -> str:
        """What a grant for just this object names: the STIX id, the attribute's UUID, `list:SOURCE/NAME`."""
        return self.object_id if self.list_name is None else f"list:{self.source}/{self.list_name}"


class Unit(NamedTuple):
    """A live assertion of a list or attribute."""

    object_row: int
    value_id: int
    kind: ValueType
    value: str
    known_at: int


class Had(NamedTuple):
    """What a recipient has now of an object: a live row of the ledger."""

    seq: int
    object_id: str
    object_row: int
    value_id: int
    version: int


def changes(conn: Connection) -> int:
    """The count of changes, held still until the transaction ends: what is looked at doesn't change meanwhile."""
    held = (
        "INSERT INTO counter (name, value) VALUES (:name, 0)"
        " ON CONFLICT (name) DO UPDATE SET value = counter.value RETURNING value"
    )
    return int(conn.execute(text(held), {"name": CHANGES}).scalar_one())


def rules(conn: Connection) -> int:
    """The count of changes of who may get what."""
    return int(conn.execute(text("SELECT value FROM counter WHERE name = :name"), {"name": RULES}).scalar() or 0)


def prepare(conn: Connection) -> None:
    """The temporary tables of one run: rows to look at, now and in the next round."""
    for name in ("release_look", "release_next"):
        conn.execute(text(f"DROP TABLE IF EXISTS {name}"))
        conn.execute(text(f"CREATE TEMPORARY TABLE {name} (object_row BIGINT PRIMARY KEY)"))


def clear(conn: Connection) -> None:
    """Drop what `prepare` made."""
    for name in ("release_look", "release_next"):
        conn.execute(text(f"DROP TABLE IF EXISTS {name}"))


def look_at(conn: Connection, since: int | None) -> int:
    """Note the objects that changed after a count of changes, or (None) all; how many."""
    which = "" if since is None else " WHERE changed > :since"
    noted = conn.execute(
        text(f"INSERT INTO release_look SELECT id FROM object{which}"), {} if since is None else {"since": since}
    ).rowcount
    if conn.dialect.name == "postgresql":  # temporary tables have no statistics of themselves
        conn.execute(text("ANALYZE release_look"))
    return noted


def look_next(conn: Connection) -> int:
    """Go on with what was noted for the next round; how many objects."""
    conn.execute(text("DELETE FROM release_look"))
    found = conn.execute(text("INSERT INTO release_look SELECT object_row FROM release_next")).rowcount
    conn.execute(text("DELETE FROM release_next"))
    return found


def note_next(conn: Connection, rows: Iterable[int]) -> None:
    """Note objects for the next round."""
    for part in batched(rows):
        conn.execute(
            text("INSERT INTO release_next (object_row) VALUES (:row) ON CONFLICT DO NOTHING"),
            [{"row": row} for row in part],
        )


def note_needing(conn: Connection, object_ids: Sequence[str]) -> None:
    """Note for the next round what can't leave without these, and what else there is of the same ids."""
    if not object_ids:
        return
    sources = [row[0] for row in conn.execute(text("SELECT id FROM source"))]
    needing = text(
        "INSERT INTO release_next SELECT DISTINCT n.object_row FROM object_need n WHERE n.needs IN :ids"
        " ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("ids", expanding=True))
    same = text(
        "INSERT INTO release_next SELECT id FROM object WHERE source_id = :source AND object_id IN :ids"
        " ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(object_ids), 500):
        part = list(object_ids[start : start + 500])
        conn.execute(needing, {"ids": part})
        if len(sources) > 1:
            for source in sources:
                conn.execute(same, {"source": source, "ids": part})


_ITEMS = """
SELECT o.id, o.object_id, o.list_name, s.name, s.own, s.recipient_id, v.modified, v.from_at, v.marking, v.pap,
       v.confidence, v.valid_from, v.valid_until, v.context, v.raw
FROM release_look c JOIN object o ON o.id = c.object_row JOIN source s ON s.id = o.source_id
JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL
WHERE c.object_row > :after ORDER BY c.object_row LIMIT :page
"""


def pages(conn: Connection) -> Iterator[list[Item]]:
    """The objects noted for this round, in the order of their rows, a page at a time."""
    after = 0
    while rows := conn.execute(text(_ITEMS), {"after": after, "page": PAGE}).all():
        after = rows[-1].id
        counts = _counts(conn, [row.id for row in rows])
        yield [_item(row, *counts.get(row.id, (0, 0))) for row in rows]


def find(conn: Connection, id: str) -> list[Item]:
    """The objects of that id (STIX, MISP, `list:SOURCE/NAME`), of every source."""
    source, _, name = id.removeprefix("list:").partition("/") if id.startswith("list:") else ("", "", "")
    which = "s.name = :source AND o.list_name = :name" if source else "o.object_id = :id"
    query = _ITEMS.replace("release_look c JOIN object o ON o.id = c.object_row", "object o").replace(
        "c.object_row > :after ORDER BY c.object_row LIMIT :page", f"{which} ORDER BY o.id LIMIT 100"
    )
    rows = conn.execute(text(query), {"source": source, "name": name} if source else {"id": id}).all()
    counts = _counts(conn, [row.id for row in rows])
    return [_item(row, *counts.get(row.id, (0, 0))) for row in rows]


def _counts(conn: Connection, rows: Sequence[int]) -> dict[int, tuple[int, int]]:
    query = text(
        "SELECT object_id, count(*), count(*) - count(gone_at) FROM assertion WHERE object_id IN :rows GROUP BY object_id"
    ).bindparams(bindparam("rows", expanding=True))
    return {row[0]: (row[1], row[2]) for part in batched(rows) for row in conn.execute(query, {"rows": part})}


def _item(row: Any, asserted: int, live: int) -> Item:
    return Item(
        row=row.id,
        object_id=row.object_id,
        list_name=row.list_name,
        source=row.name,
        own=bool(row.own),
        from_recipient=row.recipient_id,
        modified=row.modified,
        from_at=row.from_at,
        marking=Tlp(row.marking),
        pap=None if row.pap is None else Pap(row.pap),
        confidence=row.confidence,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        context=msgspec.json.decode(row.context, type=Context),
        raw=None if row.raw is None else bytes(row.raw),
        asserted=asserted,
        live=live,
    )


_UNITS = """
SELECT a.object_id, a.value_id, v.type, v.text, a.known_at
FROM assertion a JOIN value v ON v.id = a.value_id
WHERE a.gone_at IS NULL AND a.object_id IN :rows ORDER BY a.object_id, a.value_id
"""


def units(conn: Connection, rows: Sequence[int]) -> dict[int, list[Unit]]:
    """The live assertions of small lists and attributes, by object."""
    found: dict[int, list[Unit]] = {}
    query = text(_UNITS).bindparams(bindparam("rows", expanding=True))
    for part in batched(rows):
        for row in conn.execute(query, {"rows": part}):
            found.setdefault(row.object_id, []).append(_unit(row))
    return found


def _unit(row: Any) -> Unit:
    return Unit(row.object_id, row.value_id, ValueType(row.type), row.text, row.known_at)


_HAD = "SELECT seq, object_id, object_row, value_id, version FROM ledger WHERE recipient_id = :recipient AND live = 1"


def had_of(conn: Connection, recipient: int, rows: Sequence[int]) -> dict[int, dict[int, Had]]:
    """What a recipient has of these objects: by object and value."""
    found: dict[int, dict[int, Had]] = {}
    query = text(f"{_HAD} AND object_row IN :rows").bindparams(bindparam("rows", expanding=True))
    for part in batched(rows):
        for row in conn.execute(query, {"recipient": recipient, "rows": part}):
            found.setdefault(row.object_row, {})[row.value_id] = Had(*row)
    return found


def had(conn: Connection, recipient: int, object_ids: Sequence[str]) -> dict[str, Had]:
    """What a recipient has under these ids."""
    found: dict[str, Had] = {}
    query = text(f"{_HAD} AND object_id IN :ids").bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(object_ids), 500):
        for row in conn.execute(query, {"recipient": recipient, "ids": list(object_ids[start : start + 500])}):
            found[row.object_id] = Had(*row)
    return found


def body_of(conn: Connection, recipient: int, seq: int) -> bytes:
    """The bytes that left under that sequence."""
    query = text("SELECT body FROM ledger WHERE recipient_id = :recipient AND seq = :seq")
    return bytes(conn.execute(query, {"recipient": recipient, "seq": seq}).scalar_one())


def missing(conn: Connection, recipient: int, row: int, live: int) -> Iterator[list[Unit]]:
    """The live assertions of a long list that the recipient lacks, in blocks.

    `live` of them there are: where the recipient has as many, and what is gone was taken back, it lacks none.
    """
    counted = "SELECT count(*) FROM ledger WHERE recipient_id = :recipient AND object_row = :row AND live = 1"
    if conn.execute(text(counted), {"recipient": recipient, "row": row}).scalar_one() == live:
        return
    query = text(
        "SELECT a.object_id, a.value_id, v.type, v.text, a.known_at FROM assertion a JOIN value v ON v.id = a.value_id"
        " WHERE a.object_id = :row AND a.value_id > :after AND a.gone_at IS NULL AND NOT EXISTS (SELECT 1 FROM ledger l"
        " WHERE l.recipient_id = :recipient AND l.object_row = :row AND l.value_id = a.value_id AND l.live = 1)"
        " ORDER BY a.value_id LIMIT :page"
    )
    after = 0
    while rows := conn.execute(query, {"row": row, "after": after, "recipient": recipient, "page": _VALUES}).all():
        after = rows[-1].value_id
        yield [_unit(found) for found in rows]


def vanished(conn: Connection, recipient: int, row: int) -> list[Had]:
    """What a recipient has of a long list's values that are no longer asserted."""
    query = text(
        "SELECT DISTINCT l.seq, l.object_id, l.object_row, l.value_id, l.version FROM assertion a JOIN ledger l"
        " ON l.recipient_id = :recipient AND l.object_row = a.object_id AND l.value_id = a.value_id AND l.live = 1"
        " WHERE a.object_id = :row AND a.gone_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM assertion b"
        " WHERE b.value_id = a.value_id AND b.object_id = a.object_id AND b.gone_at IS NULL) ORDER BY l.seq"
    )
    return [Had(*found) for found in conn.execute(query, {"recipient": recipient, "row": row})]


def of_list(conn: Connection, recipient: int, row: int) -> Iterator[list[Had]]:
    """All that a recipient has of an object, in blocks by sequence."""
    query = text(f"{_HAD} AND object_row = :row AND seq > :after ORDER BY seq LIMIT :page")
    after = 0
    while rows := conn.execute(query, {"recipient": recipient, "row": row, "after": after, "page": _VALUES}).all():
        after = rows[-1].seq
        yield [Had(*found) for found in rows]


def of_deleted(conn: Connection, recipient: int, since: int) -> list[Had]:
    """What a recipient has of objects that were deleted after a count of changes."""
    query = text(f"{_HAD} AND object_row IN (SELECT object_row FROM object_gone WHERE changed > :since) ORDER BY seq")
    return [Had(*row) for row in conn.execute(query, {"recipient": recipient, "since": since})]


def forget(conn: Connection, rows: Sequence[int]) -> None:
    """Call it before objects are deleted, in the same transaction: what was given out of them can then be taken back,
    and nothing here names them any longer. Call `node.release.run` for each recipient afterwards."""
    change = count(conn, CHANGES)
    for part in batched(rows):
        parameters = [{"row": row, "change": change} for row in part]
        conn.execute(
            text("INSERT INTO object_gone (object_row, changed) VALUES (:row, :change) ON CONFLICT DO NOTHING"),
            parameters,
        )
        named = "SELECT object_id FROM object WHERE id = :row"
        conn.execute(text(f"DELETE FROM object_need WHERE object_row = :row OR needs IN ({named})"), parameters)


def need(conn: Connection, needs: Mapping[int, Iterable[str]]) -> None:
    """Keep what objects can't leave without."""
    rows = [{"row": row, "needs": id} for row, ids in needs.items() for id in ids]
    if rows:
        conn.execute(
            text("INSERT INTO object_need (needs, object_row) VALUES (:needs, :row) ON CONFLICT DO NOTHING"), rows
        )


def raw_of(conn: Connection, object_id: str, *, own: bool = False) -> bytes | None:
    """The document under a STIX id, of our own sources first; None where there is none."""
    query = text(
        "SELECT v.raw FROM source s JOIN object o ON o.source_id = s.id AND o.object_id = :id"
        " JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
        f" WHERE v.raw IS NOT NULL{' AND s.own = 1' if own else ''} ORDER BY s.own DESC, o.id LIMIT 1"
    )
    found = conn.execute(query, {"id": object_id}).scalar()
    return None if found is None else bytes(found)


def came_from(conn: Connection, recipient: int, object_id: str) -> bool:
    """Whether the recipient gave us an object of that id."""
    query = text(
        "SELECT 1 FROM source s JOIN object o ON o.source_id = s.id AND o.object_id = :id WHERE s.recipient_id = :who"
    )
    return conn.execute(query, {"id": object_id, "who": recipient}).first() is not None


def seen(conn: Connection, recipient: int, *, change: int, rules: int, good_until: int | None) -> None:
    """Keep up to where release has looked."""
    conn.execute(
        text(
            "UPDATE recipient SET seen_change = :change, seen_rules = :rules, good_until = :until WHERE id = :recipient"
        ),
        {"change": change, "rules": rules, "until": good_until, "recipient": recipient},
    )
