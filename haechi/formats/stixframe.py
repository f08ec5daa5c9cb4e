"""STIX objects one by one, as a peer sends them, each with the digest of its canonical form; alike ones quickly.

A list of a million values comes as a million indicators that differ in id and pattern alone. What stands around these
two, the frame, is read once, by the ordinary way, and kept only if the whole object is in RFC 8785 form with one "id" and
one "pattern". Another id of the same shape and a pattern without escapes between the same bytes is then again in that
form, so its digest is that of its bytes and it says the same as the first, of another value.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from haechi.formats import pattern, quick, stix
from haechi.formats.jsondoc import text
from haechi.model.canonical import canonical
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

_ID, _PATTERN, _AFTER = b'"id":"indicator--', b'"pattern":"[', b'"pattern_type"'
_ID_AT, _ID_LONG = len(b'"id":"'), len("indicator--") + 36
_UUID = re.compile(rb"indicator--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SAYS = re.compile(rb"\[([a-z0-9-]+:[A-Za-z0-9_.'-]+) = '([ !#-&(-\[\]-~]+)'\]")  # printable, no quote, no backslash
_FRAMES: Final = 4096  # kept at most
_LONGEST: Final = 8192  # bytes of an object whose frame is kept
Read = tuple[bytes, SourceObject | BadInput]  # digest of the canonical form; the object, or why it can't be taken


class Frames:
    """Reads objects and remembers frames; one for a sync. `marking` is for what is unmarked."""

    def __init__(self, marking: Tlp) -> None:
        self._marking = marking
        self._known: dict[tuple[bytes, bytes, bytes], SourceObject | None] = {}
        self._kinds: dict[bytes, ValueType | None] = {}

    def read(self, raws: Sequence[bytes], around: Sequence[bytes] = ()) -> list[Read]:
        """The objects in order; `around` are the marking-definitions that the same source sent before.

        Raises BadInput for one that has no canonical form: of such a thing there is no digest.
        """
        related = _related(raws)
        found: list[Read | None] = [self._quick(raw, related) for raw in raws]
        # First what tells of others, with these others, and one of each frame that is new; then what is left.
        first = self._first(raws, found, related)
        self._fill(found, first, raws, around, related)
        if len(first) < len(raws):
            more = [raws[place] for place in first if b"marking-definition" in raws[place]]
            for place, one in enumerate(found):
                found[place] = self._quick(raws[place], related) if one is None else one
            left = [place for place, one in enumerate(found) if one is None]
            self._fill(found, left, raws, [*around, *_definitions(more)], related)
        return [one for one in found if one is not None]

    def _first(self, raws: Sequence[bytes], found: Sequence[Read | None], related: frozenset[bytes]) -> list[int]:
        """The places of those that must be read together, and of one for each new frame."""
        places: list[int] = []
        frames: set[tuple[bytes, bytes, bytes]] = set()
        for place, one in enumerate(found):
            if one is not None:
                continue
            split = _split(raws[place])
            if split is not None and split[1] not in related:
                if split[0] in frames or split[0] in self._known:
                    continue
                frames.add(split[0])
            places.append(place)
        return places

    def _fill(
        self,
        found: list[Read | None],
        places: Sequence[int],
        raws: Sequence[bytes],
        around: Sequence[bytes],
        related: frozenset[bytes],
    ) -> None:
        if places:
            for place, one in zip(places, self._slow([raws[place] for place in places], around, related), strict=True):
                found[place] = one

    def _quick(self, raw: bytes, related: frozenset[bytes]) -> Read | None:
        """The object by its frame; None where the ordinary way must read it."""
        split = _split(raw)
        template = None if split is None else self._known.get(split[0])
        if split is None or template is None:
            return None
        _, id, says = split
        if id in related:  # what it is related to gives it names
            return None
        value = self._value(says)
        if value is None:
            return None
        kind, normal = value
        digest = hashlib.sha256(raw).digest()
        said = {kind: [normal]}
        return digest, msgspec.structs.replace(template, object_id=id.decode(), raw=raw, digest=digest, values=said)

    def _value(self, says: bytes) -> tuple[ValueType, str] | None:
        """The kind and normal form of the one value that a pattern names; None where it takes the ordinary way."""
        one = _SAYS.fullmatch(says)
        if one is None:
            return None
        path, literal = one[1], one[2].decode()
        if path not in self._kinds:
            if len(self._kinds) >= _FRAMES:
                self._kinds.clear()
            self._kinds[path] = pattern.kind_of(path.decode())
        kind = self._kinds[path]
        if kind is not None and quick.proven(literal) is kind:
            return kind, literal
        try:
            parsed = pattern.parse(says.decode())
        except BadInput:
            return None
        return parsed.values[0] if len(parsed.values) == 1 and not parsed.reasons else None

    def _slow(self, raws: Sequence[bytes], around: Sequence[bytes], related: frozenset[bytes]) -> Iterator[Read]:
        canonicals = [canonical(raw) for raw in raws]
        envelope = b'{"objects":[' + b",".join(raws) + b"]}"
        parsed = stix.parse(envelope, marking=self._marking, definitions=around)
        for raw, form, read in zip(raws, canonicals, parsed, strict=True):
            digest = hashlib.sha256(form).digest()
            if isinstance(read, SourceObject):
                read = msgspec.structs.replace(read, raw=raw, digest=digest)
                if form == raw and read.object_id.encode() not in related:
                    self._remember(raw, read)
            yield digest, read

    def _remember(self, raw: bytes, read: SourceObject) -> None:
        """Keep the frame of an object in canonical form if id and pattern are just the two that are split off."""
        split = _split(raw)
        if split is None or len(raw) > _LONGEST or raw.count(b'"id":"') != 1 or raw.count(b'"pattern":"') != 1:
            return
        frame, id, says = split
        value = self._value(says)
        if value is None or read.object_id != id.decode() or dict(read.values) != {value[0]: [value[1]]}:
            return
        if len(self._known) >= _FRAMES:
            self._known.clear()
        self._known[frame] = msgspec.structs.replace(read, raw=None, digest=None, values={})


def _split(raw: bytes) -> tuple[tuple[bytes, bytes, bytes], bytes, bytes] | None:
    """The frame, the id and the pattern of an indicator; None for what has another shape."""
    begins = raw.find(_ID) + _ID_AT
    ends = begins + _ID_LONG
    says = raw.find(_PATTERN, ends) + len(_PATTERN) - 1
    if begins < _ID_AT or says < ends or _UUID.fullmatch(raw, begins, ends) is None:
        return None
    after = raw.find(b'",' + _AFTER, says)
    if after < 0:
        return None
    return (raw[:begins], raw[ends:says], raw[after:]), raw[begins:ends], raw[says:after]


def _definitions(raws: Sequence[bytes]) -> list[bytes]:
    return [raw for raw in raws if _decoded(raw).get("type") == "marking-definition"]


def _related(raws: Sequence[bytes]) -> frozenset[bytes]:
    """The ids that relationships among these start from."""
    items = (_decoded(raw) for raw in raws if b"relationship" in raw)
    return frozenset(text(item.get("source_ref")).encode("utf-8", "replace") for item in items)


def _decoded(raw: bytes) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}
