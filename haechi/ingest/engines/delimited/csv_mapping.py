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
        raise BadInput("mapping.unreadable", location=Location(path=path), cause=str(error)) from error
    for fault in (*_layout_faults(mapping), *_field_faults(mapping), *_constant_faults(mapping)):
        raise fault.at(msgspec.structs.replace(fault.location, path=path))
    return mapping


def load_mapping(path: Path) -> CsvMapping:
    """The mapping in a file of at most 1 MiB."""
    with path.open("rb") as file:
        return read_mapping(file.read(1 << 20), str(path))


def _at(setting: str, value: str = "") -> Location:
    return Location(field=setting, value=value)


def _layout_faults(mapping: CsvMapping) -> Iterator[BadInput]:
    if mapping.name in {reader.name for reader in READERS}:
        yield BadInput("mapping.name_taken", location=_at("name", mapping.name))
    for field, value in (("separator", mapping.separator), ("quote", mapping.quote)):
        if len(value.encode()) != 1 or value in "\r\n":
            yield BadInput("mapping.not_one_character", location=_at(field, value))
    if mapping.separator == mapping.quote:
        yield BadInput("mapping.quote_separates", location=_at("quote", mapping.quote))
    for value in mapping.unset:
        if not 0 < len(value.encode()) <= LONGEST_UNSET:
            yield BadInput("mapping.unset_length", location=_at("unset", value))
    if not mapping.header and not mapping.columns:
        yield BadInput("mapping.columns_missing", location=_at("columns"))
    if mapping.time_zone:
        try:
            ZoneInfo(mapping.time_zone)
        except (KeyError, ValueError, OSError):
            yield BadInput("mapping.no_time_zone", location=_at("time_zone", mapping.time_zone))


def _field_faults(mapping: CsvMapping) -> Iterator[BadInput]:
    known = (*TEXT, *(n for n in NUM if n not in _FILLED), *(n for n in LIST if n != "extra"))
    targets = mapping.targets()
    for column, target in targets.items():
        if target.to not in known and not (target.to.startswith("extra:") and target.to != "extra:"):
            yield BadInput("mapping.no_field", location=_at(f"fields.{column}", target.to), known=", ".join(known))
        if target.unit not in _UNITS or (target.unit and target.to not in NUM):
            yield BadInput("mapping.no_unit", location=_at(f"fields.{column}", target.unit))
        if not mapping.header and column not in mapping.columns:
            yield BadInput("mapping.not_listed", location=_at(f"fields.{column}", column))
    if all(target.to != "time" for target in targets.values()):
        yield BadInput("mapping.no_time", location=_at("fields"))


def _constant_faults(mapping: CsvMapping) -> Iterator[BadInput]:
    for name in mapping.constants:
        if name not in TEXT or name == "time":
            place = _at(f"constants.{name}", name)
            yield BadInput("mapping.no_text_field", location=place, known=", ".join(TEXT[:-1]))
    for name in mapping.activities:
        if len(name.encode()) > LONGEST_TYPE:
            yield BadInput("mapping.type_length", location=_at(f"activities.{name}", name))


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
