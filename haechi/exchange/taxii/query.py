"""What a request asks for: filters, page size and place (TAXII 2.1, 3.4 and 3.5).

`next` is a date in the collection and a digest of what the page was filtered by: a caller who changes the filters
half-way is told so. It holds nothing secret and opens nothing: whoever forges one reads their own slice from another
place. `added_after` may stand beside it, as OpenCTI sends it, and the later of the two counts.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from haechi.exchange.taxii import times
from haechi.exchange.taxii.refusal import Refused
from haechi.store.catalog.slices import Wanted

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000
LARGEST_PEER_PAGE: Final = 10_000
_MOST_VALUES: Final = 200  # in one filter
_LONGEST_TIME: Final = 8  # bytes of a date in a cursor
_DIGEST: Final = 8  # bytes


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a resource is asked for; `about` is what a cursor is bound to."""

    wanted: Wanted
    after: int
    limit: int
    about: bytes


def parse(pairs: Iterable[tuple[str, str]], allowed: Sequence[str], resource: str, largest: int) -> Asked:
    """The query's pairs as a question. `allowed` names the `match` filters; what is none of the resource's is left out.

    Raises Refused (400) for a value that can't be read, one named twice, and a `next` that belongs to other filters.
    """
    said: dict[str, str] = {}
    for name, value in pairs:
        if name in said:
            raise Refused(400, "twice", name=name[:40])
        said[name] = value
    fields = {name: _values(said.get(f"match[{name}]", ""), name) for name in allowed}
    about = hashlib.sha256(msgspec.json.encode([resource, sorted((k, sorted(v)) for k, v in fields.items())])).digest()
    after = max(_added_after(said.get("added_after")), _place(said.get("next"), about))
    return Asked(wanted=_wanted(fields), after=after, limit=_limit(said.get("limit"), largest), about=about[:_DIGEST])


def cursor(asked: Asked, last: int) -> str:
    """The `next` of a page whose last object was added at `last`."""
    return base64.urlsafe_b64encode(last.to_bytes(_LONGEST_TIME) + asked.about).decode().rstrip("=")


def _values(said: str, name: str) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(value.strip() for value in said.split(",") if value.strip()))
    if len(found) > _MOST_VALUES:
        raise Refused(400, "many", name=name, most=_MOST_VALUES)
    return found


def _wanted(fields: dict[str, tuple[str, ...]]) -> Wanted:
    versions = fields.get("version", ())
    exact = [times.parsed(one) for one in versions if one not in ("first", "last", "all")]
    if None in exact:
        raise Refused(400, "no_version")
    return Wanted(
        ids=fields.get("id", ()),
        types=fields.get("type", ()),
        spec_versions=fields.get("spec_version", ()),
        last=not versions or "last" in versions,
        first="first" in versions,
        every="all" in versions,
        versions=tuple(one for one in exact if one is not None),
    )


def _added_after(said: str | None) -> int:
    if said is None:
        return 0
    found = times.parsed(said)
    if found is None:
        raise Refused(400, "no_time")
    return max(found, 0)


def _limit(said: str | None, largest: int) -> int:
    if said is None:
        return min(DEFAULT_PAGE, largest)
    if not (said.isascii() and said.isdigit() and len(said) < 19 and int(said) > 0):
        raise Refused(400, "no_limit")
    return min(int(said), largest)


def _place(said: str | None, about: bytes) -> int:
    if said is None:
        return 0
    try:
        found = base64.urlsafe_b64decode(said.encode("ascii") + b"=" * (-len(said) % 4))
    except (binascii.Error, ValueError):
        raise Refused(400, "no_next") from None
    if len(found) != _LONGEST_TIME + _DIGEST or found[_LONGEST_TIME:] != about[:_DIGEST] or found[0] > 0x7F:
        raise Refused(400, "no_next")
    return int.from_bytes(found[:_LONGEST_TIME])
