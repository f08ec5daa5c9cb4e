"""Indicators into the catalog: a STIX bundle, a MISP event or a list of a million values, in one transaction.

Everything is staged in temporary tables by the driver itself (executemany, COPY) and merged by set operations, so
memory stays flat and a second import of the same file changes nothing. The rules are those of DATA-MODEL.md, 2:
source + object id + value is one assertion across versions and keeps its first `known_at`; rows are closed, never
overwritten; the same id and version with other content is a conflict of that object alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from haechi.messages.catalogue import encode
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject
from haechi.store.catalog import driver
from haechi.store.catalog.indicator_merge import MERGE_OBJECTS, MERGE_PATTERNS, MERGE_VALUES, Step, list_steps
from haechi.store.catalog.indicators import grow

OBSERVED, ASSERTED = "observed", "asserted"
_CACHE_KIB = 98_304  # of SQLite's page cache while a list is merged: its index then stays in memory
_STAGED = ("staged_object", "staged_value", "staged_pattern", "staged_pair")

_OBJECT_COLUMNS = (
    "n", "own_id", "list_name", "version", "modified", "marking", "pap", "confidence", "valid_from", "valid_until",
    "context", "raw", "digest", "view", "revoked", "line",
)  # fmt: skip


class Loaded(msgspec.Struct, kw_only=True):
    """What an import did. Counts are of assertions, unless the name says otherwise."""

    added: int = 0
    unchanged: int = 0
    closed: int = 0
    values: int = 0  # values never seen before
    objects: int = 0  # objects read
    new_versions: int = 0
    older_versions: int = 0  # kept, and don't count
    patterns: int = 0  # kept, not evaluated yet
    first_new_value: int = 0  # values with an id above this came with this import
    conflicts: list[BadInput] = []

    @property
    def changed(self) -> bool:
        """Whether matching can have changed."""
        return bool(self.added or self.closed or self.new_versions)


def source_id(conn: Connection, name: str, marking: Tlp | None) -> tuple[int, Tlp]:
    """The source's id and its marking for unmarked objects; added if new, `marking` None keeps what it has."""
    found = conn.execute(text("SELECT id, marking FROM source WHERE name = :name"), {"name": name}).first()
    if found is None:
        default = Tlp.AMBER_STRICT if marking is None else marking
        row = conn.execute(
            text("INSERT INTO source (name, marking) VALUES (:name, :marking) RETURNING id"),
            {"name": name, "marking": int(default)},
        ).scalar_one()
        return int(row), default
    if marking is not None and marking != found.marking:
        conn.execute(
            text("UPDATE source SET marking = :marking WHERE id = :id"), {"marking": int(marking), "id": found.id}
        )
    return int(found.id), Tlp(found.marking if marking is None else marking)


def load(
    conn: Connection,
    source: int,
    objects: Iterable[SourceObject],
    *,
    at: int,
    list_name: str,
    known_at: int | None = None,
    known_why: str = "",
    replace: bool = False,
) -> Loaded:
    """Merge the objects of one file of a source into the catalog, in the caller's transaction.

    `at` is now; `known_at` an earlier time asserted for what is new here, with its reason `known_why`. `list_name`
    names the list among the source's, for objects without an id of their own; with `replace` what the list no longer
    has is closed. Returns what changed; conflicts are listed there, not raised.
    """
    _prepare(conn)
    try:
        done = Loaded()
        done.objects = _stage(conn, objects, list_name)
        how = _known_how(conn, OBSERVED if known_at is None else ASSERTED, known_why)
        done.first_new_value = int(conn.execute(text("SELECT coalesce(max(id), 0) FROM value")).scalar_one())
        arguments = {
            "source": source,
            "list": list_name,
            "at": at,
            "known_at": at if known_at is None else known_at,
            "how": how,
        }
        if conn.dialect.name == "postgresql":  # temporary tables have no statistics of themselves
            conn.execute(text("ANALYZE staged_object"))
            conn.execute(text("ANALYZE staged_value"))
            conn.execute(text("SET LOCAL work_mem = '128MB'"))
        for step in (*MERGE_OBJECTS, *MERGE_VALUES):
            _run(conn, step, arguments, done)
        for step in (*list_steps(conn, source, list_name, replace), *MERGE_PATTERNS):  # asks what the merge left
            _run(conn, step, arguments, done)
        done.unchanged += int(conn.execute(text("SELECT count(*) FROM staged_pair")).scalar_one()) - done.added
        done.conflicts = list(_conflicts(conn))
        if done.changed:
            grow(conn)
        return done
    finally:
        _clear(conn)


def _run(conn: Connection, step: Step, arguments: dict[str, Any], done: Loaded) -> None:
    sql = step.sql_for(conn.dialect.name)
    rows = conn.execute(text(sql), {name: arguments[name] for name in step.arguments}).rowcount
    if step.counts:
        setattr(done, step.counts, getattr(done, step.counts) + max(rows, 0))


def _prepare(conn: Connection) -> None:
    _clear(conn)
    binary = "BLOB" if conn.dialect.name == "sqlite" else "BYTEA"
    if conn.dialect.name == "sqlite":
        conn.execute(text(f"PRAGMA cache_size = -{_CACHE_KIB}"))
        # These tables are in memory only; to overwrite what is dropped there would take as much memory again.
        conn.execute(text("PRAGMA temp.secure_delete = OFF"))
    conn.execute(
        text(
            "CREATE TEMPORARY TABLE staged_object (n INTEGER PRIMARY KEY, own_id TEXT, list_name TEXT, version TEXT,"
            " modified BIGINT, marking SMALLINT, pap SMALLINT, confidence SMALLINT, valid_from BIGINT,"
            f" valid_until BIGINT, context TEXT, raw {binary}, digest {binary}, view {binary}, revoked SMALLINT,"
            " line BIGINT, object_row BIGINT, state SMALLINT)"
        )
    )
    compact = " WITHOUT ROWID" if conn.dialect.name == "sqlite" else ""
    conn.execute(
        text(
            "CREATE TEMPORARY TABLE staged_pair (value_id BIGINT, object_id BIGINT,"
            f" PRIMARY KEY (value_id, object_id)){compact}"
        )
    )
    plain = "TEXT" if conn.dialect.name == "sqlite" else 'TEXT COLLATE "C"'  # as in the table `value`
    conn.execute(text(f"CREATE TEMPORARY TABLE staged_value (n INTEGER, type {plain}, text {plain})"))
    conn.execute(
        text("CREATE TEMPORARY TABLE staged_pattern (n INTEGER, pattern_type TEXT, pattern TEXT, reason TEXT)")
    )


def _clear(conn: Connection) -> None:
    if conn.dialect.name == "postgresql" and conn.connection.driver_connection.info.transaction_status == 3:  # type: ignore[union-attr]
        return  # in a failed transaction, which takes the temporary tables with it
    for table in _STAGED:
        conn.execute(text(f"DROP TABLE IF EXISTS {table}"))
    if conn.dialect.name == "sqlite":
        conn.execute(text("PRAGMA cache_size = -2000"))


def _stage(conn: Connection, objects: Iterable[SourceObject], list_name: str) -> int:
    """Put everything into the temporary tables. Parts of a list with the same attributes are one object."""
    numbers: dict[bytes, int] = {}
    count = 0
    for found in objects:
        view = _view(found)
        n = count
        if found.object_id == "":
            if view in numbers:
                n = numbers[view]
            else:
                numbers[view] = n
        if n == count:
            count += 1
            driver.insert(conn, "staged_object", _OBJECT_COLUMNS, [_object_row(n, found, view, list_name)])
        for kind, texts in found.values.items():
            name = kind.value
            driver.insert(conn, "staged_value", ("n", "type", "text"), ((n, name, value) for value in texts))
        if found.patterns:
            rows = [(n, p.pattern_type, p.pattern, encode(p.reasons)) for p in found.patterns]
            driver.insert(conn, "staged_pattern", ("n", "pattern_type", "pattern", "reason"), rows)
    return count


def _view(found: SourceObject) -> bytes:
    shown = (found.marking, found.pap, found.confidence, found.valid_from, found.valid_until, found.context)
    return hashlib.sha256(msgspec.json.encode(shown)).digest()


def _digest(found: SourceObject, view: bytes) -> bytes:
    if found.content is not None:
        return hashlib.sha256(found.content).digest()
    return view if found.raw is None else _content(found.raw)


def _content(raw: bytes) -> bytes:
    """SHA-256 of an object's content: the order of its keys and its white space don't count."""
    return hashlib.sha256(msgspec.json.encode(msgspec.json.decode(raw), order="sorted")).digest()


def _object_row(n: int, found: SourceObject, view: bytes, list_name: str) -> tuple[Any, ...]:
    is_list = found.object_id == ""
    return (
        n,
        f"list:{list_name}:{view.hex()[:32]}" if is_list else found.object_id,
        list_name if is_list else None,
        found.version,
        found.modified,
        int(found.marking),
        None if found.pap is None else int(found.pap),
        found.confidence,
        found.valid_from,
        found.valid_until,
        msgspec.json.encode(found.context).decode(),
        found.raw,
        _digest(found, view),
        view,
        int(found.revoked),
        found.line,
    )


def _known_how(conn: Connection, how: str, why: str) -> int:
    arguments = {"how": how, "why": why if how == ASSERTED else ""}
    conn.execute(text("INSERT INTO known_how (how, why) VALUES (:how, :why) ON CONFLICT DO NOTHING"), arguments)
    return int(conn.execute(text("SELECT id FROM known_how WHERE how = :how AND why = :why"), arguments).scalar_one())


def _conflicts(conn: Connection) -> Iterator[BadInput]:
    for row in conn.execute(text("SELECT own_id, version, line FROM staged_object WHERE state = 2 ORDER BY n")):
        place = Location(line=row.line, field="id", value=row.own_id)
        if row.version:
            yield BadInput("indicators.other_content", location=place, version=row.version)
        else:
            yield BadInput("indicators.other_content_no_version", location=place)
