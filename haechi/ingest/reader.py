"""What a reader is: a description that one of the shared engines runs. One file a format, in `readers/`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from haechi.model.event import Activity

SECONDS = 1_000_000  # scales a duration in seconds to the schema's microseconds
MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Field:
    """A place in the record and the slot it fills (`model.block` TEXT, NUM, LIST; `extra:NAME` for the rest).

    JSON paths are written with slashes (`dns/answers/rdata`): arrays need no mark, a text slot takes the first element,
    a list takes all. Several fields may fill one slot: the first that has a value wins.
    """

    path: str
    to: str
    scale: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One format. `recognise` sees the first bytes of the decompressed input (up to 64 KiB).

    It gives the id of the text that says by what the format is recognised, or None.
    """

    name: str
    title: str
    engine: Literal["json", "zeek", "csv", "syslog", "cef", "access"]
    link: str  # the format's own documentation
    version: str  # of the format, as far as it is read
    fields: tuple[Field, ...]
    recognise: Callable[[bytes], str | None]
    activities: Mapping[str, Activity] = field(default_factory=lambda: MappingProxyType({}))  # record type -> activity
    activity: Activity = Activity.OTHER  # of every other record type
    severities: tuple[int, ...] = ()  # index: the format's number, value: OCSF severity_id; empty: no mapping
    constants: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))  # text slots the format implies
    tls_port: int = 0  # a request to this port came by TLS, so its URL is https; 0: the log has only what is plain
    settle: "Callable[[Reader, bytes, str], Reader] | None" = None  # the reader of one input: by its head and file name
