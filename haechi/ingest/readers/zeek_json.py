"""Zeek's logs as JSON lines: the log is named by `_path`, by the file's name or by keys that no other log has."""

import re
from dataclasses import replace
from types import MappingProxyType

import msgspec

from haechi.ingest.reader import Field, Reader
from haechi.ingest.readers.zeek import ACTIVITIES, LINK, LOGS, TELLING, fields_of


def _recognise(head: bytes) -> str | None:
    if not head.lstrip(b"\xef\xbb\xbf \t\r\n[").startswith(b"{") or b'"event_type"' in head:
        return None
    if b'"_path"' in head and b'"ts"' in head:
        return "recognised.zeek_path"
    if b'"ts"' in head and (
        b'"id.orig_h"' in head or b'"uid"' in head or b'"fuid"' in head or b'"certificate.' in head
    ):
        return "recognised.zeek_keys"
    return None


def _first_keys(head: bytes) -> frozenset[str]:
    try:
        first = msgspec.json.decode(
            head.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\r\n[").split(b"\n", 1)[0].rstrip(b", \r")
        )
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frozenset()
    return frozenset(first) if isinstance(first, dict) else frozenset()


def log_of(head: bytes, file_name: str) -> str:
    """The log that an input holds: "" for a stream of several, "zeek" for one that can't be told."""
    named = {found.decode() for found in re.findall(rb'"_path"\s*:\s*"([a-z0-9_]{1,40})"', head)}
    if named:
        return named.pop() if len(named) == 1 else ""
    stem = re.split(r"[.\-]", file_name.rpartition("/")[2])[0]
    if stem in LOGS:
        return stem
    keys = _first_keys(head)
    return next((log for telling, log in TELLING if telling <= keys), "zeek")


def _settle(reader: Reader, head: bytes, file_name: str) -> Reader:
    log = log_of(head, file_name)
    fields = (Field("_path", "source_type"), *fields_of(log))
    return replace(reader, fields=fields, constants=MappingProxyType({"source_type": log or "zeek"}), settle=None)


READER = Reader(
    name="zeek-json",
    title="Zeek logs, JSON lines",
    engine="json",
    link=LINK,
    version="Zeek 2 to 7",
    recognise=_recognise,
    activities=ACTIVITIES,
    fields=(Field("_path", "source_type"), *fields_of("")),
    settle=_settle,
)
