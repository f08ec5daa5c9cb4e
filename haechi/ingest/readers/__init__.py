"""One file a format: a description of its records and what maps them to the event schema.

READERS is the one table, in the order in which an input is asked: the formats that say their name come first.
"""

from haechi.ingest.reader import Reader
from haechi.ingest.readers import access, cef, eve, syslog, zeek_json, zeek_tsv
from haechi.model.errors import BadInput, UsageError
from haechi.model.location import Location

READERS: tuple[Reader, ...] = (eve.READER, zeek_tsv.READER, zeek_json.READER, cef.READER, access.READER, syslog.READER)


def reader_named(name: str) -> Reader:
    """The reader of that name; UsageError lists those there are."""
    for reader in READERS:
        if reader.name == name:
            return reader
    known = ", ".join(reader.name for reader in READERS)
    raise UsageError(f"there is no format {name!r}", advice=f"Give --format one of: {known}")


def recognise(head: bytes, name: str) -> tuple[Reader, str]:
    """The reader of an input that begins with `head`, and why; BadInput where none knows it. `name` is for the message."""
    for reader in READERS:
        why = reader.recognise(head)
        if why:
            return reader, why
    known = ", ".join(reader.name for reader in READERS)
    raise BadInput(
        "its format isn't recognised" if head.strip() else "there is nothing in it to recognise its format by",
        location=Location(path=name),
        advice=f"Name it: --format with one of {known}",
    )
