"""What of the catalog could leave, as release looks at it: objects, what they assert now, what a recipient has of them.

A unit of release is an object with a STIX document of its own (value_id 0), or one live assertion of a list or of a MISP
attribute. Objects come in pages by row id, so memory stays flat; of lists with many values only what differs from the
ledger is read, by set operations.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.release import Iep
from haechi.model.stixid import type_of
from haechi.store.catalog.exchange_tables import CHANGES, RULES
from haechi.store.catalog.indicators import batched

ALONG: Final = 0  # object_row of what stands in the ledger for itself: it went along with others, or is revoked
PAGE: Final = 500  # objects read together
MANY: Final = 2_000  # assertions from which on a list is compared by set operations
_ABOVE: Final = 1 << 62  # more than any row's id
_VALUES: Final = 5_000  # of a list, read together
_CACHE_KIB: Final = 196_608  # of SQLite's page cache during a run: the ledger's indexes then stay in memory


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """An object in the version that counts (`closed`: none does any more).

    `asserted` counts its assertions ever, `live` those of now, both up to `MANY`.
    """

    row: int
    object_id: str
    type: str  # STIX type that it leaves as
    list_name: str | None
    is_stix: bool  # it has a STIX document of its own; a MISP attribute's id is a bare UUID
    source: str
    own: bool
    from_recipient: int | None
    modified: int
    from_at: int
    marking: Tlp
    pap: Pap | None
    iep: Iep | None
    confidence: int | None
    valid_from: int | None
    valid_until: int | None
    context: Context
    raw: bytes | None
    asserted: int
    live: int
    closed: bool

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
    if conn.dialect.name == "sqlite":
        conn.execute(text(f"PRAGMA cache_size = -{_CACHE_KIB}"))
    for name in ("release_look", "release_next"):
        conn.execute(text(f"DROP TABLE IF EXISTS {name}"))
        conn.execute(text(f"CREATE TEMPORARY TABLE {name} (object_row BIGINT PRIMARY KEY)"))


def clear(conn: Connection) -> None:
    """Drop what `prepare` made."""
    if conn.dialect.name == "sqlite":
        conn.execute(text("PRAGMA cache_size = -2000"))
    for name in ("release_look", "release_next"):
        conn.execute(text(f"DROP TABLE IF EXISTS {name}"))


def look_at(conn: Connection, since: int | None, *, but_of: int = 0) -> int:
    """Note the objects that changed after a count of changes, or (None) all; how many.

    Those that came from the recipient `but_of` are left out: nobody is given back what it gave, and a peer may have given
    a million.
    """
    changed = "" if since is None else " AND changed > :since"
    sql = f"""INSERT INTO release_look SELECT id FROM object WHERE source_id NOT IN
        (SELECT id FROM source WHERE recipient_id = :but_of){changed}"""
    noted = conn.execute(text(sql), {"but_of": but_of} | ({} if since is None else {"since": since})).rowcount
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
    """Note for the next round what can't leave without these."""
    query = text(
        "INSERT INTO release_next SELECT DISTINCT object_row FROM object_need WHERE needs IN :ids"
        " ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(object_ids), 500):
        conn.execute(query, {"ids": list(object_ids[start : start + 500])})


def note_same(conn: Connection, gone: Sequence[Had]) -> None:
    """Note for the next round what other sources have under the ids of what was taken back: it may go instead."""
    sources = [row[0] for row in conn.execute(text("SELECT id FROM source"))]
    query = text(
        "INSERT INTO release_next SELECT id FROM object WHERE source_id = :source AND object_id IN :ids"
        " AND id NOT IN :rows ON CONFLICT DO NOTHING"
    ).bindparams(bindparam("ids", expanding=True), bindparam("rows", expanding=True))
    for source in sources if len(sources) > 1 else ():
        for start in range(0, len(gone), 500):
            part = gone[start : start + 500]
            ids, rows = [one.object_id for one in part], [one.object_row for one in part]
            conn.execute(query, {"source": source, "ids": ids, "rows": rows})


def any_needs(conn: Connection) -> bool:
    """Whether anything in the catalog can't leave without another thing."""
    return conn.execute(text("SELECT 1 FROM object_need LIMIT 1")).first() is not None


_ITEMS = """
SELECT o.id, o.object_id, o.type, o.list_name, s.name, s.own, s.recipient_id, v.id AS version_id, v.modified,
       v.from_at, v.marking, v.pap, v.iep, v.confidence, v.valid_from, v.valid_until, v.context, v.raw
FROM release_look c JOIN object o ON o.id = c.object_row JOIN source s ON s.id = o.source_id
LEFT JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL
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
    """The objects of that id (STIX, MISP, `list:SOURCE/NAME`), of every source; the first hundred."""
    source, _, name = id.removeprefix("list:").partition("/") if id.startswith("list:") else ("", "", "")
    if source:
        query = "SELECT o.id FROM source s JOIN object o ON o.source_id = s.id AND o.list_name = :name WHERE s.name = :source"
        rows = conn.execute(text(query + " ORDER BY o.id LIMIT 100"), {"source": source, "name": name})
    else:
        query = "SELECT o.id FROM source s JOIN object o ON o.source_id = s.id AND o.object_id = :id"
        rows = conn.execute(text(query + " ORDER BY o.id LIMIT 100"), {"id": id})
    return by_rows(conn, list(rows.scalars()))


def by_rows(conn: Connection, rows: Sequence[int]) -> list[Item]:
    """The objects of these rows."""
    query = _ITEMS.replace("release_look c JOIN object o ON o.id = c.object_row", "object o").replace(
        "c.object_row > :after ORDER BY c.object_row LIMIT :page", "o.id IN :rows ORDER BY o.id"
    )
    found = conn.execute(text(query).bindparams(bindparam("rows", expanding=True)), {"rows": list(rows)}).all()
    counts = _counts(conn, rows)
    return [_item(row, *counts.get(row.id, (0, 0))) for row in found]


def _counts(conn: Connection, rows: Sequence[int]) -> dict[int, tuple[int, int]]:
    """How many assertions objects have had and have; of a long list only that there are `MANY` or more."""
    query = text(
        "SELECT o.id, (SELECT count(*) FROM (SELECT 1 FROM assertion WHERE object_id = o.id LIMIT :many) x),"
        " (SELECT count(*) FROM (SELECT 1 FROM assertion WHERE object_id = o.id AND gone_at IS NULL LIMIT :many) y)"
        " FROM object o WHERE o.id IN :rows"
    ).bindparams(bindparam("rows", expanding=True))
    return {
        row[0]: (row[1], row[2]) for part in batched(rows) for row in conn.execute(query, {"rows": part, "many": MANY})
    }


def _item(row: Any, asserted: int, live: int) -> Item:
    # By place: a row's names are looked up one by one, which for a million objects takes ten seconds.
    (
        id, object_id, type, list_name, source, own, recipient, version_id, modified, from_at, marking, pap, iep,
        confidence, valid_from, valid_until, context, raw,
    ) = row  # fmt: skip
    closed = version_id is None
    return Item(
        row=id,
        object_id=object_id,
        type=type,
        list_name=list_name,
        is_stix=list_name is None and bool(type_of(object_id)),
        source=source,
        own=own == 1,
        from_recipient=recipient,
        modified=0 if closed else modified,
        from_at=0 if closed else from_at,
        marking=Tlp.RED if closed else Tlp(marking),
        pap=None if pap is None else Pap(pap),
        iep=None if iep is None else msgspec.json.decode(iep, type=Iep),
        confidence=confidence,
        valid_from=valid_from,
        valid_until=valid_until,
        context=Context() if closed else _context(context),
        raw=None if raw is None else bytes(raw),
        asserted=asserted,
        live=live,
        closed=closed,
    )  # fmt: skip


@lru_cache(maxsize=4096)  # a feed's objects say little that differs
def _context(stored: str) -> Context:
    return msgspec.json.decode(stored, type=Context)


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


# Found by an index that covers the question (`k`), then read: SQLite would rather read a whole slice than look twice for
# a row, and takes a cross join's tables as they stand.
_HAD = (
    "SELECT l.seq, l.object_id, l.object_row, l.value_id, l.version FROM ledger k CROSS JOIN ledger l"
    " WHERE k.recipient_id = :recipient AND k.live = 1 AND l.recipient_id = :recipient AND l.seq = k.seq"
)


def had_of(conn: Connection, recipient: int, rows: Sequence[int]) -> dict[int, dict[int, Had]]:
    """What a recipient has of these objects: by object and value."""
    found: dict[int, dict[int, Had]] = {}
    query = text(f"{_HAD} AND k.object_row IN :rows").bindparams(bindparam("rows", expanding=True))
    for part in batched(rows):
        for row in conn.execute(query, {"recipient": recipient, "rows": part}):
            found.setdefault(row.object_row, {})[row.value_id] = Had(*row)
    return found


def had(conn: Connection, recipient: int, object_ids: Sequence[str]) -> dict[str, Had]:
    """What a recipient has under these ids."""
    found: dict[str, Had] = {}
    query = text(f"{_HAD} AND k.object_id IN :ids").bindparams(bindparam("ids", expanding=True))
    for start in range(0, len(object_ids), 500):
        for row in conn.execute(query, {"recipient": recipient, "ids": list(object_ids[start : start + 500])}):
            found[row.object_id] = Had(*row)
    return found


def body_of(conn: Connection, recipient: int, seq: int) -> bytes:
    """The bytes that left under that sequence."""
    query = text("SELECT body FROM ledger WHERE recipient_id = :recipient AND seq = :seq")
    return bytes(conn.execute(query, {"recipient": recipient, "seq": seq}).scalar_one())


class Long(NamedTuple):
    """A long list, and what a recipient has of it."""

    row: int
    live: int  # values it asserts now
    had: int  # values the recipient has of it
    column: str  # assertion.object_id, as this database finds a whole list's quickest


def long_list(conn: Connection, recipient: int, row: int) -> Long:
    """Count a long list. Where it is most of the table, SQLite reads the table, not a million rows by an index."""
    column = "a.object_id"
    if conn.dialect.name == "sqlite":
        query = "SELECT count(*) FROM assertion WHERE object_id = :row"
        asserted = conn.execute(text(query), {"row": row}).scalar_one()
        values = conn.execute(text("SELECT max(id) FROM value")).scalar_one()
        column = "+a.object_id" if asserted * 4 > values else column
    counted = f"SELECT count(*) FROM assertion a WHERE {column} = :row AND a.gone_at IS NULL"
    live = conn.execute(text(counted), {"row": row}).scalar_one()
    there = "SELECT count(*) FROM ledger WHERE recipient_id = :recipient AND object_row = :row AND live = 1"
    had = conn.execute(text(there), {"recipient": recipient, "row": row}).scalar_one()
    return Long(row, live, had, column)


def missing(conn: Connection, recipient: int, long: Long) -> Iterator[list[Unit]]:
    """The live assertions of a long list that the recipient lacks, in blocks, once what is gone was taken back.

    The newest values first: after an addition little else need be looked at.
    """
    had = (
        " AND NOT EXISTS (SELECT 1 FROM ledger l WHERE l.recipient_id = :recipient AND l.object_row = :row"
        " AND l.value_id = a.value_id AND l.live = 1)"
    )
    query = text(
        "SELECT a.object_id, a.value_id, v.type, v.text, a.known_at FROM assertion a CROSS JOIN value v"
        f" WHERE v.id = a.value_id AND {long.column} = :row AND a.value_id < :before AND a.gone_at IS NULL"
        f"{had if long.had else ''} ORDER BY a.value_id DESC LIMIT :page"
    )
    left, before = long.live - long.had, _ABOVE
    while left > 0:
        arguments = {"row": long.row, "before": before, "page": min(_VALUES, left)}
        rows = conn.execute(query, arguments | ({"recipient": recipient} if long.had else {})).all()
        if not rows:
            return
        left -= len(rows)
        before = rows[-1].value_id
        yield [_unit(found) for found in rows]


def vanished(conn: Connection, recipient: int, long: Long) -> list[Had]:
    """What a recipient has of a long list's values that are no longer asserted."""
    query = text(
        # In this order: what is gone is little, and SQLite takes a cross join's tables as they stand.
        "SELECT DISTINCT l.seq, l.object_id, l.object_row, l.value_id, l.version FROM assertion a CROSS JOIN ledger l"
        " WHERE l.recipient_id = :recipient AND l.object_row = :row AND l.value_id = a.value_id AND l.live = 1"
        f" AND {long.column} = :row AND a.gone_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM assertion b"
        " WHERE b.value_id = a.value_id AND b.object_id = a.object_id AND b.gone_at IS NULL) ORDER BY l.seq"
    )
    return [Had(*found) for found in conn.execute(query, {"recipient": recipient, "row": long.row})]


def all_of(conn: Connection, recipient: int, row: int) -> Iterator[list[Had]]:
    """All that a recipient has of an object, in blocks by value."""
    query = text(f"{_HAD} AND k.object_row = :row AND k.value_id > :after ORDER BY k.value_id LIMIT :page")
    after = -1
    while rows := conn.execute(query, {"recipient": recipient, "row": row, "after": after, "page": _VALUES}).all():
        after = rows[-1].value_id
        yield [Had(*found) for found in rows]


def forget(conn: Connection, rows: Sequence[int], object_ids: Sequence[str]) -> None:
    """Forget what deleted objects needed, and that others needed them: nothing here names them any longer."""
    for name, many in (("object_row", rows), ("needs", object_ids)):
        query = text(f"DELETE FROM object_need WHERE {name} IN :many").bindparams(bindparam("many", expanding=True))
        for start in range(0, len(many), 500):
            conn.execute(query, {"many": list(many[start : start + 500])})


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


def given(conn: Connection, recipient: int, object_ids: Sequence[str]) -> set[str]:
    """Those of these ids that the recipient gave us itself."""
    found: set[str] = set()
    sources = conn.execute(text("SELECT id FROM source WHERE recipient_id = :who"), {"who": recipient}).scalars().all()
    query = text("SELECT object_id FROM object WHERE source_id = :source AND object_id IN :ids").bindparams(
        bindparam("ids", expanding=True)
    )
    for source in sources:
        for start in range(0, len(object_ids), 500):
            part = list(object_ids[start : start + 500])
            found.update(conn.execute(query, {"source": source, "ids": part}).scalars())
    return found


def measure(conn: Connection) -> None:
    """Let PostgreSQL measure the ledger. SQLite needs it not.

    Within the transaction that fills it nothing else does, and a table of unknown content is read whole for each page.
    """
    if conn.dialect.name == "postgresql":
        conn.execute(text("ANALYZE ledger"))


def seen(conn: Connection, recipient: int, *, change: int, rules: int, good_until: int | None) -> None:
    """Keep up to where release has looked."""
    conn.execute(
        text(
            "UPDATE recipient SET seen_change = :change, seen_rules = :rules, good_until = :until WHERE id = :recipient"
        ),
        {"change": change, "rules": rules, "until": good_until, "recipient": recipient},
    )
