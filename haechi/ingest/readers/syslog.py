"""Syslog: RFC 3164 and RFC 5424 lines of any program, with OpenSSH, sudo and PAM understood."""

import re
from types import MappingProxyType

from haechi.ingest.reader import Reader
from haechi.model.event import Activity

_BSD = re.compile(
    rb"(<\d{1,3}>)? ?(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ \d]\d (?:\d{4} )?\d\d:\d\d:\d\d"
)
_MODERN = re.compile(rb"<\d{1,3}>(?:[1-9] )? ?(?:\d{4}-\d\d-\d\dT|- )")
_ISO = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S* \S+ \S+?(?:\[\d+\])?: ")


def _recognise(head: bytes) -> str | None:
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    if _MODERN.match(first):
        return "recognised.syslog_iso"
    if _BSD.match(first):
        return "recognised.syslog_bsd"
    if _ISO.match(first):
        return "recognised.rsyslog"
    return None


READER = Reader(
    name="syslog",
    title="Syslog with sshd, sudo and PAM",
    engine="syslog",
    link="https://www.rfc-editor.org/rfc/rfc5424",
    version="RFC 3164, RFC 5424, rsyslog's ISO form; OpenSSH 5 to 10",
    recognise=_recognise,
    activities=MappingProxyType({"sshd": Activity.AUTH, "sudo": Activity.AUTH, "su": Activity.AUTH}),
    severities=(5, 5, 5, 4, 3, 2, 1, 1),  # RFC 5424, 6.2.1: 0 is emergency, 7 is debug
    fields=(),
)
