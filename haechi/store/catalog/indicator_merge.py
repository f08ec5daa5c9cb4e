"""The set operations that merge staged objects, values and patterns into the catalog, in their order.

States of a staged object: 0 counts from now, 1 known already, 2 conflict, 3 older than what is known or than another
in the same file, 4 withdrawn and never known here, 5 not by the object's creator.
"""

from typing import NamedTuple

from sqlalchemy import Connection, text

from haechi.messages.catalogue import Message, encode

NEW, KNOWN, CONFLICT, OLDER, NEVER_KNOWN, OTHER_CREATOR = range(6)

# Why a list closed a value itself: it may name it again. What anyone else closed waits for a new version of the object.
MOVED, LEFT = encode([Message("gone.moved")]), encode([Message("gone.left")])
DROPPED, REVOKED = encode([Message("gone.dropped")]), encode([Message("gone.revoked")])


class Step(NamedTuple):
    """One statement with the arguments it takes and the field of `Loaded` that its row count is added to.

    `asks` says that it only looks for what was there before or came twice: without effect where all objects are new.
    """

    sql: str
    arguments: tuple[str, ...] = ()
    counts: str = ""
    asks: bool = False

    def sql_for(self, dialect: str) -> str:
        """The statement as this database writes it: the larger of two is max() in SQLite."""
        return self.sql.replace("GREATEST(", "max(" if dialect == "sqlite" else "greatest(")


MERGE_OBJECTS: tuple[Step, ...] = (
    Step(
        # The oldest version in the file says who the creator is.
        "INSERT INTO object (source_id, object_id, list_name, type, creator, changed)"
        " SELECT CAST(:source AS BIGINT), own_id, list_name, type, creator, CAST(:change AS BIGINT) FROM staged_object"
        " WHERE revoked = 0 ORDER BY modified, n ON CONFLICT (source_id, object_id) DO NOTHING",
        ("source", "change"),
        "new_objects",
    ),
    Step(
        "UPDATE staged_object SET state = 0, object_row ="
        " (SELECT id FROM object o WHERE o.source_id = :source AND o.object_id = own_id)",
        ("source",),
    ),
    Step(
        "CREATE INDEX staged_object_row ON staged_object (object_row)",
        asks=True,
    ),
    Step(
        "UPDATE staged_object SET state = 4 WHERE object_row IS NULL",
        asks=True,
    ),
    Step(
        "UPDATE staged_object SET state = 5 WHERE state = 0 AND list_name IS NULL AND unversioned = 0"
        " AND creator <> (SELECT o.creator FROM object o WHERE o.id = object_row)",
        asks=True,
    ),
    # The same object more than once in one file: the newest counts, other content under one version is a conflict.
    Step(
        "UPDATE staged_object SET state = 2 WHERE state = 0 AND unversioned = 0 AND EXISTS (SELECT 1 FROM staged_object s"
        " WHERE s.object_row = staged_object.object_row AND s.version = staged_object.version"
        " AND s.digest <> staged_object.digest AND s.n < staged_object.n)",
        asks=True,
    ),
    Step(
        "UPDATE staged_object SET state = 3 WHERE state = 0 AND EXISTS (SELECT 1 FROM staged_object s"
        " WHERE s.object_row = staged_object.object_row AND s.state = 0 AND (s.modified > staged_object.modified"
        " OR (s.modified = staged_object.modified AND s.n > staged_object.n)))",
        asks=True,
    ),
    # Against what the catalog has.
    Step(
        "UPDATE staged_object SET state = 2 WHERE state IN (0, 3) AND unversioned = 0"
        " AND EXISTS (SELECT 1 FROM object_version v"
        " WHERE v.object_id = staged_object.object_row AND v.version = staged_object.version"
        " AND v.digest <> staged_object.digest)",
        asks=True,
    ),
    Step(
        "UPDATE staged_object SET state = 3 WHERE state = 0 AND EXISTS (SELECT 1 FROM object_version v"
        " WHERE v.object_id = staged_object.object_row AND v.to_at IS NULL AND v.modified > staged_object.modified)",
        asks=True,
    ),
    Step(
        "UPDATE staged_object SET state = 1 WHERE state = 0 AND EXISTS (SELECT 1 FROM object_version v"
        " WHERE v.object_id = staged_object.object_row AND v.to_at IS NULL AND v.version = staged_object.version"
        " AND v.digest = staged_object.digest AND v.view = staged_object.view)",
        asks=True,
    ),
    Step(
        "UPDATE object_version SET to_at = :at WHERE to_at IS NULL"
        " AND object_id IN (SELECT object_row FROM staged_object WHERE state = 0)",
        ("at",),
        asks=True,
    ),
    Step(
        "INSERT INTO object_version (object_id, version, modified, marking, pap, iep, confidence, valid_from,"
        " valid_until, context, raw, digest, view, from_at, to_at)"
        " SELECT object_row, version, modified, marking, pap, iep, confidence, valid_from, valid_until, context, raw,"
        " digest, view, CAST(:at AS BIGINT), NULL FROM staged_object WHERE state = 0",
        ("at",),
        "new_versions",
    ),
    Step(
        "INSERT INTO object_version (object_id, version, modified, marking, pap, iep, confidence, valid_from,"
        " valid_until, context, raw, digest, view, from_at, to_at)"
        " SELECT object_row, version, modified, marking, pap, iep, confidence, valid_from, valid_until, context, raw,"
        " digest, view, CAST(:at AS BIGINT), CAST(:at AS BIGINT) FROM staged_object WHERE state = 3 AND NOT EXISTS (SELECT 1"
        " FROM object_version v WHERE v.object_id = object_row AND v.version = staged_object.version)",
        ("at",),
        "older_versions",
        asks=True,
    ),
)

MERGE_VALUES: tuple[Step, ...] = (
    # Sorted, so that the index is written from left to right.
    Step(
        "INSERT INTO value (type, text) SELECT DISTINCT s.type, s.text FROM staged_value s"
        " JOIN staged_object o ON o.n = s.n AND o.state IN (0, 1) AND o.revoked = 0"
        # Asked first, for on a conflict SQLite and PostgreSQL use up an id all the same.
        " WHERE NOT EXISTS (SELECT 1 FROM value v WHERE v.type = s.type AND v.text = s.text) ORDER BY s.type, s.text"
        " ON CONFLICT (type, text) DO NOTHING",
        (),
        "values",
    ),
    Step(
        "INSERT INTO staged_pair (value_id, object_id) SELECT DISTINCT v.id, o.object_row"
        " FROM staged_value s JOIN staged_object o ON o.n = s.n AND o.state IN (0, 1) AND o.revoked = 0"
        " JOIN value v ON v.type = s.type AND v.text = s.text ORDER BY 1, 2"
    ),
    Step("DROP TABLE staged_value"),  # the texts of a million values
)

# A value that moves to other attributes within its list keeps the time it was first known.
_CARRY = Step(
    "INSERT INTO assertion (value_id, object_id, known_at, known_how)"
    " SELECT p.value_id, p.object_id, min(a.known_at), min(a.known_how) FROM staged_pair p"
    " JOIN assertion a ON a.value_id = p.value_id AND a.object_id <> p.object_id AND a.gone_at IS NULL"
    " JOIN object o ON o.id = a.object_id AND o.source_id = :source AND o.list_name = :list"
    " WHERE NOT EXISTS (SELECT 1 FROM assertion b"
    " WHERE b.value_id = p.value_id AND b.object_id = p.object_id AND b.gone_at IS NULL)"
    " GROUP BY p.value_id, p.object_id ON CONFLICT DO NOTHING",
    ("source", "list"),
    "added",
)
_CLOSE_MOVED = Step(
    f"UPDATE assertion SET gone_at = :at, gone_why = '{MOVED}'"
    " WHERE gone_at IS NULL AND object_id IN (SELECT id FROM object WHERE source_id = :source AND list_name = :list"
    " AND id NOT IN (SELECT object_row FROM staged_object WHERE object_row IS NOT NULL))"
    " AND value_id IN (SELECT value_id FROM staged_pair)",
    ("at", "source", "list"),
    "closed",
)
_CLOSE_MISSING = Step(
    f"UPDATE assertion SET gone_at = :at, gone_why = '{LEFT}'"
    " WHERE gone_at IS NULL AND object_id IN (SELECT id FROM object WHERE source_id = :source AND list_name = :list)"
    " AND NOT EXISTS (SELECT 1 FROM staged_pair p"
    " WHERE p.value_id = assertion.value_id AND p.object_id = assertion.object_id)",
    ("at", "source", "list"),
    "closed",
)
# An asserted time can't reach back into a span in which the value was gone. What was expired or is outdated stays closed
# under a version that was known before, also where the version is seen otherwise now (another default marking).
_ADD = Step(
    "INSERT INTO assertion (value_id, object_id, known_at, known_how)"
    " SELECT p.value_id, p.object_id, GREATEST(CAST(:known_at AS BIGINT), coalesce((SELECT max(a.gone_at) + 1"
    " FROM assertion a WHERE a.value_id = p.value_id AND a.object_id = p.object_id), 0)), CAST(:how AS SMALLINT)"
    " FROM staged_pair p"
    " WHERE NOT EXISTS (SELECT 1 FROM assertion b"
    " WHERE b.value_id = p.value_id AND b.object_id = p.object_id AND (b.gone_at IS NULL"
    f" OR b.gone_why NOT IN ('{MOVED}', '{LEFT}') AND b.object_id NOT IN (SELECT o.object_row FROM staged_object o"
    " WHERE o.state = 0 AND NOT EXISTS (SELECT 1 FROM object_version v WHERE v.object_id = o.object_row"
    " AND v.version = o.version AND v.to_at IS NOT NULL))))",
    ("known_at", "how"),
    "added",
)
# The same where none of the objects has an assertion yet: a first import asks nothing a million times.
_ADD_FIRST = Step(
    "INSERT INTO assertion (value_id, object_id, known_at, known_how)"
    " SELECT value_id, object_id, CAST(:known_at AS BIGINT), CAST(:how AS SMALLINT) FROM staged_pair",
    ("known_at", "how"),
    "added",
)
_CLOSE_DROPPED = Step(
    f"UPDATE assertion SET gone_at = :at, gone_why = '{DROPPED}' WHERE gone_at IS NULL"
    " AND object_id IN (SELECT object_row FROM staged_object WHERE state = 0 AND list_name IS NULL AND revoked = 0)"
    " AND NOT EXISTS (SELECT 1 FROM staged_pair p"
    " WHERE p.value_id = assertion.value_id AND p.object_id = assertion.object_id)",
    ("at",),
    "closed",
    asks=True,
)
_CLOSE_REVOKED = Step(
    f"UPDATE assertion SET gone_at = :at, gone_why = '{REVOKED}' WHERE gone_at IS NULL"
    " AND object_id IN (SELECT object_row FROM staged_object WHERE state IN (0, 1) AND revoked = 1)",
    ("at",),
    "closed",
    asks=True,
)

MERGE_PATTERNS: tuple[Step, ...] = (
    Step(
        "UPDATE pattern SET gone_at = :at WHERE gone_at IS NULL"
        " AND object_id IN (SELECT object_row FROM staged_object WHERE state = 0 OR (state = 1 AND revoked = 1))",
        ("at",),
        asks=True,
    ),
    Step(
        "INSERT INTO pattern (object_id, pattern_type, pattern, reason, known_at)"
        " SELECT o.object_row, p.pattern_type, p.pattern, p.reason, CAST(:known_at AS BIGINT) FROM staged_pattern p"
        " JOIN staged_object o ON o.n = p.n AND o.state = 0 AND o.revoked = 0",
        ("known_at",),
        "patterns",
    ),
)

MERGE_WORDS: tuple[Step, ...] = (
    Step(
        "DELETE FROM foreign_sighting"
        " WHERE object_row IN (SELECT object_row FROM staged_object WHERE state = 0 OR (state = 1 AND revoked = 1))",
        asks=True,
    ),
    Step(
        "INSERT INTO foreign_sighting (object_row, indicator_id, kind, count, first, last, where_refs)"
        " SELECT o.object_row, w.indicator_id, w.kind, w.count, w.first, w.last, w.where_refs FROM staged_word w"
        " JOIN staged_object o ON o.n = w.n AND o.state = 0 AND o.revoked = 0 ORDER BY 1, 2, 3"
    ),
)

# What the release ledger has to look at anew: exchange_tables.CHANGES. New objects were stamped when they were put in.
STAMP_OBJECTS = Step(
    "UPDATE object SET changed = :change WHERE changed <> :change AND id IN (SELECT object_row FROM staged_object"
    " WHERE object_row IS NOT NULL AND (state = 0 OR state = 1 AND revoked = 1))",
    ("change",),
    asks=True,
)
STAMP_LIST = Step(
    "UPDATE object SET changed = :change WHERE source_id = :source AND list_name = :list",
    ("change", "source", "list"),
)


def list_steps(conn: Connection, source: int, list_name: str, replace: bool) -> tuple[Step, ...]:
    """The steps from pairs to assertions. Those that look at a list's other objects run only where it had any."""
    others = conn.execute(
        text("SELECT count(*) FROM object WHERE source_id = :source AND list_name = :list"),
        {"source": source, "list": list_name},
    ).scalar_one()
    had_any = conn.execute(
        text(
            "SELECT 1 FROM assertion a JOIN object o ON o.id = a.object_id"
            " WHERE o.source_id = :source AND o.list_name = :list LIMIT 1"
        ),
        {"source": source, "list": list_name},
    ).first()
    steps: list[Step] = []
    if had_any and others > 1:
        steps += [_CARRY, _CLOSE_MOVED]
    known = conn.execute(
        text("SELECT 1 FROM assertion WHERE object_id IN (SELECT object_row FROM staged_object) LIMIT 1")
    ).first()
    steps.append(_ADD if known or steps else _ADD_FIRST)
    if had_any and replace:
        steps.append(_CLOSE_MISSING)
    return (*steps, _CLOSE_DROPPED, _CLOSE_REVOKED)
