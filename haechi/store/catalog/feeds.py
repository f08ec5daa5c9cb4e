"""Feeds that we pull from: where, as which source, how far. The cursor moves in the transaction that keeps the objects."""

from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select, text, update

from haechi.model.errors import Conflict, NotFound
from haechi.store.catalog.exchange_tables import FEED, FEED_ITEM


class FeedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A feed as the catalog has it. Times in microseconds UTC."""

    id: int
    name: str
    kind: str  # taxii | misp
    url: str
    collection: str
    username: str
    private: bool
    source_id: int
    added_after: str
    next: str
    etag: str
    tried_at: int | None
    done_at: int | None
    failures: int


def add(
    conn: Connection, *, name: str, kind: str, url: str, collection: str, username: str, private: bool, source_id: int
) -> FeedRow:
    """A new feed; `Conflict` where the name is taken."""
    if conn.execute(select(FEED.c.id).where(FEED.c.name == name)).first() is not None:
        raise Conflict("feed.known", name=name)
    conn.execute(
        FEED.insert().values(
            name=name, kind=kind, url=url, collection=collection, username=username, private=int(private),
            source_id=source_id, added_after="", next="", etag="", failures=0,
        )
    )  # fmt: skip
    return find(conn, name)


def find(conn: Connection, name: str) -> FeedRow:
    """The feed of that name; `NotFound` where there is none."""
    row = conn.execute(select(FEED).where(FEED.c.name == name)).first()
    if row is None:
        raise NotFound("feed.unknown", name=name)
    return _row(row)


def every(conn: Connection) -> list[FeedRow]:
    """All feeds by name."""
    return [_row(row) for row in conn.execute(select(FEED).order_by(FEED.c.name))]


def save(conn: Connection, id: int, **fields: Any) -> None:
    """Set fields of a feed (added_after, next, etag, tried_at, done_at, failures)."""
    conn.execute(update(FEED).where(FEED.c.id == id).values(**fields))


def remove(conn: Connection, id: int) -> None:
    """Forget a feed; what it brought stays."""
    conn.execute(delete(FEED_ITEM).where(FEED_ITEM.c.feed_id == id))
    conn.execute(delete(FEED).where(FEED.c.id == id))


def versions(conn: Connection, id: int) -> dict[str, int]:
    """What was taken of a feed of files, and in which version."""
    rows = conn.execute(select(FEED_ITEM.c.name, FEED_ITEM.c.version).where(FEED_ITEM.c.feed_id == id))
    return {row.name: row.version for row in rows}


def took(conn: Connection, id: int, name: str, version: int) -> None:
    """Note that a file of a feed was taken."""
    conn.execute(
        text(
            "INSERT INTO feed_item (feed_id, name, version) VALUES (:feed, :name, :version)"
            " ON CONFLICT (feed_id, name) DO UPDATE SET version = excluded.version"
        ),
        {"feed": id, "name": name, "version": version},
    )


def _row(row: Any) -> FeedRow:
    return FeedRow(**{**row._mapping, "private": bool(row.private)})
