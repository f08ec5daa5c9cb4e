"""Indicators into the catalog: a STIX bundle, a MISP event or a list of a million values, in one transaction.

Everything is staged in temporary tables by the driver itself (executemany, COPY) and merged by set operations, so
memory stays flat and a second import of the same file changes nothing. The rules are those of DATA-MODEL.md, 2:
source + object id + value is one assertion across versions and keeps its first `known_at`; rows are closed, never
overwritten; the same id and version with other content is a conflict of that object alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Connection, text

from haechi.messages.catalogue import encode
from haechi.model.errors import BadInput, Conflict
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.source_object import INDICATOR, SourceObject
from haechi.store.catalog import driver, foreign_sightings
from haechi.store.catalog.exchange_tables import CHANGES
from haechi.store.catalog.indicator_merge import (
    CONFLICT,
    MERGE_OBJECTS,
    MERGE_PATTERNS,
    MERGE_VALUES,
    MERGE_WORDS,
    OTHER_CREATOR,
    STAMP_LIST,
    STAMP_OBJECTS,
    Step,
    list_steps,
)
from haechi.store.catalog.indicators import grow
from haechi.store.catalog.recipients import count

OBSERVED, ASSERTED = "observed", "asserted"
_STAGED = ("staged_object", "staged_value", "staged_pattern", "staged_pair", "staged_word")

_AT_ONCE = 4_000  # rows staged together
_VALUE_COLUMNS = ("n", "type", "text")
_OBJECT_COLUMNS = (
    "n", "own_id", "list_name", "version", "modified", "marking", "pap", "confidence", "valid_from", "valid_until",
    "context", "raw", "digest", "view", "revoked", "line", "type", "creator", "iep", "unversioned",
)  # fmt: skip


class Loaded(msgspec.Struct, kw_only=True):
    """What an import did. Counts are of assertions, unless the name says otherwise."""

    added: int = 0
    unchanged: int = 0
    closed: int = 0
    values: int = 0  # values never seen before
    objects: int = 0  # objects read
    context: int = 0  # of them such as are no indicators
    new_objects: int = 0  # never seen before from this source
    new_versions: int = 0  # of indicators
    new_context: int = 0  # versions of objects that are no indicators
    older_versions: int = 0  # kept, and don't count
    patterns: int = 0  # kept, not evaluated yet
    first_new_value: int = 0  # values with an id above this came with this import
    conflicts: list[BadInput] = []

    @property
    def changed(self) -> bool:
        """Whether matching can have changed."""
        return bool(self.added or self.closed or self.new_versions)


def source_id(conn: Connection, name: str, marking: Tlp | None, *, own: bool = False) -> tuple[int, Tlp]:
    """The source's id and its marking for unmarked objects; added if new, `marking` None keeps what it has.

    `own` says that we created what it has: then our grants alone decide who gets it. `Conflict` where the source was
    made as the other kind: what is ours and what was given to us never share a source.
    """
    found = conn.execute(text("SELECT id, marking, own FROM source WHERE name = :name"), {"name": name}).first()
    if found is None:
        default = Tlp.AMBER_STRICT if marking is None else marking
        row = conn.execute(
            text("INSERT INTO source (name, marking, own) VALUES (:name, :marking, :own) RETURNING id"),
            {"name": name, "marking": int(default), "own": int(own)},
        ).scalar_one()
        return int(row), default
    if bool(found.own) is not own:
        if own:
            raise Conflict("source.foreign", name=name)
        raise Conflict("source.own", name=name)
    if marking is not None and marking != found.marking:
        conn.execute(
            text("UPDATE source SET marking = :marking WHERE id = :id"), {"marking": int(marking), "id": found.id}
        )
    return int(found.id), Tlp(found.marking if marking is None else marking)


def default_marking(conn: Connection, source_id: int) -> Tlp:
    """What a source's unmarked objects get."""
    return Tlp(conn.execute(text("SELECT marking FROM source WHERE id = :id"), {"id": source_id}).scalar_one())


def marking_definitions(conn: Connection, source_id: int) -> list[bytes]:
    """The marking-definitions that a source sent, as received: its later objects may name them without sending them."""
    rows = conn.execute(
        text(
            "SELECT v.raw FROM object o JOIN object_version v ON v.object_id = o.id AND v.to_at IS NULL"
            " WHERE o.type = 'marking-definition' AND o.type <> 'indicator'"  # as the partial index says it
            " AND o.source_id = :source ORDER BY o.id"
        ),
        {"source": source_id},
    )
    return [bytes(row[0]) for row in rows]


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
    with driver.roomy(conn), _staging(conn):
        done = Loaded()
        done.objects, done.context = _stage(conn, objects, list_name)
        how = _known_how(conn, OBSERVED if known_at is None else ASSERTED, known_why)
        done.first_new_value = int(conn.execute(text("SELECT coalesce(max(id), 0) FROM value")).scalar_one())
        arguments: dict[str, Any] = {
            "source": source,
            "list": list_name,
            "at": at,
            "known_at": at if known_at is None else known_at,
            "how": how,
            "change": count(conn, CHANGES),  # at the start: whoever comes next waits, so that counts commit in order
        }
        if conn.dialect.name == "postgresql":  # temporary tables have no statistics of themselves
            conn.execute(text("ANALYZE staged_object"))
            conn.execute(text("ANALYZE staged_value"))
            conn.execute(text("SET LOCAL work_mem = '128MB'"))
        for step in (*MERGE_OBJECTS, *MERGE_VALUES):
            _run(conn, step, arguments, done)
        after = (
            *list_steps(conn, source, list_name, replace),
            *MERGE_PATTERNS,
            *MERGE_WORDS,
        )  # asks what the merge left
        for step in after:
            _run(conn, step, arguments, done)
        done.new_context = _new_context(conn) if done.context else 0
        done.new_versions -= done.new_context
        done.unchanged += int(conn.execute(text("SELECT count(*) FROM staged_pair")).scalar_one()) - done.added
        done.conflicts = list(_conflicts(conn))
        _run(conn, STAMP_OBJECTS, arguments, done)
        if done.added or done.closed:
            _run(conn, STAMP_LIST, arguments, done)
        if done.closed:
            foreign_sightings.forget_gone(conn, at=at, change=arguments["change"])
        if done.changed:
            grow(conn)
        return done


@contextmanager
def _staging(conn: Connection) -> Iterator[None]:
    """The temporary tables, gone when it's over."""
    _prepare(conn)
    try:
        yield
    finally:
        _clear(conn)


def _run(conn: Connection, step: Step, arguments: dict[str, Any], done: Loaded) -> None:
    if step.asks and done.new_objects == done.objects:
        return
    sql = step.sql_for(conn.dialect.name)
    rows = conn.execute(text(sql), {name: arguments[name] for name in step.arguments}).rowcount
    if step.counts:
        setattr(done, step.counts, getattr(done, step.counts) + max(rows, 0))


def _prepare(conn: Connection) -> None:
    _clear(conn)
    binary = "BLOB" if conn.dialect.name == "sqlite" else "BYTEA"
    if conn.dialect.name == "sqlite":
        # These tables are in memory only; to overwrite what is dropped there would take as much memory again.
        conn.execute(text("PRAGMA temp.secure_delete = OFF"))
    conn.execute(
        text(
            "CREATE TEMPORARY TABLE staged_object (n INTEGER PRIMARY KEY, own_id TEXT, list_name TEXT, version TEXT,"
            " modified BIGINT, marking SMALLINT, pap SMALLINT, confidence SMALLINT, valid_from BIGINT,"
            f" valid_until BIGINT, context TEXT, raw {binary}, digest {binary}, view {binary}, revoked SMALLINT,"
            " line BIGINT, type TEXT, creator TEXT, iep TEXT, unversioned SMALLINT, object_row BIGINT, state SMALLINT)"
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
        text(
            "CREATE TEMPORARY TABLE staged_word (n INTEGER, indicator_id TEXT, kind TEXT, count BIGINT, first BIGINT,"
            " last BIGINT, where_refs TEXT)"
        )
    )
    conn.execute(
        text("CREATE TEMPORARY TABLE staged_pattern (n INTEGER, pattern_type TEXT, pattern TEXT, reason TEXT)")
    )


def _clear(conn: Connection) -> None:
    if conn.dialect.name == "postgresql" and conn.connection.driver_connection.info.transaction_status == 3:  # type: ignore[union-attr]
        return  # in a failed transaction, which takes the temporary tables with it
    for table in _STAGED:
        conn.execute(text(f"DROP TABLE IF EXISTS {table}"))


def _stage(conn: Connection, objects: Iterable[SourceObject], list_name: str) -> tuple[int, int]:
    """Put everything into the temporary tables; how many objects, and how many of them are no indicators.

    Parts of a list with the same attributes are one object.
    """
    numbers: dict[bytes, int] = {}
    count = context = 0
    rows, views = _Rows(conn), _Views()
    for found in objects:
        view, shown = views.of(found)
        n = count
        if found.object_id == "":
            if view in numbers:
                n = numbers[view]
            else:
                numbers[view] = n
        if n == count:
            count += 1
            context += found.type != INDICATOR
            rows.objects.append(_object_row(n, found, view, shown, list_name))
        for kind, texts in found.values.items():
            name = kind.value
            if len(texts) > _AT_ONCE:
                driver.insert(conn, "staged_value", _VALUE_COLUMNS, ((n, name, value) for value in texts))
            else:
                rows.values += [(n, name, value) for value in texts]
        if found.patterns:
            rows.patterns += [(n, p.pattern_type, p.pattern, encode(p.reasons)) for p in found.patterns]
        rows.words += [(n, *foreign_sightings.row(word)) for word in found.words]
        if len(rows.objects) + len(rows.values) > _AT_ONCE:
            rows.write()
    rows.write()
    return count, context


class _Rows:
    """Rows on their way into the temporary tables: together, for a statement costs more than a row."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.objects: list[tuple[Any, ...]] = []
        self.values: list[tuple[Any, ...]] = []
        self.patterns: list[tuple[Any, ...]] = []
        self.words: list[tuple[Any, ...]] = []

    def write(self) -> None:
        for table, columns, rows in (
            ("staged_object", _OBJECT_COLUMNS, self.objects),
            ("staged_value", _VALUE_COLUMNS, self.values),
            ("staged_pattern", ("n", "pattern_type", "pattern", "reason"), self.patterns),
            ("staged_word", ("n", *foreign_sightings.COLUMNS), self.words),
        ):
            if rows:
                driver.insert(self._conn, table, columns, rows)
                rows.clear()


class _Views:
    """What objects show beside id and values, as its digest, and their context as JSON; alike ones follow each other."""

    def __init__(self) -> None:
        self._last: tuple[Any, ...] = ()
        self._made = (b"", "")

    def of(self, found: SourceObject) -> tuple[bytes, str]:
        shown = (found.marking, found.pap, found.confidence, found.valid_from, found.valid_until, found.context)
        said = shown if found.iep is None else (*shown, found.iep)
        if said != self._last:
            context = msgspec.json.encode(found.context).decode()
            self._last, self._made = said, (hashlib.sha256(msgspec.json.encode(said)).digest(), context)
        return self._made


def content(raw: bytes) -> bytes:
    """SHA-256 of an object's content: the order of its keys and its white space don't count."""
    return hashlib.sha256(msgspec.json.encode(msgspec.json.decode(raw), order="sorted")).digest()


def _object_row(n: int, found: SourceObject, view: bytes, context: str, list_name: str) -> tuple[Any, ...]:
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
        context,
        found.raw,
        view if found.raw is None else found.digest or content(found.raw),
        view,
        int(found.revoked),
        found.line,
        found.type,
        found.creator,
        None if found.iep is None else msgspec.json.encode(found.iep).decode(),
        int(found.unversioned),
    )


def _new_context(conn: Connection) -> int:
    return int(
        conn.execute(
            text("SELECT count(*) FROM staged_object WHERE state = 0 AND type <> :indicator"), {"indicator": INDICATOR}
        ).scalar_one()
    )


def _known_how(conn: Connection, how: str, why: str) -> int:
    arguments = {"how": how, "why": why if how == ASSERTED else ""}
    conn.execute(text("INSERT INTO known_how (how, why) VALUES (:how, :why) ON CONFLICT DO NOTHING"), arguments)
    return int(conn.execute(text("SELECT id FROM known_how WHERE how = :how AND why = :why"), arguments).scalar_one())


def _conflicts(conn: Connection) -> Iterator[BadInput]:
    rows = conn.execute(
        text(
            "SELECT own_id, version, line, state, o.creator FROM staged_object s JOIN object o ON o.id = s.object_row"
            f" WHERE state IN ({CONFLICT}, {OTHER_CREATOR}) ORDER BY n"
        )
    )
    for row in rows:
        place = Location(line=row.line, field="id", value=row.own_id)
        if row.state == OTHER_CREATOR:
            yield BadInput("indicators.other_creator", location=place, creator=row.creator or "-")
        elif row.version:
            yield BadInput("indicators.other_content", location=place, version=row.version)
        else:
            yield BadInput("indicators.other_content_no_version", location=place)
