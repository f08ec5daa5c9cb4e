"""What a reader implies for every row: constant cells, record types as activities, severities as OCSF's."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from haechi.ingest.engines.constant_kernel import fill_constants
from haechi.ingest.normal_forms.finish_kernel import Meaning
from haechi.ingest.reader import Reader
from haechi.ingest.refusal import ARENA_FULL
from haechi.model.block import ACTIVITIES, ROWS, Block, T


class Constants:
    """Text cells that the format or the input implies, such as source_type of a Zeek log: filled where a row has none."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._slots = np.array([T[name] for name in texts], np.int64)
        encoded = [text.encode() for text in texts.values()]
        self._lengths = np.array([len(text) for text in encoded], np.int64)
        self._bytes = np.frombuffer(b"".join(encoded), np.uint8)

    def fill(self, block: Block, first_row: int) -> None:
        """Fill the rows from first_row on; they are marked as refused if the arena has no room for the texts."""
        a, rows = block.a, int(block.a.state[ROWS])
        if not self._bytes.size or rows == first_row:
            return
        begin = block.lay(self._bytes)
        if begin < 0:
            a.error[first_row:rows] = ARENA_FULL
            a.error_field[first_row:rows] = self._slots[0]
            return
        fill_constants(a.text, a.start, a.valid, a.buf, self._slots, self._lengths, begin, first_row, rows)


class Words:
    """Texts that a scanner's table points into: laid into the block's arena before it scans."""

    def __init__(self, text: npt.NDArray[np.uint8]) -> None:
        self._text = text

    def lay(self, block: Block) -> int:
        """Put the texts into the arena, where they stay until the block is reset: where they begin, -1 if it is full."""
        return block.lay(self._text)


def meaning_of(reader: Reader) -> Meaning:
    """The reader's record types and severities as the tables that `finish_rows` looks up."""
    low, high, activity = [], [], []
    for name, kind in reader.activities.items():
        text = name.encode()
        if len(text) > 12:
            raise ValueError(f"{reader.name}: the record type {name!r} is longer than twelve bytes")
        padded = text.ljust(12, b"\0")
        low.append(len(text) | int.from_bytes(padded[:4], "little") << 32)
        high.append(int.from_bytes(padded[4:], "little"))
        activity.append(ACTIVITIES.index(kind.value))
    return Meaning(
        type_low=np.array(low, np.uint64),
        type_high=np.array(high, np.uint64),
        activity=np.array(activity, np.uint8),
        default=np.uint8(ACTIVITIES.index(reader.activity.value)),
        severity=np.array(reader.severities, np.int64),
        tls_port=np.int64(reader.tls_port),
    )
