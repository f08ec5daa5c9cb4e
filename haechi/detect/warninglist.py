"""MISP warning lists: values that are known to be harmless, or common enough to be said so.

`suppressing` takes values by type and gives the hits that keep a value out of matching, `shown` those that are only
said beside it. Which list is which is data (warninglists.toml) and a decision (docs/decisions/0003-warning-lists.md).
Lists are read and indexed by type when a value of that type is first looked at. A million values take about a second.
"""

import hashlib
import socket
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.resources import files
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from haechi.model import normal
from haechi.model.errors import BadInput, NodeCannot
from haechi.model.indicator import ValueType

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NAME_KINDS: Final = frozenset({"domain", "hostname", "url", "email-src"})  # MISP attribute types
_DIGEST_KINDS: Final = frozenset({"md5", "sha1", "sha256", "sha512"})
_FEW: Final = 100
_DEEPEST: Final = 6  # labels cut from the left when sub-domains are looked for
_FOUR: Final = frozenset({ValueType.IPV4, ValueType.IPV4_NET, ValueType.IPV4_RANGE})
_SIX: Final = frozenset({ValueType.IPV6, ValueType.IPV6_NET, ValueType.IPV6_RANGE})
_DIGEST_LENGTHS: Final = frozenset({32, 40, 64, 128})
_DIGESTS: Final = frozenset({ValueType.MD5, ValueType.SHA1, ValueType.SHA256, ValueType.SHA512, ValueType.CERT})


class Hit(NamedTuple):
    """A value on a list: its place in what was asked, and the list's name."""

    place: int
    list: str


class _List(msgspec.Struct, eq=False):
    name: str
    type: str
    list: list[str]
    matching_attributes: tuple[str, ...] = ()


_Index = dict[str, tuple[str, ...]]  # text -> names of the lists that have it


def edition() -> str:
    """The version of the lists and of the choice among them; with another one, values are looked up again."""
    chosen = files("haechi.detect").joinpath("warninglists.toml").read_bytes()
    return f"{version('pymispwarninglists')}/{hashlib.sha256(chosen).hexdigest()[:12]}"


class WarningLists:
    """The chosen lists, indexed when first needed."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _folder()

    def suppressing(self, kind: ValueType, texts: Sequence[str]) -> Iterator[Hit]:
        """The values of one type, in normal form, that are kept out of matching; one may be on several lists."""
        if kind in _FOUR or kind in _SIX:
            yield from _addresses(self._spans("suppress", 4 if kind in _FOUR else 6), kind, texts)
        elif kind in _DIGESTS:
            yield from _exact(self._digests, texts)
        elif kind is ValueType.DOMAIN:
            yield from _exact(self._names, texts)
            yield from _exact(self._names, [text[4:] if text.startswith("www.") else "" for text in texts])
        elif kind is ValueType.URL:
            yield from _exact(self._names, [_bare_host(text) for text in texts])

    def shown(self, kind: ValueType, texts: Sequence[str]) -> Iterator[Hit]:
        """The values on lists that attackers' infrastructure is on too: said beside the value, and matched."""
        if kind in _FOUR or kind in _SIX:
            yield from _addresses(self._spans("show", 4 if kind in _FOUR else 6), kind, texts)
        elif kind is ValueType.DOMAIN:
            yield from self._shown_names(texts)
        elif kind is ValueType.EMAIL:
            yield from self._shown_names([text.rpartition("@")[2] for text in texts])
        elif kind is ValueType.URL:
            yield from self._shown_names([text.partition("://")[2].partition("/")[0] for text in texts])

    def _shown_names(self, names: Sequence[str]) -> Iterator[Hit]:
        if len(names) > _FEW:
            yield from _below(self._suffixes, names)
            return
        # For a few names an index of everything would cost a second: only entries that can be hit are taken up.
        wanted = {suffix for name in names for suffix in _suffixes_of(name)}
        index = _index(
            self._lists("show"), lambda text: name if (name := text.strip("*. ").lower()) in wanted else "", _NAME_KINDS
        )
        yield from _below(index, names)

    @cached_property
    def _chosen(self) -> dict[str, list[str]]:
        return tomllib.loads(files("haechi.detect").joinpath("warninglists.toml").read_text("utf-8"))

    def _lists(self, choice: str) -> Iterator[_List]:
        for folder in self._chosen[choice]:
            path = self._folder / folder / "list.json"
            if path.is_file():  # a newer edition may have dropped one
                yield msgspec.json.decode(path.read_bytes(), type=_List)

    @cached_property
    def _names(self) -> _Index:
        return _index(self._lists("suppress"), _name, _NAME_KINDS)

    @cached_property
    def _suffixes(self) -> _Index:
        return _index(self._lists("show"), _name, _NAME_KINDS)

    @cached_property
    def _digests(self) -> _Index:
        return _index(self._lists("suppress"), _digest, _DIGEST_KINDS)

    def _spans(self, choice: str, family: int) -> "_Spans":
        name = f"_spans_{choice}_{family}"
        if name not in self.__dict__:
            self.__dict__[name] = _Spans(self._lists(choice), family)
        found: _Spans = self.__dict__[name]
        return found


def _folder() -> Path:
    """Where the package keeps its lists; found without importing it, for that brings an HTTP client."""
    spec = find_spec("pymispwarninglists")
    if spec is None or spec.origin is None:
        raise NodeCannot("detect.no_warning_lists")
    return Path(spec.origin).parent / "data" / "misp-warninglists" / "lists"


def _index(lists: Iterator[_List], form: Callable[[str], str], kinds: frozenset[str]) -> _Index:
    index: _Index = {}
    for one in lists:
        if one.type in ("cidr", "regex") or kinds.isdisjoint(one.matching_attributes):
            continue
        alone = (one.name,)  # shared by all its entries
        for text in one.list:
            key = form(text)
            if key:
                had = index.get(key)
                index[key] = alone if had is None else had if one.name in had else (*had, one.name)
    return index


def _exact(index: _Index, keys: Sequence[str]) -> Iterator[Hit]:
    for place in _known(index, keys):
        for name in index[keys[place]]:
            yield Hit(place, name)


def _suffixes_of(name: str) -> Iterator[str]:
    while "." in name:
        yield name
        name = name.partition(".")[2]


def _below(index: _Index, texts: Sequence[str]) -> Iterator[Hit]:
    """Texts that are a name of the index or below one."""
    names, places = list(texts), list(range(len(texts)))
    seen: set[Hit] = set()
    for _ in range(_DEEPEST):
        for at in _known(index, names):
            for name in index[names[at]]:
                hit = Hit(places[at], name)
                if hit not in seen:
                    seen.add(hit)
                    yield hit
        # Only what still has a dot after its first label is cut can be below a name.
        cut = [(place, name.partition(".")[2]) for place, name in zip(places, names, strict=True)]
        cut = [(place, name) for place, name in cut if "." in name]
        places, names = [place for place, _ in cut], [name for _, name in cut]


def _addresses(spans: "_Spans", kind: ValueType, texts: Sequence[str]) -> Iterator[Hit]:
    first, last = _bounds(kind, texts)
    for place in spans.maybe(first, last):
        for name in spans.holding(int(first[place]), int(last[place])):
            yield Hit(place, name)


class _Spans:
    """Address ranges of all lists of one family: a quick test against their union, then list by list."""

    def __init__(self, lists: Iterator[_List], family: int) -> None:
        self._by_list: list[tuple[str, list[int], list[int]]] = []
        everything: list[tuple[int, int]] = []
        for one in lists:
            if one.type == "cidr":
                spans = [span for text in one.list if (span := _span(text, family)) is not None]
                if spans:
                    merged = _merged(spans)
                    self._by_list.append((one.name, [a for a, _ in merged], [b for _, b in merged]))
                    everything += merged
        union = _merged(everything)
        self._starts = [a for a, _ in union]
        self._ends = [b for _, b in union]
        self._narrow = family == 4

    def maybe(self, first: Sequence[int], last: Sequence[int]) -> Iterator[int]:
        """Places whose range lies within the union of all."""
        if self._narrow and len(first) > 64:
            import numpy as np

            yield from _within(np.asarray(first, "i8"), np.asarray(last, "i8"), self._starts, self._ends).tolist()
            return
        for place, low in enumerate(first):
            at = bisect_right(self._starts, low) - 1
            if at >= 0 and last[place] <= self._ends[at]:
                yield place

    def holding(self, low: int, high: int) -> Iterator[str]:
        """The names of the lists with a range that holds all of it."""
        for name, starts, ends in self._by_list:
            at = bisect_right(starts, low) - 1
            if at >= 0 and high <= ends[at]:
                yield name


def _within(
    first: "NDArray[np.int64]", last: "NDArray[np.int64]", starts: list[int], ends: list[int]
) -> "NDArray[np.int64]":
    import numpy as np

    at = np.searchsorted(np.asarray(starts, "i8"), first, side="right") - 1
    upper = np.asarray(ends, "i8")
    return np.flatnonzero((at >= 0) & (last <= upper[np.maximum(at, 0)]))


def _known(index: _Index, texts: Sequence[str]) -> list[int]:
    """Places of texts that are keys: by intersecting sets, at C speed, since nearly none are."""
    hits = index.keys() & set(texts)
    return [place for place, text in enumerate(texts) if text in hits] if hits else []


def _digest(text: str) -> str:
    return text.lower() if len(text) in _DIGEST_LENGTHS and "." not in text else ""


def _name(text: str) -> str:
    """A list's entry as a domain in normal form; "" for what isn't one."""
    bare = text.strip().removeprefix("*").strip(".")
    if "/" in bare or ":" in bare or _digest(bare):
        return ""
    try:
        return normal.domain(bare)
    except BadInput:
        return ""


def _bare_host(url: str) -> str:
    """The host of a URL that names nothing but a host; "" otherwise: a page on a good site can be bad."""
    host, slash, rest = url.partition("://")[2].partition("/")
    return host if slash and not rest else ""


def _span(text: str, family: int) -> tuple[int, int] | None:
    if (":" in text) != (family == 6):
        return None
    try:
        if family == 4:  # by hand: 60,000 of them by `ipaddress` take half a second
            host, _, length = text.strip().partition("/")
            size = 1 << (32 - int(length or 32))
            low = int.from_bytes(socket.inet_aton(host), "big") & -size
            return low, low + size - 1
        net = ip_network(text.strip(), strict=False)
    except (ValueError, OSError):
        return None
    return int(net.network_address), int(net.broadcast_address)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def _bounds(kind: ValueType, texts: Sequence[str]) -> tuple[Sequence[int], Sequence[int]]:
    """First and last address of each value."""
    if kind is ValueType.IPV4:
        joined = b"".join(map(socket.inet_aton, texts))
        import numpy as np

        found = np.frombuffer(joined, ">u4").astype("i8")
        return found, found  # type: ignore[return-value]
    if kind is ValueType.IPV6:
        six = [int.from_bytes(socket.inet_pton(socket.AF_INET6, text), "big") for text in texts]
        return six, six
    if kind in (ValueType.IPV4_NET, ValueType.IPV6_NET):
        nets = [ip_network(text) for text in texts]
        return [int(net.network_address) for net in nets], [int(net.broadcast_address) for net in nets]
    parts = [text.split("-") for text in texts]
    return [int(ip_address(low)) for low, _ in parts], [int(ip_address(high)) for _, high in parts]
