"""Access logs of Apache and nginx: common, combined, and both behind a vhost."""

import re
from types import MappingProxyType

from haechi.ingest.reader import Reader
from haechi.model.event import Activity

_LINE = re.compile(
    rb'\S+ \S+ [^\n]*?\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "[^\n]*" (?:\d{3}|-) (?:\d+|-)'
)


def _recognise(head: bytes) -> str | None:
    first = head.removeprefix(b"\xef\xbb\xbf").lstrip(b"\r\n").split(b"\n", 1)[0]
    return "recognised.access" if _LINE.match(first) else None


READER = Reader(
    name="access",
    title="Web access log (Apache, nginx: common, combined)",
    engine="access",
    link="https://httpd.apache.org/docs/2.4/logs.html#accesslog",
    version="Apache 2 and nginx 1",
    recognise=_recognise,
    activity=Activity.HTTP,
    tls_port=443,
    constants=MappingProxyType({"source_type": "access"}),
    fields=(),
)
