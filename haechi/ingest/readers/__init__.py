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


# What a log must be unpacked or converted from before it is read, by its first bytes.
_OTHER: tuple[tuple[bytes, str, str], ...] = (
    (b"BZh", "it is packed by bzip2", "Unpack it first, or pack it by gzip or zstd"),
    (b"\xfd7zXZ\x00", "it is packed by xz", "Unpack it first, or pack it by gzip or zstd"),
    (b"PK\x03\x04", "it is a ZIP archive", "Unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "it is a 7z archive", "Unpack it first"),
    (b"\xff\xfe", "it is UTF-16 text", "Convert it to UTF-8"),
    (b"\xfe\xff", "it is UTF-16 text", "Convert it to UTF-8"),
)


def refuse_others(head: bytes, name: str) -> None:
    """Raise BadInput for what is no log as it stands: an archive, another packing or encoding."""
    for begins, what, advice in _OTHER:
        if head.startswith(begins):
            raise BadInput(what, location=Location(path=name), advice=advice)
    if head[257:262] == b"ustar":
        raise BadInput("it is a tar archive", location=Location(path=name), advice="Unpack it first")


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
