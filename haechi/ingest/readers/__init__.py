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
    raise UsageError("format.unknown", name=name, known=known)


# What a log must be unpacked or converted from before it is read, by its first bytes: the id of what is then told.
_OTHER: tuple[tuple[bytes, str], ...] = (
    (b"BZh", "log.bzip2"),
    (b"\xfd7zXZ\x00", "log.xz"),
    (b"PK\x03\x04", "log.zip"),
    (b"7z\xbc\xaf\x27\x1c", "log.seven_zip"),
    (b"\xff\xfe", "log.utf16"),
    (b"\xfe\xff", "log.utf16"),
)


def refuse_others(head: bytes, name: str) -> None:
    """Raise BadInput for what is no log as it stands: an archive, another packing or encoding."""
    for begins, what in _OTHER:
        if head.startswith(begins):
            raise BadInput(what, location=Location(path=name))
    if head[257:262] == b"ustar":
        raise BadInput("log.tar", location=Location(path=name))


def recognise(head: bytes, name: str) -> tuple[Reader, str]:
    """The reader of an input that begins with `head`, and the id of the text that says by what it is recognised.

    BadInput where none knows it; `name` is for the message.
    """
    for reader in READERS:
        why = reader.recognise(head)
        if why:
            return reader, why
    known = ", ".join(reader.name for reader in READERS)
    told = "format.unrecognised" if head.strip() else "format.nothing_to_tell"
    raise BadInput(told, location=Location(path=name), known=known)
