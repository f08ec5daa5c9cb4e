"""Deleting what a peer took back: rows go, they aren't closed (DATA-MODEL.md, 5). Everything else here only closes.

With an object go its assertions, versions, bytes and patterns, what anyone said of it (sightings, opinions, notes,
relationships, ours too), and its rows in what we gave on, where the ledger then says withdrawn. A value goes that nothing
asserts any more, unless it was seen in our own logs: that is our own observation, and stays without the peer's context.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, bindparam, text

from haechi.messages.catalogue import Message, encode
from haechi.store.catalog import foreign_sightings, ledger, releasable
from haechi.store.catalog.exchange_tables import CHANGES
from haechi.store.catalog.indicators import grow
from haechi.store.catalog.ledger import Taken
from haechi.store.catalog.recipients import count

_AT_ONCE: Final = 500
_SAYS: Final = ("relationship", "note", "opinion", "sighting")  # what is nothing without the object that it is about
_NAMES: Final = ("report", "grouping", "observed-data", "incident", "campaign")  # what may name it beside other things
_ID = re.compile(rb'"([a-z0-9-]+--[0-9a-fA-F-]{36})"')
TABLES: Final = (
    "assertion",
    "pattern",
    "object_version",
    "object",
    "value",
    "verdict",
    "value_warning",
    "received",
    "ledger",
)


class Deleted(msgspec.Struct, kw_only=True):
    """What went, and what stays."""

    objects: int = 0
    values: int = 0
    own: int = 0  # values that stay: seen in our own logs
    passed_on: int = 0  # objects that others had from us, and that are now withdrawn from them
    named: int = 0  # reports and the like, of other sources, that name the object's id
    recipients: list[int] = []  # whose ledger says withdrawn now


def delete(
    conn: Connection, source: int, object_ids: Sequence[str], *, seen: Callable[[Sequence[int]], set[int]], now: int
) -> Deleted:
    """Delete these objects of a source in the caller's transaction. `seen` says which values our own logs hold."""
    done = Deleted()
    own = list(_rows(conn, source, object_ids))
    about, naming = _about(conn, object_ids)
    about -= set(own)
    naming -= set(own)
    rows = [*own, *sorted(about)]
    if not rows:
        return done
    change = count(conn, CHANGES)  # before any recipient's row is locked: release takes the two in this order
    values = sorted({value for part in _parts(rows) for value in _values(conn, part)})
    _withdraw(conn, rows, set(own), object_ids, done, now)
    for part in _parts(rows):
        for table, column in (
            ("assertion", "object_id"),
            ("pattern", "object_id"),
            ("foreign_sighting", "object_row"),
            ("own_sighting", "object_row"),
            ("object_need", "object_row"),
            ("object_version", "object_id"),
            ("object", "id"),
        ):
            _each(conn, f"DELETE FROM {table} WHERE {column} IN :many", part)
    releasable.forget(conn, rows, object_ids)
    done.objects, done.named = len(own), len(naming)
    _forget_values(conn, values, seen, done)
    for part in _parts(sorted(naming)):  # release has to look at them anew: what they name is no longer there
        _each(conn, f"UPDATE object SET changed = {change} WHERE id IN :many", part)
    grow(conn)
    return done


def outdated(
    conn: Connection, source: int, object_ids: Sequence[str], *, seen: Callable[[Sequence[int]], set[int]]
) -> Deleted:
    """Delete what these objects said in versions that don't count any more: they were taken back, the present one not."""
    done = Deleted()
    for part in _parts(list(_rows(conn, source, object_ids))):
        values = _values(conn, part, " AND gone_at IS NOT NULL")
        for table, column in (("assertion", "gone_at"), ("pattern", "gone_at"), ("object_version", "to_at")):
            _each(conn, f"DELETE FROM {table} WHERE {column} IS NOT NULL AND object_id IN :many", part)
        _forget_values(conn, values, seen, done)
    return done


def _rows(conn: Connection, source: int, object_ids: Sequence[str]) -> Iterator[int]:
    query = text("SELECT id FROM object WHERE source_id = :source AND object_id IN :many").bindparams(
        bindparam("many", expanding=True)
    )
    for part in _parts(object_ids):
        yield from conn.execute(query, {"source": source, "many": part}).scalars()


def _about(conn: Connection, object_ids: Sequence[str]) -> tuple[set[int], set[int]]:
    """The objects of any source that say something of these, and those that name them beside other things."""
    wanted = {id.encode() for id in object_ids}
    about = {row for id in object_ids for row in foreign_sightings.rows_about(conn, id)}
    naming: set[int] = set()
    query = text(
        "SELECT o.id, o.type, v.raw FROM object o JOIN object_version v ON v.object_id = o.id"
        " WHERE o.type IN :many AND v.raw IS NOT NULL"
    ).bindparams(bindparam("many", expanding=True))
    # On the statement: a connection's own options would stay.
    streamed = query.execution_options(yield_per=1000)
    for row in conn.execute(streamed, {"many": [*_SAYS, *_NAMES]}):
        if not wanted.isdisjoint(_ID.findall(bytes(row.raw))):
            (about if row.type in _SAYS else naming).add(row.id)
    return about, naming - about


def _values(conn: Connection, rows: Sequence[int], which: str = "") -> list[int]:
    query = text(f"SELECT DISTINCT value_id FROM assertion WHERE object_id IN :many{which}").bindparams(
        bindparam("many", expanding=True)
    )
    return list(conn.execute(query, {"many": rows}).scalars())


def _withdraw(
    conn: Connection, rows: Sequence[int], own: set[int], object_ids: Sequence[str], done: Deleted, now: int
) -> None:
    """Take the objects back from whom we gave them to, and markings of theirs that went along with others."""
    query = text(
        "SELECT recipient_id, seq, object_row FROM ledger WHERE recipient_id = :recipient AND object_row IN :many"
        " AND live = 1"
    ).bindparams(bindparam("many", expanding=True))
    why = encode([Message("release.taken_back")])
    for recipient in conn.execute(text("SELECT id FROM recipient")).scalars().all():
        taken: list[Taken] = []
        for part in _parts(rows):
            for row in conn.execute(query, {"recipient": recipient, "many": part}):
                taken.append(Taken(row.seq, why))
                done.passed_on += row.object_row in own
        along = releasable.had(conn, recipient, object_ids).values()
        taken += [Taken(one.seq, why) for one in along if one.object_row == releasable.ALONG]
        if taken:
            ledger.write(conn, recipient, [], taken, now=now)
            done.recipients.append(recipient)


def _forget_values(
    conn: Connection, values: Sequence[int], seen: Callable[[Sequence[int]], set[int]], done: Deleted
) -> None:
    query = text(
        "SELECT id FROM value v WHERE id IN :many AND NOT EXISTS (SELECT 1 FROM assertion a WHERE a.value_id = v.id)"
    ).bindparams(bindparam("many", expanding=True))
    alone = [id for part in _parts(values) for id in conn.execute(query, {"many": part}).scalars()]
    kept = seen(alone) if alone else set()
    gone = [id for id in alone if id not in kept]
    for part in _parts(gone):
        for table, column in (
            ("value_warning", "value_id"),
            ("verdict", "value_id"),
            ("own_sighting", "value_id"),
            ("value", "id"),
        ):
            _each(conn, f"DELETE FROM {table} WHERE {column} IN :many", part)
    done.values += len(gone)
    done.own += len(kept)


def _each(conn: Connection, sql: str, many: Sequence[Any]) -> None:
    conn.execute(text(sql).bindparams(bindparam("many", expanding=True)), {"many": list(many)})


def _parts(items: Sequence[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(items), _AT_ONCE):
        yield list(items[start : start + _AT_ONCE])
