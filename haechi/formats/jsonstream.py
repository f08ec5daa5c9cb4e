"""One JSON document piece by piece: what is wanted is cut out as bytes, the rest goes by, nothing is held but a window.

The caller walks: `members` enters an object, `items` an array, `value` cuts the value that stands there, `skip` passes
it. Structure is checked where one walks and brackets everywhere; what a piece holds is its decoder's affair. Grammar:
RFC 8259. However deep a piece is, it is cut out or passed without recursion; its decoder refuses it then, alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NoReturn

import msgspec

from haechi.model.errors import BadInput
from haechi.model.location import Location

MAX_PART: Final = 16 << 20  # bytes of one value that is cut out
MAX_KEY: Final = 4096
_DEEPEST: Final = 200  # objects and arrays that are entered
_FILL: Final = 1 << 20  # bytes to read at a time where blocks are smaller

_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_FLAT: Final = rb"\{(?:[^{}\[\]\"]++|" + _STRING + rb")*+\}"
_LIST: Final = rb"\[(?:[^{}\[\]\"]++|" + _STRING + rb"|" + _FLAT + rb")*+\]"
# An object whose lists hold at most flat objects: nearly every attribute, found by the expression alone.
_QUICK: Final = re.compile(rb"\{(?:[^{}\[\]\"]++|" + _STRING + rb"|" + _FLAT + rb"|" + _LIST + rb")*+\}", re.DOTALL)
_TOKEN: Final = re.compile(rb"[{}\[\]]|" + _STRING + rb"|[^{}\[\]\"]++", re.DOTALL)
_TEXT: Final = re.compile(_STRING, re.DOTALL)
_INSIDE: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_SCALAR: Final = re.compile(rb"[^\s,{}\[\]\"]++")


class Walk:
    """A walk over one document given in blocks of any size. `path` names it in refusals."""

    def __init__(self, blocks: Iterable[bytes], path: str = "") -> None:
        self._blocks = iter(blocks)
        self._path = path
        self._window = b""
        self._at = 0  # in the window
        self._gone = 0  # bytes before the window
        self._depth = 0
        self._ended = False
        self._fill()
        if self._window.startswith(b"\xef\xbb\xbf"):
            self._at = 3

    def kind(self) -> str:
        """What stands here: `{`, `[`, `"`, another scalar's first character, or "" at the end."""
        while True:
            found = _SPACE.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._window):
                return chr(self._window[self._at])
            if not self._fill():
                return ""

    def members(self) -> Iterator[str]:
        """Enter the object that stands here; each key, with the walk at its value, which the caller must consume."""
        self._take("{")
        self._enter()
        if self.kind() != "}":
            while True:
                key = self._key()
                self._take(":")
                yield key
                if self.kind() != ",":
                    break
                self._at += 1
        self._take("}")
        self._depth -= 1

    def items(self) -> Iterator[None]:
        """Enter the array that stands here; once for each item, which the caller must consume."""
        self._take("[")
        self._enter()
        if self.kind() != "]":
            while True:
                yield None
                if self.kind() != ",":
                    break
                self._at += 1
        self._take("]")
        self._depth -= 1

    def value(self) -> bytes | None:
        """The value that stands here, as it stands; None where it is longer than `MAX_PART`: it was passed."""
        first = self.kind()
        if first not in ("{", "[", '"'):
            return self._scalar()
        while True:
            end = self._end(first)
            if end is not None:
                found = self._window[self._at : end]
                self._at = end
                return found
            if len(self._window) - self._at > MAX_PART:
                self.skip()
                return None
            if not self._fill():
                self._refuse()

    def skip(self) -> None:
        """Pass the value that stands here, of any length."""
        if self.kind() not in ("{", "[", '"'):
            self._scalar()
            return
        depth = 0
        while True:
            found = _TOKEN.match(self._window, self._at)
            if found is None:  # the window ends here, or within a text
                if self._window[self._at : self._at + 1] == b'"':
                    self._skip_text()
                elif self._fill():
                    continue
                else:
                    self._refuse()
            else:
                self._at = found.end()
                sign = self._window[found.start()]
                if sign in b"{[":
                    depth += 1
                elif sign in b"}]":
                    depth -= 1
            if depth == 0:
                return

    def end(self) -> None:
        """Nothing may follow but white space. Raises BadInput."""
        if self.kind() != "":
            self._refuse()

    def _skip_text(self) -> None:
        """Pass a text whose end isn't in the window: as long as it likes, it isn't kept."""
        self._at += 1
        while True:
            found = _INSIDE.match(self._window, self._at)
            self._at = found.end() if found else self._at
            if self._window[self._at : self._at + 1] == b'"':
                self._at += 1
                return
            if not self._fill():
                self._refuse()

    def _scalar(self) -> bytes:
        while True:
            found = _SCALAR.match(self._window, self._at)
            if found is not None and found.end() < len(self._window):
                break
            if found is not None and len(found[0]) > MAX_KEY:
                self._refuse()
            if not self._fill():
                if found is None:
                    self._refuse()
                break
        assert found is not None
        self._at = found.end()
        return found[0]

    def _end(self, first: str) -> int | None:
        """Where the value ends in the window; None where the window ends before it does."""
        if first == '"':
            text = _TEXT.match(self._window, self._at)
            return None if text is None else text.end()
        if first == "{":
            quick = _QUICK.match(self._window, self._at)
            if quick is not None:
                return quick.end()
        depth, at = 0, self._at
        while True:
            token = _TOKEN.match(self._window, at)
            if token is None:
                return None
            at = token.end()
            sign = self._window[token.start()]
            if sign in b"{[":
                depth += 1
            elif sign in b"}]":
                depth -= 1
                if depth == 0:
                    return at

    def _key(self) -> str:
        if self.kind() != '"':
            self._refuse()
        raw = self.value()
        if raw is None or len(raw) > MAX_KEY:
            self._refuse()
        try:
            return msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._refuse()

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise BadInput("json.deep", location=self._place())

    def _take(self, sign: str) -> None:
        if self.kind() != sign:
            self._refuse()
        self._at += 1

    def _fill(self) -> bool:
        """More bytes into the window, what was consumed out of it; False at the end of the document."""
        if self._ended:
            return False
        kept = self._window[self._at :]
        parts, size = [kept], 0
        wanted = max(_FILL, len(kept))  # double a long piece, so that looking at it again costs twice its length in all
        for block in self._blocks:
            parts.append(block)
            size += len(block)
            if size >= wanted:
                break
        else:
            self._ended = True
        self._gone += self._at
        self._window, self._at = b"".join(parts), 0
        return size > 0

    def _place(self) -> Location:
        return Location(path=self._path, offset=self._gone + self._at)

    def _refuse(self) -> NoReturn:
        raise BadInput("json.broken", location=self._place())
