"""Indicators into a node: a file is read, parsed and merged in one transaction, with its entry in the audit log.

A second import of the same file changes nothing, so an import that was cut off is simply run again. The audit log
names files, sources and counts, never a value.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
from sqlalchemy import Connection

from haechi.detect.warninglist import WarningLists, edition
from haechi.formats import bulk, csvlist, detectformat, jsondoc, misp, plain, stix
from haechi.formats.detectformat import Format
from haechi.formats.jsondoc import NoIndicator
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput, NodeCannot, NotFound, UsageError
from haechi.model.indicator import Context, Value, ValueType, Verdict
from haechi.model.marking import Tlp
from haechi.model.source_object import INDICATOR, SourceObject
from haechi.node.home import Home
from haechi.node.spooled import spooled
from haechi.node.unpacked import STDIN, Meter, unpacked
from haechi.store.catalog import driver, indicator_changes, indicator_load, indicators
from haechi.store.catalog.indicator_load import Loaded

# What stands beside lists in a folder and is none: read as a plain list, its links would become indicators.
PROSE_NAMES: Final = ("license", "licence", "readme")
PROSE_ENDINGS: Final = frozenset({".md", ".adoc", ".rst", ".html", ".htm", ".py"})
# Beside the events of a MISP feed's folder: what they are, and unsalted digests of values that they hold anyway.
_FEED_NAMES: Final = frozenset({"manifest.json", "hashes.csv"})
_EVENT_NAME: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")
SKIPPED: Final = "skipped"  # a file's format, where its name says that it is no list
KEPT_REFUSALS: Final = 10_000  # named one by one; the rest are counted


class Added(msgspec.Struct, kw_only=True):
    """What came of one file. Counts are of assertions (one source's word on one value), unless named otherwise."""

    path: str
    format: str
    why: Message | None  # what in the file says that it is of this format; None where it couldn't be read
    source: str
    added: int = 0
    unchanged: int = 0
    closed: int = 0
    values: int = 0  # values never seen before
    objects: int = 0
    patterns: int = 0  # kept, not evaluated yet
    context: int = 0  # objects and attributes that tell of indicators and are none
    warning_listed: int = 0  # new values that are kept out of matching
    refused_count: int = 0
    refused: list[BadInput] = []

    @property
    def bad(self) -> bool:
        return self.refused_count > 0


def add(
    home: Home,
    paths: Sequence[Path],
    *,
    source: str = "",
    marking: Tlp | None = None,
    known_at: int | None = None,
    known_why: str = "",
    replace: bool = False,
    kind: ValueType | None = None,
    format: Format | None = None,
    actors: Sequence[str] = (),
    own: bool = False,
    progress: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> list[Added]:
    """Add the indicators of files; folders are searched, "-" is standard input. One result a file, refusals within.

    `source` names who says so (else each file's name does); `marking` is what unmarked objects of that source get,
    from now on; `known_at` asserts an earlier time for what is new here and needs `known_why`; `replace` closes what
    a list no longer has; `own` says that we created what is in the files, so that our grants alone decide who gets it;
    `kind` is the type of all values of a plain list and `actors` are whom a list is laid to.
    `progress` is told how many bytes are read of how many (None where that can't be known). A file that can't be read
    at all has that as its one refusal. Raises `UsageError`, `NotFound`, `NodeCannot`.
    """
    _check(home, known_at, known_why)
    files = list(_files(paths))
    if STDIN in files and not source:
        raise UsageError("indicators.stdin_name")
    total = None if STDIN in files else sum(path.stat().st_size for path in files) or None
    meter = Meter(total, progress)
    return [
        _add_file(
            home,
            path,
            meter=meter,
            source=source or path.name,
            marking=marking,
            known_at=known_at,
            known_why=known_why,
            replace=replace,
            kind=kind,
            format=format,
            context=Context(actors=tuple(actors)),
            own=own,
        )
        for path in files
    ] + list(_passed_over(paths))


def _check(home: Home, known_at: int | None, known_why: str) -> None:
    if known_at is None:
        if known_why:
            raise UsageError("indicators.no_known_at")
        return
    if not known_why.strip():
        raise UsageError("indicators.no_known_why")
    if known_at > home.clock.now():
        raise UsageError("indicators.future")


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if found.is_file() and _passed_by(found) is None)
        elif path != STDIN and not path.exists():
            raise NotFound("file.missing", path=str(path))
        else:
            yield path


def is_prose(path: Path) -> bool:
    """Whether a file's name says that it is no list of indicators."""
    name = path.name.lower()
    return name.startswith(PROSE_NAMES) or path.suffix.lower() in PROSE_ENDINGS


def _passed_by(path: Path) -> Message | None:
    """Why a file in a folder is no list; None where it may be one."""
    if is_prose(path):
        return Message("list_format.prose")
    if path.name in _FEED_NAMES and any(_EVENT_NAME.fullmatch(each.name) for each in path.parent.iterdir()):
        return Message("list_format.misp_feed")
    return None


def _passed_over(paths: Iterable[Path]) -> Iterator[Added]:
    for path in paths:
        if path.is_dir():
            for file in sorted(found for found in path.rglob("*") if found.is_file()):
                why = _passed_by(file)
                if why is not None:
                    yield Added(path=str(file), format=SKIPPED, why=why, source="")


def _add_file(home: Home, path: Path, *, meter: Meter, source: str, format: Format | None, **options: Any) -> Added:
    try:
        with unpacked(path, meter) as (head, file):
            return _merge(home, path, file, _detected(head, format), source, **options)
    except BadInput as error:  # nothing of this file was taken; the files after it are
        refused = error.at(msgspec.structs.replace(error.location, path=str(path)))
        return Added(path=str(path), format="", why=None, source=source, refused_count=1, refused=[refused])
    except OSError as error:
        raise NodeCannot("file.unreadable", path=str(path), cause=error.strerror) from error


def _detected(head: bytes, format: Format | None) -> detectformat.Detected:
    if format is None:
        return detectformat.detect(head)
    return detectformat.Detected(format, Message("list_format.said"))


def _merge(
    home: Home,
    path: Path,
    file: BinaryIO,
    detected: detectformat.Detected,
    source: str,
    *,
    marking: Tlp | None,
    known_at: int | None,
    known_why: str,
    replace: bool,
    kind: ValueType | None,
    context: Context,
    own: bool,
) -> Added:
    told = Added(path=str(path), format=detected.format.value, why=detected.why, source=source)
    log = home.audit()
    with home.catalog().begin() as conn:
        source_id, default = indicator_load.source_id(conn, source, marking, own=own)
        definitions = indicator_load.marking_definitions(conn, source_id)
        found = _parsed(home, file, detected.format, str(path), default, kind, context, definitions)
        loaded = indicator_load.load(
            conn,
            source_id,
            _objects(found, told),
            at=home.clock.now(),
            list_name=path.name,
            known_at=known_at,
            known_why=known_why,
            replace=replace,
        )
        _tell(told, loaded, str(path))
        told.warning_listed = warn(conn, loaded)
        log.append("indicators.add", subject=path.name, details=_summary(told, known_at, replace, own))
    return told


def _parsed(
    home: Home,
    file: BinaryIO,
    format: Format,
    path: str,
    marking: Tlp,
    kind: ValueType | None,
    context: Context,
    definitions: Sequence[bytes],
) -> Iterator[SourceObject | BadInput | NoIndicator]:
    if format is Format.PLAIN:
        return plain.parse(_blocks(file), path=path, marking=marking, kind=kind, context=context)
    if format is Format.CSV:
        return csvlist.parse(_blocks(file), path=path, marking=marking, kind=kind, context=context)
    if format is Format.MISP:
        return _misp(home, file, path, marking)
    data = file.read(jsondoc.MAX_BYTES + 1)
    return stix.parse(data, path=path, marking=marking, definitions=definitions)


def _misp(home: Home, file: BinaryIO, path: str, marking: Tlp) -> Iterator[SourceObject | BadInput | NoIndicator]:
    with spooled(file, home.cache_path) as blocks:
        yield from misp.stream(blocks, path=path, marking=marking)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks of whole lines; a line without end that is longer than a block is cut, and refused by its length."""
    while block := file.read(bulk.BLOCK_BYTES):
        yield block if block.endswith(b"\n") else block + file.readline(bulk.BLOCK_BYTES)


def _objects(found: Iterable[SourceObject | BadInput | NoIndicator], told: Added) -> Iterator[SourceObject]:
    """The objects alone; what is refused and what is context is noted."""
    for one in found:
        if isinstance(one, SourceObject):
            told.context += one.type != INDICATOR
            yield one
        elif isinstance(one, BadInput):
            _refuse(told, one)
        else:
            told.context += 1


def _refuse(told: Added, refused: BadInput) -> None:
    told.refused_count += 1
    if len(told.refused) < KEPT_REFUSALS:
        told.refused.append(refused)


def _tell(told: Added, loaded: Loaded, path: str) -> None:
    told.added, told.unchanged, told.closed = loaded.added, loaded.unchanged, loaded.closed
    told.values, told.objects, told.patterns = loaded.values, loaded.objects - loaded.context, loaded.patterns
    for conflict in loaded.conflicts:
        _refuse(told, conflict.at(msgspec.structs.replace(conflict.location, path=path)))


def warn(conn: Connection, loaded: Loaded) -> int:
    """Look up what is new on the warning lists, or everything, where the lists are another edition; values hit."""
    from haechi.store.catalog.facts import get, put

    known = edition()
    above = loaded.first_new_value
    if get(conn, "warnings.edition") != known:
        indicator_changes.clear_warnings(conn)
        put(conn, "warnings.edition", known)
        above = 0
    if above == loaded.first_new_value and not loaded.values:
        return 0
    lists = _lists()
    hits: list[tuple[int, str]] = []
    with driver.without_collector():
        for kind, ids, texts in indicator_changes.values_above(conn, above):
            hits += [(ids[place], name) for place, name in lists.suppressing(kind, texts)]
    indicator_changes.set_warnings(conn, hits)
    return len({id for id, _ in hits if id > loaded.first_new_value})


@cache  # a second to index; they can't change while the process lives
def _lists() -> WarningLists:
    return WarningLists()


def _summary(told: Added, known_at: int | None, replace: bool, own: bool) -> dict[str, Any]:
    return {
        "source": told.source,
        "format": told.format,
        "added": told.added,
        "unchanged": told.unchanged,
        "closed": told.closed,
        "refused": told.refused_count,
        "known": "asserted" if known_at is not None else "observed",
        "replace": replace,
        "own": own,
    }


def find(home: Home, text: str, kind: ValueType | None = None) -> list[Value]:
    """The values that a text means: as typed or pasted, defanged or not."""
    from haechi.formats import quick

    with home.catalog().connect() as conn:
        seen, normal = quick.value(text, kind)
        found = indicators.find(conn, normal, kind)
        return found or indicators.find(conn, normal, seen)


def verdict(home: Home, text: str, said: str, evidence: str, by: str, kind: ValueType | None = None) -> list[Value]:
    """Append a judgement of a value; the values judged. `NotFound` where no source ever named it."""
    judged = find(home, text, kind)
    if not judged:
        raise NotFound("indicators.nothing_to_judge", value=text)
    log = home.audit()
    with home.catalog().begin() as conn:
        for value in judged:
            indicator_changes.add_verdict(
                conn,
                Verdict(value_id=value.id, verdict=said, at=home.clock.now(), by=by, evidence=evidence),
            )
            log.append("indicators.verdict", subject=f"value:{value.id}", details={"verdict": said})
    return judged


def expire(home: Home, text: str, why: str, source: str = "", kind: ValueType | None = None) -> int:
    """Close a value's assertions, of one source or of all; how many."""
    wanted = find(home, text, kind)
    if not wanted:
        raise NotFound("indicators.unknown", value=text)
    log = home.audit()
    with home.catalog().begin() as conn:
        closed = 0
        for value in wanted:
            count = indicator_changes.expire(conn, value.id, at=home.clock.now(), why=why, source=source)
            log.append("indicators.expire", subject=f"value:{value.id}", details={"closed": count, "source": source})
            closed += count
    return closed


def expire_outdated(home: Home) -> int:
    """Close every assertion whose validity has ended; how many."""
    log = home.audit()
    with home.catalog().begin() as conn:
        closed = indicator_changes.expire_outdated(conn, at=home.clock.now())
        log.append("indicators.expire", subject="outdated", details={"closed": closed})
    return closed
