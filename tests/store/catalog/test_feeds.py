"""Feeds by name, their cursors, what was taken of them."""

from typing import Any

import pytest
from sqlalchemy import Engine

from haechi.model.errors import Conflict, NotFound
from haechi.store.catalog import feeds
from haechi.store.catalog.indicator_load import source_id


def test_a_feed_s_life(engine: Engine) -> None:
    with engine.begin() as conn:
        source, _ = source_id(conn, "vendor", None)
        told: dict[str, Any] = {
            "kind": "taxii",
            "url": "https://a.example/",
            "collection": "c",
            "username": "u",
            "private": True,
        }
        made = feeds.add(conn, name="vendor", source_id=source, **told)
        assert (made.private, made.added_after, made.next, made.etag, made.failures) == (True, "", "", "", 0)
        with pytest.raises(Conflict, match="vendor"):
            feeds.add(conn, name="vendor", source_id=source, **told)
        feeds.save(conn, made.id, added_after="2026-01-01T00:00:00Z", next="n", failures=2)
        assert [one.added_after for one in feeds.every(conn)] == ["2026-01-01T00:00:00Z"]
        feeds.took(conn, made.id, "a", 1)
        feeds.took(conn, made.id, "a", 2)
        feeds.took(conn, made.id, "b", 1)
        assert feeds.versions(conn, made.id) == {"a": 2, "b": 1}
        feeds.remove(conn, made.id)
        assert feeds.every(conn) == []
        with pytest.raises(NotFound, match="vendor"):
            feeds.find(conn, "vendor")
