"""Plain lists: one value a line, `#` begins a comment; Maltrail's layout with its references is understood.

Maltrail (github.com/stamparm/maltrail, trails/static/malware): `# Reference: URL` lines stand above the values that
they are about, `# Aliases: a, b` in the file's head names the actor; ` # comment` may follow a value.
"""

import re
from collections.abc import Iterable, Iterator

from haechi.formats import bulk, quick
from haechi.formats.lines import numbered
from haechi.formats.lists import Attributes, Groups
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

MAX_LINE = 16_384  # bytes
SMALL = 4096  # bytes; below, Arrow's import costs more than it saves
_GUESSED = frozenset(ValueType) - {ValueType.JA3}
_REFERENCE = re.compile(r"#\s*Refer\w+:\s*(\S+)")  # with the misspellings that real files have
_ALIASES = re.compile(r"#\s*Aliases:\s*(.+)")
_COMMENT = re.compile(r"\s+(?:#|//).*\Z")


def parse(
    blocks: Iterable[bytes],
    *,
    path: str = "",
    marking: Tlp,
    kind: ValueType | None = None,
    context: Context | None = None,
) -> Iterator[SourceObject | BadInput]:
    """The list's values as objects of a list, and what was refused with its line.

    `blocks` are of whole lines; `marking` is that of the source; `kind` the type of all values where the file doesn't show it; `context` what is
    known of the whole list beforehand. Holds one block of values, never the file.
    """
    reader = _Reader(path, marking, kind, context or Context())
    first = 1
    for block in blocks:
        for number, line in reader.whole_block(first, block):
            refused = reader.line(number, line)
            if refused is not None:
                yield refused
        first += block.count(b"\n")
        if reader.groups.full:
            yield from reader.groups.hand_on()
    yield from reader.groups.hand_on()


class _Reader:
    """The state of reading: which references stand above the current line."""

    def __init__(self, path: str, marking: Tlp, kind: ValueType | None, context: Context) -> None:
        self.groups = Groups()
        self._path = path
        self._marking = marking
        self._kind = kind
        self._whole = context
        self._aliases: tuple[str, ...] = ()
        self._references: tuple[str, ...] = ()
        self._values_seen = False
        self._attributes = self._now()

    def whole_block(self, first: int, block: bytes) -> Iterator[tuple[int, bytes]]:
        """Take what a block of bare values holds in normal form at once; gives the lines that are left to `line`."""
        table = None
        if len(block) >= SMALL and not block.startswith((b"#", b"\xef")) and b" #" not in block:
            table = bulk.rows(block, "\x01", ("value",))
        if table is None:
            for place, line in numbered((block,)):
                yield first + place - 1, line
            return
        kinds = frozenset({self._kind}) if self._kind is not None else _GUESSED
        found, left = bulk.proven(table["value"].combine_chunks(), kinds)
        for kind, texts in found:
            self.groups.texts(self._attributes, kind).extend(texts.to_pylist())
            self.groups.count(len(texts))
            self._values_seen = True
        lines = block.split(b"\n") if len(left) else []
        for at in left.to_pylist():
            yield first + at, lines[at]

    def line(self, number: int, line: bytes) -> BadInput | None:
        if len(line) > MAX_LINE:
            return BadInput("list.long_line", location=self._at(number, ""), most=MAX_LINE)
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
        except UnicodeDecodeError:
            return BadInput("list.not_utf_8", location=self._at(number, line[:60].decode(errors="replace")))
        if not text:
            return None
        if text.startswith(("#", ";", "//")):
            self._comment(text)
            return None
        return self._value(number, text)

    def _value(self, number: int, text: str) -> BadInput | None:
        self._values_seen = True
        if " " in text or "\t" in text:
            text = _COMMENT.sub("", text)
        try:
            kind, normal = quick.value(text, self._kind)
        except BadInput as error:
            return error.at(self._at(number, text))
        self.groups.add(self._attributes, kind, normal)
        return None

    def _comment(self, text: str) -> None:
        reference = _REFERENCE.match(text)
        aliases = _ALIASES.match(text)
        if reference:
            if self._values_seen:
                self._references, self._values_seen = (), False
            self._references = (*self._references, reference[1])
        elif aliases:
            named = tuple(alias for alias in (part.strip() for part in aliases[1].split(",")) if alias)
            self._aliases = tuple(dict.fromkeys((*self._aliases, *named)))
        self._attributes = self._now()

    def _now(self) -> Attributes:
        whole = self._whole
        context = Context(
            actors=whole.actors,
            malware=whole.malware,
            campaigns=whole.campaigns,
            references=(*whole.references, *self._references),
            labels=(*whole.labels, *(f"alias:{alias}" for alias in self._aliases)),
            description=whole.description,
        )
        return Attributes(marking=self._marking, context=context)

    def _at(self, number: int, text: str) -> Location:
        return Location(path=self._path, line=number, field="value", value=text)
