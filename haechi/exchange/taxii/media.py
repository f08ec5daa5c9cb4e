"""Media types of TAXII 2.1 (1.6.8): which answers a caller takes, and in which form it writes."""

from functools import lru_cache
from typing import Final

TAXII: Final = "application/taxii+json;version=2.1"
STIX: Final = "application/stix+json;version=2.1"
_NAME: Final = "application/taxii+json"
_LONGEST: Final = 1024  # characters of a header that are looked at


@lru_cache(maxsize=64)
def accepts(header: str) -> bool:
    """Whether an Accept header takes our one type. Without a version it takes the newest that the server has.

    >>> accepts("text/html, application/taxii+json"), accepts("application/taxii+json;version=2.0"), accepts("*/*")
    (True, False, False)
    """
    return any(_ours(part) for part in header[:_LONGEST].split(","))


def is_written_so(header: str) -> bool:
    """Whether a Content-Type header says TAXII 2.1 in UTF-8, which is all that JSON may be sent in (RFC 8259, 8.1)."""
    return len(header) <= _LONGEST and "," not in header and _ours(header)


def _ours(part: str) -> bool:
    name, *parameters = (piece.strip().lower() for piece in part.split(";"))
    if name != _NAME:
        return False
    said = {key.strip(): value.strip().strip('"') for key, _, value in (one.partition("=") for one in parameters)}
    if said.get("charset", "utf-8") not in ("utf-8", "utf8"):
        return False
    return said.get("version", "2.1") == "2.1" and said.get("q", "1").strip("0.") != ""
