"""The mapping file of a CSV log: which column goes to which event field. TOML, checked before anything is read.

docs/guide/ingest.md shows one with all settings.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from haechi.ingest.reader import MILLISECONDS, SECONDS, Field, Reader
from haechi.ingest.readers import READERS
from haechi.model.block import LIST, NUM, TEXT
from haechi.model.errors import BadInput
from haechi.model.event import Activity
from haechi.model.location import Location

_UNITS = {"": 1, "s": SECONDS, "ms": MILLISECONDS, "us": 1, "kB": 1000, "KiB": 1024}
LONGEST_UNSET = 8
LONGEST_TYPE = 12  # bytes of a record type: an inlined Arrow string view
_FILLED = frozenset({"ts", "ts_offset"})  # by the time column
LINK = "https://www.rfc-editor.org/rfc/rfc4180"


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a column goes, and the unit its number is in (duration: s, ms, us; sizes: kB, KiB)."""

    to: str
    unit: str = ""
    optional: bool = False


class CsvMapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A mapping file's content."""

    fields: dict[str, str | Target]
    name: str = "csv"
    title: str = "CSV by a mapping file"
    separator: str = ","
    quote: str = '"'
    header: bool = True
    columns: list[str] = []
    time_zone: str = ""
    activity: Activity = Activity.OTHER
    activities: dict[str, Activity] = {}
    severities: list[int] = []
    unset: list[str] = []
    constants: dict[str, str] = {}

    def targets(self) -> dict[str, Target]:
        """Every mapped column's target."""
        return {c: t if isinstance(t, Target) else Target(t) for c, t in self.fields.items()}


def read_mapping(text: bytes, path: str) -> CsvMapping:
    """The mapping in a file's bytes; BadInput says which setting is wrong and what it may be. `path` is for messages."""
    try:
        mapping = msgspec.convert(tomllib.loads(text.decode()), CsvMapping)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise BadInput(
            f"the mapping can't be read: {error}",
            location=Location(path=path),
            advice="docs/guide/ingest.md shows one whole",
        ) from error
    _check(mapping, path)
    return mapping


def load_mapping(path: Path) -> CsvMapping:
    """The mapping in a file of at most 1 MiB."""
    with path.open("rb") as file:
        return read_mapping(file.read(1 << 20), str(path))


def _check(mapping: CsvMapping, path: str) -> None:
    for field, value, reason, advice in (*_layout_faults(mapping), *_field_faults(mapping), *_constant_faults(mapping)):
        raise BadInput(reason, location=Location(path=path, field=field, value=value), advice=advice)


_Fault = tuple[str, str, str, str]  # setting, value, reason, advice


def _layout_faults(mapping: CsvMapping) -> Iterator[_Fault]:
    if mapping.name in {reader.name for reader in READERS}:
        yield "name", mapping.name, "another format has this name", "Give the mapping a name of its own"
    for field, value in (("separator", mapping.separator), ("quote", mapping.quote)):
        if len(value.encode()) != 1 or value in "\r\n":
            yield field, value, "it must be one ASCII character", 'Give one, such as "," or "\\t"'
    if mapping.separator == mapping.quote:
        yield "quote", mapping.quote, "separator and quote are the same", "Give two different characters"
    for value in mapping.unset:
        if not 0 < len(value.encode()) <= LONGEST_UNSET:
            yield "unset", value, "it must have one to eight bytes", "An empty field is always unset"
    if not mapping.header and not mapping.columns:
        yield "columns", "", "a file without a header needs them", "List all columns in their order"
    if mapping.time_zone:
        try:
            ZoneInfo(mapping.time_zone)
        except (KeyError, ValueError, OSError):
            yield "time_zone", mapping.time_zone, "there is no such time zone", "Give an IANA name, such as Asia/Seoul"


def _field_faults(mapping: CsvMapping) -> Iterator[_Fault]:
    known = (*TEXT, *(n for n in NUM if n not in _FILLED), *(n for n in LIST if n != "extra"))
    targets = mapping.targets()
    for column, target in targets.items():
        if target.to not in known and not (target.to.startswith("extra:") and target.to != "extra:"):
            yield (
                f"fields.{column}",
                target.to,
                "there is no such event field",
                f"Use extra:NAME, or: {', '.join(known)}",
            )
        if target.unit not in _UNITS or (target.unit and target.to not in NUM):
            yield (
                f"fields.{column}",
                target.unit,
                "there is no such unit for it",
                "Use s, ms, us, kB or KiB with a number",
            )
        if not mapping.header and column not in mapping.columns:
            yield (
                f"fields.{column}",
                column,
                "columns doesn't list it",
                "List all columns in their order, or set header",
            )
    if all(target.to != "time" for target in targets.values()):
        yield "fields", "", "no column goes to time", 'Map the column of the event\'s time: "Date" = "time"'


def _constant_faults(mapping: CsvMapping) -> Iterator[_Fault]:
    for name in mapping.constants:
        if name not in TEXT or name == "time":
            yield f"constants.{name}", name, "no text field has this name", f"Use one of: {', '.join(TEXT[:-1])}"
    for name in mapping.activities:
        if len(name.encode()) > LONGEST_TYPE:
            yield (
                f"activities.{name}",
                name,
                "a record type has at most twelve bytes",
                "Set activity for the whole file",
            )


def csv_reader(mapping: CsvMapping) -> Reader:
    """The reader that a mapping describes. It recognises nothing by itself: the mapping is given with the file."""
    return Reader(
        name=mapping.name,
        title=mapping.title,
        engine="csv",
        link=LINK,
        version="RFC 4180",
        recognise=lambda head: None,  # noqa: ARG005 (the shape of a recogniser)
        fields=tuple(Field(c, t.to, _UNITS[t.unit]) for c, t in mapping.targets().items()),
        activities=MappingProxyType(dict(mapping.activities)),
        activity=mapping.activity,
        severities=tuple(mapping.severities),
        constants=MappingProxyType(dict(mapping.constants)),
    )
