"""Templates as people write them, compiled to the arrays of `template_kernel`.

In a pattern `{user}` ends at the first place where the text behind it stands, `{user*}` at the last (what an outsider
may fill), `{host}` is an address or a name, `{user+host}` a user, a space and a host, `{_}` is left out; a number slot
takes digits; `{extra:NAME}` goes to `extra`. Text behind the last part of a pattern is left aside.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import EXTRA, NUMBER
from haechi.ingest.engines.text.template_kernel import DIGITS, END, HOST, LAST, SKIP, USER_HOST, WORDS, TemplateTable
from haechi.model.block import N, T

_PART = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One message: its pattern, what it says, and what came of it."""

    pattern: str
    signature: str
    action: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """The messages of one program; `names` are those that it logs under, `source_type` has at most twelve bytes."""

    names: tuple[str, ...]
    source_type: str
    app_proto: str
    templates: tuple[Template, ...]


class _Words:
    """Constant texts, put one behind the other; the engine lays them into each block."""

    def __init__(self, before: bytes) -> None:
        self.text = bytearray(before)
        self._places: dict[str, tuple[int, int]] = {"": (0, 0)}

    def place(self, word: str) -> tuple[int, int]:
        if word not in self._places:
            self._places[word] = len(self.text), len(word.encode())
            self.text += word.encode()
        return self._places[word]


def compile_templates(
    programs: Sequence[Program], keys: ExtraKeys, *, other: str, before: bytes = b""
) -> tuple[TemplateTable, np.ndarray[tuple[int], np.dtype[np.uint8]]]:
    """The table, and the constant texts it points into, which begin with `before`.

    `other` is the source_type of a line that no program's template fits.
    """
    words, literals = _Words(before), bytearray()
    templates: list[tuple[int, ...]] = []
    segments: list[tuple[int, int, int, int]] = []
    names: list[tuple[bytes, tuple[int, ...]]] = []
    for program in programs:
        first = len(templates)
        for template in program.templates:
            begin = len(segments)
            for literal, capture in _parts(template.pattern):
                segments.append((len(literals), len(literal), *_capture(capture, keys)))
                literals += literal
            said = words.place(template.signature) + words.place(template.action)
            templates.append((begin, len(segments), *said))
        implied = words.place(program.source_type) + words.place(program.app_proto)
        names += [(name.encode(), (len(name), first, len(templates), *implied)) for name in program.names]
    table = TemplateTable(
        program_low=np.array([int.from_bytes(name[:8], "little") for name, _ in names], np.uint64),
        program_high=np.array([int.from_bytes(name[8:], "little") for name, _ in names], np.uint64),
        program=np.array([row for _, row in names] + [(0, 0, 0, *words.place(other), 0, 0)], np.int64),
        template=np.array(templates, np.int64).reshape(-1, 6),
        segment=np.array(segments, np.int64).reshape(-1, 4),
        text=np.frombuffer(bytes(literals) + bytes(8), np.uint8),
        host_key=np.int64(keys.number("src_host")),
        message_key=np.int64(keys.number("message")),
    )
    return table, np.frombuffer(bytes(words.text), np.uint8)


def _parts(pattern: str) -> list[tuple[bytes, str]]:
    """(literal, capture behind it) of a pattern; the last capture may be empty."""
    pieces = _PART.split(pattern)
    return [(pieces[k].encode(), pieces[k + 1] if k + 1 < len(pieces) else "") for k in range(0, len(pieces), 2)]


_SPECIAL: Mapping[str, tuple[int, int]] = {
    "": (END, 0),
    "_": (SKIP, 0),
    "_*": (LAST, -1),
    "host": (HOST, T["src_addr"]),
    "user+host": (USER_HOST, T["user"]),
}


def _capture(name: str, keys: ExtraKeys) -> tuple[int, int]:
    if name in _SPECIAL:
        return _SPECIAL[name]
    kind = LAST if name.endswith("*") else WORDS
    name = name.rstrip("*")
    if name.startswith("extra:"):
        return kind, EXTRA + keys.number(name.removeprefix("extra:"))
    return (DIGITS, NUMBER + N[name]) if name in N else (kind, T[name])
