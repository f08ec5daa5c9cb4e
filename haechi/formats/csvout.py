"""Indicators as CSV, one row a value, with all that a row of `formats.csvlist` can say: what is read back is the same.

Every row carries its label, so that no default of the reader's makes it laxer. Quoted as RFC 4180 says; a cell that a
spreadsheet would run as a formula stays as it is, for a value that is changed is another value.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from haechi.model.source_object import SourceObject

COLUMNS: Final = ("value", "type", "tlp", "pap", "valid_from", "valid_until", "confidence", "source")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def rows(found: Iterable[tuple[str, SourceObject]]) -> Iterator[bytes]:
    """The header and a row for each value of each object, with the name of its source."""
    yield _line(COLUMNS)
    for source, one in found:
        pap = "" if one.pap is None else one.pap.label
        confidence = "" if one.confidence is None else str(one.confidence)
        beside = (one.marking.label, pap, _time(one.valid_from), _time(one.valid_until), confidence, source)
        for kind, texts in one.values.items():
            for text in texts:
                yield _line((text, kind.value, *beside))


def _line(cells: Iterable[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(
        "".join(sign if sign.isprintable() else " " for sign in cell) for cell in cells
    )
    return written.getvalue().encode()


def _time(at: int | None) -> str:
    return "" if at is None else (_EPOCH + timedelta(microseconds=at)).isoformat(timespec="microseconds")
