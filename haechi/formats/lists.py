"""Grouping of list rows: rows that share marking, validity and context are one object, handed on in blocks."""

from collections.abc import Iterator

import msgspec

from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Pap, Tlp
from haechi.model.source_object import SourceObject

BLOCK = 50_000  # values held before they are handed on: some 10 MB
GROUPS = 5_000  # sets of attributes held


class Attributes(msgspec.Struct, frozen=True, kw_only=True):
    """What a list says about a row beside its value. Times in microseconds UTC."""

    marking: Tlp
    pap: Pap | None = None
    confidence: int | None = None
    valid_from: int | None = None
    valid_until: int | None = None
    context: Context = Context()


class Groups:
    """Collects values by their attributes and gives them back as objects of a list, in bounded memory."""

    def __init__(self) -> None:
        self._groups: dict[Attributes, dict[ValueType, list[str]]] = {}
        self._held = 0

    def add(self, attributes: Attributes, kind: ValueType, text: str) -> None:
        """Hold one value in normal form."""
        texts = self.texts(attributes, kind)
        texts.append(text)
        self._held += 1

    def texts(self, attributes: Attributes, kind: ValueType) -> list[str]:
        """The list that values of these attributes and this kind are appended to; valid until the next `full`."""
        group = self._groups.get(attributes)
        if group is None:
            group = self._groups[attributes] = {}
        return group.setdefault(kind, [])

    def count(self, appended: int) -> None:
        """Tell of values that were appended to `texts` directly."""
        self._held += appended

    @property
    def full(self) -> bool:
        """Whether it is time to hand on."""
        return self._held >= BLOCK or len(self._groups) >= GROUPS

    def hand_on(self) -> Iterator[SourceObject]:
        """All that is held, and hold nothing any more."""
        groups, self._groups, self._held = self._groups, {}, 0
        for attributes, values in groups.items():
            yield SourceObject(
                object_id="",
                marking=attributes.marking,
                pap=attributes.pap,
                confidence=attributes.confidence,
                valid_from=attributes.valid_from,
                valid_until=attributes.valid_until,
                context=attributes.context,
                values=values,
            )
