"""CSV and TSV lists of indicators with a header: value and type, or a column per type, and what else they tell.

Rows with the same marking, validity and context are one object of the list (formats.lists). Most rows are without
quotes and in normal form: they cost a split, a dictionary look-up and one regular expression.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator

from haechi.formats import bulk, csvheader, moment, quick, typenames
from haechi.formats.csvrecord import OpenRecord
from haechi.formats.lists import Attributes, Groups
from haechi.model import marking as markings
from haechi.model.errors import BadInput
from haechi.model.indicator import Context, ValueType
from haechi.model.location import Location
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject

SMALL = 4096  # bytes; below, Arrow's import costs more than it saves
_CACHE = 20_000  # sets of attributes whose reading is remembered
_SEPARATOR = re.compile(r"[\s,;|]+")
_LEVELS = {"none": 0, "low": 15, "medium": 50, "med": 50, "high": 85}  # STIX 2.1, appendix A
_UNSET = frozenset({"", "-", "n/a", "none", "null"})


def parse(
    blocks: Iterable[bytes],
    *,
    path: str = "",
    marking: Tlp,
    kind: ValueType | None = None,
    context: Context | None = None,
) -> Iterator[SourceObject | BadInput]:
    """The rows' values as objects of a list, and what was refused with its line.

    `blocks` are of whole lines (the last may lack its end); `marking` is the source's for rows without one; `kind` the
    type of all values where no column tells. Raises BadInput if the header has no column that holds indicators. Holds
    one block, never the file.
    """
    reader: Reader | None = None
    open_record = OpenRecord(path)
    first = 1  # number of the block's first line
    for block in blocks:
        while reader is None and block:  # line by line up to the header, so that what follows can be taken at once
            line, _, block = block.partition(b"\n")
            for found in open_record.records(first, line):
                if isinstance(found, BadInput):
                    yield found
                else:
                    reader = _begin(*found, path, marking, kind, context or Context())
            first += 1
        if reader is None:
            continue
        count = block.count(b"\n")
        if not open_record.held and reader.whole_block(first, block):
            yield from reader.slow_rows()
        else:
            for found in open_record.records(first, block):
                if isinstance(found, BadInput):
                    yield found
                else:
                    yield from reader.row(*found)
        first += count
        if reader.groups.full:
            yield from reader.hand_on()
    yield from open_record.end()
    if reader is not None:
        yield from reader.hand_on()


def _begin(
    number: int, text: str, path: str, marking: Tlp, kind: ValueType | None, context: Context
) -> "Reader | None":
    if text.startswith("#") and not text.startswith("#fields"):
        return None
    try:
        return Reader(csvheader.plan(text), path, marking, kind, context)
    except BadInput as error:
        raise error.at(Location(path=path, line=number)) from None


class _Known:
    """What rows with the same cells beside the value have in common."""

    __slots__ = ("attributes", "kinds", "take")

    def __init__(
        self, attributes: Attributes, kinds: frozenset[ValueType], take: Callable[[str], list[tuple[ValueType, str]]]
    ) -> None:
        self.attributes = attributes
        self.kinds = kinds  # if the value is proven to be one of these, it is taken as it stands
        self.take = take


class Reader:
    """Reads rows by a plan."""

    def __init__(self, plan: csvheader.Plan, path: str, marking: Tlp, kind: ValueType | None, context: Context) -> None:
        self.groups = Groups()
        self._plan = plan
        self._path = path
        self._marking = marking
        self._kind = kind
        self._context = context
        self._roles = dict(plan.roles)
        self._known: dict[tuple[int, ...] | tuple[str, ...], _Known] = {}
        self._texts: dict[tuple[int, ValueType], list[str]] = {}
        self._slow: list[tuple[int, str]] = []

    def hand_on(self) -> Iterator[SourceObject]:
        self._texts.clear()
        yield from self.groups.hand_on()

    def whole_block(self, first: int, block: bytes) -> bool:
        """Take a block of plain rows at once; False if it needs the ordinary path. The rest is left to `slow_rows`."""
        if len(self._plan.values) != 1 or len(block) < SMALL:
            return False
        table = bulk.rows(block, self._plan.delimiter, self._plan.names)
        if table is None:
            return False
        place, kind = self._plan.values[0]
        names = self._plan.names
        beside = [name for at, name in enumerate(names) if at != place]
        groups = bulk.groups(table, beside)
        if groups is None:
            return False
        values = table[names[place]].combine_chunks()
        slow: list[int] = []
        for cells, at in groups:
            row = [cells.get(name, "") for name in names]
            try:
                known = self._know(row, place, kind)
            except BadInput:
                slow += at.to_pylist()
                continue
            found, left = bulk.proven(values.take(at), known.kinds)
            for seen, texts in found:
                self.groups.texts(known.attributes, seen).extend(texts.to_pylist())
                self.groups.count(len(texts))
            slow += at.take(left).to_pylist()
        lines = block.split(b"\n") if slow else []
        self._slow = [(first + at, lines[at].decode()) for at in sorted(slow)]
        return True

    def slow_rows(self) -> Iterator[BadInput]:
        """The rows of the last whole block that weren't proven to be in normal form."""
        rows, self._slow = self._slow, []
        for number, text in rows:
            yield from self.row(number, text)

    def row(self, number: int, text: str) -> Iterator[BadInput]:
        plan = self._plan
        try:
            cells = next(csv.reader([text], delimiter=plan.delimiter)) if '"' in text else text.split(plan.delimiter)
        except csv.Error:  # a line break, but no quote stands at the cell's begin
            yield BadInput("list.stray_quote", location=Location(path=self._path, line=number))
            return
        if len(cells) != plan.width:
            if text.startswith("#"):
                return
            location = Location(path=self._path, line=number, value=text)
            yield BadInput("list.cells", location=location, cells=len(cells), columns=plan.width)
            return
        for place, kind in plan.values:
            value = cells[place].strip()
            if not value and len(plan.values) > 1:
                continue
            try:
                self._add(cells, place, kind, value)
            except BadInput as error:
                location = Location(
                    path=self._path,
                    line=number,
                    field=error.location.field or plan.names[place],
                    value=error.location.value or value,
                )
                yield error.at(location)

    def _add(self, cells: list[str], place: int, kind: ValueType | None, value: str) -> None:
        key = (str(place), *cells[:place], *cells[place + 1 :])
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= _CACHE:
                self._known.clear()
            known = self._known[key] = self._know(cells, place, kind)
        seen = quick.proven(value)
        if seen is not None and seen in known.kinds:
            texts = self._texts.get((id(known), seen))
            if texts is None:
                texts = self._texts[id(known), seen] = self.groups.texts(known.attributes, seen)
            texts.append(value)
            self.groups.count(1)
            return
        for found, text in known.take(value):
            self.groups.add(known.attributes, found, text)

    def _know(self, cells: list[str], place: int, kind: ValueType | None) -> _Known:
        shown = {role: cells[at].strip() for role, at in self._roles.items() if at != place}
        shown = {role: "" if text.lower() in _UNSET else text for role, text in shown.items()}
        attributes = self._attributes(shown)
        if kind is None and self._plan.names[place] in typenames.BY_NAME:
            return _Known(attributes, typenames.HASH, _many)
        if kind is None and shown.get("type"):
            try:
                kind = typenames.named(shown["type"])
            except KeyError:
                raise BadInput("list.other_type", location=Location(field="type", value=shown["type"])) from None
            if kind is None:
                return _Known(attributes, typenames.HASH, _many)
        kind = kind or self._kind
        if kind is None:
            return _Known(attributes, frozenset(ValueType), lambda text: [quick.value(text, None)])
        if kind is ValueType.URL:
            return _Known(attributes, frozenset({ValueType.URL}), lambda text: [_url(text)])
        return _Known(attributes, frozenset({kind}), lambda text: [quick.value(text, kind)])

    def _attributes(self, shown: dict[str, str]) -> Attributes:
        whole = self._context
        context = Context(
            actors=whole.actors + _several(shown.get("actors", "")),
            malware=whole.malware + _several(shown.get("malware", "")),
            campaigns=whole.campaigns + _several(shown.get("campaigns", "")),
            references=whole.references + _several(shown.get("references", "")),
            labels=whole.labels + _several(shown.get("labels", "")),
            description=shown.get("description", "") or whole.description,
        )
        marking = markings.parse_tlp(shown["marking"]) if shown.get("marking") else self._marking
        return Attributes(
            marking=marking,
            pap=markings.parse_pap(shown["pap"]) if shown.get("pap") else None,
            confidence=_confidence(shown.get("confidence", "")),
            valid_from=_time(shown, "valid_from"),
            valid_until=_time(shown, "valid_until"),
            context=context,
        )


def _many(cell: str) -> list[tuple[ValueType, str]]:
    """The digests of a cell: several of one file stand in one, parted by commas or space."""
    parts = [part for part in _SEPARATOR.split(cell) if part] or [""]
    found = [quick.value(part, None) for part in parts]
    for kind, text in found:
        if kind not in typenames.HASH:
            raise BadInput("list.no_digest", location=Location(value=text))
    return found


def _url(text: str) -> tuple[ValueType, str]:
    """A URL; without a scheme (Zeek's Intel files, many feeds) it is taken as http."""
    return quick.value(text if "://" in text or "[:" in text else "http://" + text, ValueType.URL)


def _several(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in re.split(r"[;|]", cell) if part.strip())


def _confidence(cell: str) -> int | None:
    if not cell:
        return None
    if cell.lower() in _LEVELS:
        return _LEVELS[cell.lower()]
    try:
        number = int(cell.removesuffix("%"))
    except ValueError:
        number = -1
    if not 0 <= number <= 100:
        raise BadInput("list.confidence", location=Location(field="confidence", value=cell))
    return number


def _time(shown: dict[str, str], role: str) -> int | None:
    if not shown.get(role):
        return None
    try:
        return moment.micros(shown[role])
    except BadInput as error:
        raise error.at(Location(field=role, value=shown[role])) from None
