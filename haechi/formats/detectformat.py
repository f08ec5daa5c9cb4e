"""Which indicator format a file is in, and why: told from its first bytes, never from its name."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from haechi.formats import csvheader, quick
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput

HEAD: Final = 65_536  # bytes that are looked at


class Format(StrEnum):
    """The indicator formats that can be read."""

    STIX = "stix"
    MISP = "misp"
    CSV = "csv"
    PLAIN = "plain"


class Detected(NamedTuple):
    """The format and what in the file says so."""

    format: Format
    why: Message


def detect(head: bytes) -> Detected:
    """The format of a file that begins with `head`. Raises BadInput for what can't hold indicators as text.

    >>> detect(b'{"type": "bundle", "objects": []}').format
    <Format.STIX: 'stix'>
    """
    if not head.strip():
        return Detected(Format.PLAIN, Message("list_format.empty"))
    if head.startswith((b"\x1f\x8b", b"PK\x03\x04", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        raise BadInput("format.packed")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise BadInput("format.utf_16")
    if b"\0" in head:
        raise BadInput("format.binary")
    bare = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare[:1] in (b"{", b"["):
        found = _json(bare)
        if found is not None:
            return found
    return _text(bare.decode("utf-8", "replace"))


def _json(bare: bytes) -> Detected | None:
    if re.search(rb'"type"\s*:\s*"bundle"', bare) or re.search(rb'"id"\s*:\s*"[a-z0-9-]+--[0-9a-f]{8}-', bare):
        return Detected(Format.STIX, Message("list_format.stix"))
    for name in (rb'"Event"', rb'"Attribute"', rb'"response"', rb'"Object"', rb'"to_ids"'):
        if re.search(name + rb"\s*:", bare):
            return Detected(Format.MISP, Message("list_format.misp", {"name": name.decode()}))
    if bare[:1] == b"{" or re.match(rb"\[\s*[{\]]", bare):
        raise BadInput("format.other_json")
    return None  # "[" may begin a defanged value


def _text(text: str) -> Detected:
    for line in text.splitlines():
        if not line.strip() or (line.startswith(("#", ";")) and not line.startswith("#fields")):
            continue
        columns = csvheader.columns(line)
        if columns:
            return Detected(Format.CSV, Message("list_format.header", {"columns": ", ".join(columns)}))
        if line.count(",") and not _is_value(line):
            return Detected(Format.CSV, Message("list_format.commas"))
        return Detected(Format.PLAIN, Message("list_format.plain"))
    return Detected(Format.PLAIN, Message("list_format.comments"))


def _is_value(line: str) -> bool:
    try:
        quick.value(line.strip(), None)
    except BadInput:
        return False
    return True
