"""Zeek's own log files: tab-separated, columns named by a header."""

from haechi.ingest.reader import Reader
from haechi.ingest.readers.zeek import ACTIVITIES, COMMON, LINK


def _recognise(head: bytes) -> str | None:
    text = head.removeprefix(b"\xef\xbb\xbf")
    if text.startswith(b"#separator") and b"#fields" in text:
        return "recognised.zeek_header"
    return None


READER = Reader(
    name="zeek-tsv",
    title="Zeek logs, tab-separated",
    engine="zeek",
    link=LINK,
    version="Zeek 2 to 7 (columns by the header)",
    recognise=_recognise,
    activities=ACTIVITIES,
    fields=COMMON,
)
