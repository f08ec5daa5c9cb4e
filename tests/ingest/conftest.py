"""Reading a text with a reader, as an ingest does: block after block, then normal forms. Shared by the readers' tests."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from haechi.ingest.engines.delimited.csv_mapping import CsvMapping
from haechi.ingest.engines.engine import engine_for
from haechi.ingest.normal_forms.finish_kernel import PartyTable, finish_rows
from haechi.ingest.normal_forms.time_kernel import TimeRule
from haechi.ingest.reader import Reader
from haechi.model.block import BAD, BLANK, LINES, PADDING, POSITION, ROWS, Block

ROOT = Path(__file__).parent.parent.parent
UTC_RULE = TimeRule(
    np.zeros(1, np.int64), np.zeros(1, np.int64), np.int64(1_800_000_000_000_000), np.int64(-(10**18)), np.int64(10**18)
)
_NONE = np.zeros(0, np.uint64)
NOBODY = PartyTable(_NONE, np.zeros(0, np.int32), _NONE, _NONE, np.zeros(0, np.int32))


@dataclass
class Found:
    """What became of a text: rows as dicts (a refused one has `error`), refused records, counts."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    bad: list[tuple[int, bytes]] = field(default_factory=list)
    lines: int = 0
    blank: int = 0

    @property
    def events(self) -> list[dict[str, Any]]:
        """The rows without what says where they stood."""
        return [{k: v for k, v in row.items() if not k.startswith("raw")} for row in self.rows if "error" not in row]


Read = Callable[..., Found]


def read_text(
    reader: Reader,
    text: bytes,
    *,
    name: str = "",
    mapping: CsvMapping | None = None,
    rows: int = 64,
    finish: bool = True,
    rule: TimeRule = UTC_RULE,
) -> Found:
    """Read `text`, and check that every line is a row, refused or blank, and that records don't overlap."""
    if not text.endswith(b"\n"):
        text += b"\n"
    block = Block(chunk=len(text), rows=rows)
    a = block.a
    a.buf[: len(text)] = np.frombuffer(text, np.uint8)
    a.buf[len(text) : len(text) + PADDING] = 0
    engine = engine_for(reader, head=text[:65536], file_name=name, mapping=mapping)
    found, position = Found(), 0
    while position < len(text):
        block.reset(position)
        engine.scan(block, len(text), rows)
        count = int(a.state[ROWS])
        if finish:
            finish_rows(a, engine.meaning, rule, NOBODY, 0)
        columns: Mapping[str, list[Any]] = {k: v.to_pylist() for k, v in block.columns(count).items()}
        for k in range(count):
            row = {name: cells[k] for name, cells in columns.items() if cells[k] is not None}
            if a.error[k]:
                row["error"] = int(a.error[k])
            found.rows.append(row)
        for k in range(int(a.state[BAD])):
            begin = int(a.bad_at[k])
            found.bad.append((int(a.bad_code[k]), a.buf[begin : begin + int(a.bad_length[k])].tobytes()))
        found.lines += int(a.state[LINES])
        found.blank += int(a.state[BLANK])
        assert int(a.state[POSITION]) > position or count, "the scan stands still"
        position = int(a.state[POSITION])
    assert found.lines == text.count(b"\n")
    if reader.engine != "json":  # several objects may stand on one line
        assert len(found.rows) + len(found.bad) + found.blank == found.lines
    spans = sorted((row["raw_offset"], row["raw_length"]) for row in found.rows)
    assert all(one[0] + one[1] <= other[0] for one, other in pairwise(spans))
    return found


@pytest.fixture(scope="session")
def read() -> Read:
    """`read(reader, text, ...)`."""
    return read_text


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of the readers' own fixture files."""
    return ROOT / "tests" / "data" / "ingest"


@pytest.fixture(scope="session")
def real_logs() -> Path:
    """The folder of real logs (HAECHI_DATA); skips where there is none."""
    folder = Path(os.environ.get("HAECHI_DATA") or ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"no real logs at {folder}: set HAECHI_DATA")
    return folder
