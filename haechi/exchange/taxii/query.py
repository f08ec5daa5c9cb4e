"""What a request asks for: filters, page size and place (TAXII 2.1, 3.4 and 3.5).

`next` is a date and sequence in the collection and a digest of what the page was filtered by: a caller who changes the
filters half-way is told so. It holds nothing secret and opens nothing: whoever forges one reads their own slice from another
place. `added_after` may stand beside it, as OpenCTI sends it, and the later of the two counts.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import parse_qsl

import msgspec

from haechi.exchange.taxii import times
from haechi.exchange.taxii.refusal import Refused
from haechi.store.catalog.slices import Wanted

DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000
LARGEST_PEER_PAGE: Final = 10_000
_MOST_VALUES: Final = 200  # in one filter
_NUMBER: Final = 8  # bytes of a date and of a sequence in a cursor
_DIGEST: Final = 8  # bytes


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a resource is asked for; `about` is what a cursor is bound to."""

    wanted: Wanted
    after: int
    seq: int | None
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
    fields = {name: _values(said[f"match[{name}]"], name) for name in allowed if f"match[{name}]" in said}
    about = _about(resource, fields)
    after, seq = _place(said.get("next"), about)
    later = _added_after(said["added_after"]) if "added_after" in said else 0
    return Asked(
        wanted=_wanted(fields) if fields else Wanted(),
        after=max(after, later),
        seq=seq if after >= later else None,
        limit=_limit(said.get("limit"), largest),
        about=about,
    )


def pairs(target: str) -> list[tuple[str, str]]:
    """The query's pairs, decoded. What needs no decoding, as `next` never does, is only cut apart."""
    said = target.partition("?")[2]
    if not said:
        return []
    if "%" in said or "+" in said:
        return parse_qsl(said, keep_blank_values=True)
    parts = (one.partition("=") for one in said.split("&") if one)
    return [(name, value) for name, _, value in parts]


def _about(resource: str, fields: dict[str, tuple[str, ...]]) -> bytes:
    filters = "&".join([f"{name}={','.join(sorted(values))}" for name, values in sorted(fields.items())])
    return hashlib.sha256(f"{resource}?{filters}".encode(errors="surrogatepass")).digest()[:_DIGEST]


def cursor(asked: Asked, last: int, seq: int) -> str:
    """The `next` of a page whose last object was added at `last`, with that sequence."""
    return (last.to_bytes(_NUMBER) + seq.to_bytes(_NUMBER) + asked.about).hex()


def _values(said: str, name: str) -> tuple[str, ...]:
    clean = said.replace("\0", "\ufffd")  # which PostgreSQL takes for no text
    found = tuple(dict.fromkeys(value.strip() for value in clean.split(",") if value.strip()))
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


def _added_after(said: str) -> int:
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


def _place(said: str | None, about: bytes) -> tuple[int, int]:
    if said is None:
        return 0, 0
    try:
        found = bytes.fromhex(said)
    except ValueError:
        raise Refused(400, "no_next") from None
    date, seq = int.from_bytes(found[:_NUMBER]), int.from_bytes(found[_NUMBER : 2 * _NUMBER])
    if len(found) != 2 * _NUMBER + _DIGEST or found[2 * _NUMBER :] != about or max(date, seq) >> 62:
        raise Refused(400, "no_next")
    return date, seq
