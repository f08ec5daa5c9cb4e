from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from haechi.model.errors import Conflict
from haechi.model.release import Relation
from haechi.store.catalog import credentials, recipients
from haechi.store.catalog.credentials import BASIC, BEARER

NOW = 1_800_000_000_000_000


def recipient(conn: Connection, name: str = "MODA") -> int:
    return recipients.add(
        conn, uuid=str(uuid4()), name=name, country="TW", kind="consumer", relation=Relation.PUBLIC, now=1
    ).id


def give(conn: Connection, id: int, said: str, name: str = "moda", kind: str = BASIC) -> None:
    credentials.set_secret(conn, id, kind=kind, name=name, said=said, collections=("indicators",), now=NOW)


def test_a_secret_is_256_random_bits() -> None:
    assert len(credentials.secret()) == 43
    assert credentials.secret() != credentials.secret()


def test_a_login_names_its_recipient_and_nothing_of_the_secret_is_kept(engine: Engine) -> None:
    with engine.begin() as conn:
        id = recipient(conn)
        give(conn, id, "open sesame")
        found = credentials.check(conn, BASIC, "moda", "open sesame")
        assert found is not None
        assert (found.recipient.id, found.collections) == (id, frozenset({"indicators"}))
        kept = conn.execute(text("SELECT * FROM credential")).all()
        assert not any(
            "sesame" in str(value) or b"sesame" in bytes(str(value), "utf-8") for row in kept for value in row
        )


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [(BASIC, "moda", "wrong"), (BASIC, "nobody", "s"), (BEARER, "moda", "s"), (BASIC, "mo\0da", "s"), (BASIC, "", "")],
)
def test_what_logs_nobody_in(engine: Engine, kind: str, name: str, said: str) -> None:
    with engine.begin() as conn:
        give(conn, recipient(conn), "s")
        assert credentials.check(conn, kind, name, said) is None


def test_a_new_secret_ends_the_old_one(engine: Engine) -> None:
    with engine.begin() as conn:
        id = recipient(conn)
        give(conn, id, "old")
        before = credentials.changes(conn)
        give(conn, id, "new")
        assert credentials.changes(conn) > before
        assert credentials.check(conn, BASIC, "moda", "old") is None
        assert credentials.check(conn, BASIC, "moda", "new") is not None
        assert len(credentials.every(conn, id)) == 1


def test_revoked_or_removed_logs_in_no_more(engine: Engine) -> None:
    with engine.begin() as conn:
        one, two = recipient(conn), recipient(conn, "KISA")
        give(conn, one, "s", "one")
        give(conn, two, "s", "two")
        before = credentials.changes(conn)
        assert credentials.revoke(conn, one, at=NOW) == 1
        assert credentials.changes(conn) > before
        recipients.change(conn, two, removed_at=NOW)
        assert credentials.check(conn, BASIC, "one", "s") is None
        assert credentials.check(conn, BASIC, "two", "s") is None
        assert credentials.every(conn, one)[0].revoked_at == NOW


def test_a_name_is_anothers_until_it_is_revoked(engine: Engine) -> None:
    with engine.begin() as conn:
        one, two = recipient(conn), recipient(conn, "KISA")
        give(conn, one, "s", "shared")
        with pytest.raises(Conflict, match="another's"):
            give(conn, two, "t", "shared")
        credentials.revoke(conn, one, at=NOW)
        give(conn, two, "t", "shared")
        found = credentials.check(conn, BASIC, "shared", "t")
        assert found is not None
        assert found.recipient.id == two


def test_the_last_use_is_written_at_most_once_a_minute(engine: Engine) -> None:
    assert credentials.is_stale(None, NOW)
    assert not credentials.is_stale(NOW - 59_000_000, NOW)
    assert credentials.is_stale(NOW - 60_000_000, NOW)
    with engine.begin() as conn:
        id = recipient(conn)
        give(conn, id, "s")
        row = credentials.every(conn, id)[0]
        credentials.used(conn, row.id, at=NOW)
        credentials.used(conn, row.id, at=NOW - 5)  # a clock that was set back
        assert credentials.every(conn, id)[0].last_used_at == NOW
