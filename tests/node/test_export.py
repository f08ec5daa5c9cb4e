import csv
import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haechi.model.errors import Conflict, NodeCannot
from haechi.node.export import write_csv, write_parquet

COLUMNS = ("time", "value", "actors", "sources", "asserted", "marking")
ROW: dict[str, Any] = {
    "time": 1_700_000_000_000_001, "value": 'a,"b"\n해치', "actors": ["A", "B"], "sources": 2, "asserted": True,
    "marking": None,
}  # fmt: skip


def test_csv_reads_back() -> None:
    out = io.StringIO(newline="")
    assert write_csv(out.write, [ROW, ROW], COLUMNS) == 2
    header, *rows = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert tuple(header) == COLUMNS
    assert rows == [["2023-11-14T22:13:20.000001Z", 'a,"b"\n해치', "A; B", "2", "true", ""]] * 2


def test_csv_of_nothing_has_its_header() -> None:
    out = io.StringIO()
    assert write_csv(out.write, [], COLUMNS) == 0
    assert out.getvalue() == ",".join(f'"{name}"' for name in COLUMNS) + "\n"


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "'", "＝", "＋", "－", "＠"])
def test_a_spreadsheet_runs_no_cell(first: str) -> None:
    """What an attacker chose stays text, in a spreadsheet that splits at semicolons too, and nothing is lost."""
    value = first + 'HYPERLINK("http://evil.example");=1'
    out = io.StringIO(newline="")
    write_csv(out.write, [ROW | {"value": value, "actors": [value]}], COLUMNS)
    cells = next(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert (cells["value"], cells["actors"]) == ("'" + value, "'" + value)
    quoted = value.replace('"', '""')
    assert out.getvalue().count(f'"\'{quoted}"') == 2


def test_parquet_reads_back_with_types(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    assert write_parquet(path, (ROW for _ in range(3)), COLUMNS) == 3
    table = pq.read_table(path)
    assert table.column_names == list(COLUMNS)
    assert table.schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert table.schema.field("actors").type == pa.list_(pa.string())
    first = table.to_pylist()[0]
    assert first.pop("time").timestamp() == pytest.approx(1_700_000_000.000001, abs=1e-6)
    assert first == {key: value for key, value in ROW.items() if key != "time"}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("mine")
    with pytest.raises(Conflict, match="is there already"):
        write_parquet(path, [ROW], COLUMNS)
    assert path.read_text() == "mine"


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken() -> Any:
        yield ROW
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parquet(tmp_path / "x.parquet", broken(), COLUMNS)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(NodeCannot, match="can't be written"):
        write_parquet(tmp_path / "nix" / "x.parquet", [ROW], COLUMNS)
