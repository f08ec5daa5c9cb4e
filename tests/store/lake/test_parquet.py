"""The lake's files: what goes in comes out, by three readers; no text's bounds stay in the footer."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from haechi.model.event import LAKE_SCHEMA
from haechi.store.lake import parquet

TABLE = pa.table(
    {
        "ts": pa.array([1, 2, 3], pa.timestamp("us", tz="UTC")),
        "src_port": pa.array([1, None, 65535], pa.int64()),
        "domain": ["a.example", None, "臺灣.example"],
        "proto": ["tcp", "udp", None],
        "answers": [["192.0.2.1"], None, []],
        "extra": pa.array([[("k", "v")], None, []], pa.map_(pa.string(), pa.string())),
        "kind": ["event"] * 3,
        "unknown": [1, 2, 3],
    }
)


def test_types_are_the_lakes_and_folders_and_strangers_stay_out(tmp_path: Path) -> None:
    parquet.write(TABLE, tmp_path / "a.parquet")
    read = pq.read_table(tmp_path / "a.parquet", partitioning=None)
    assert set(read.column_names) == set(TABLE.column_names) - {"kind", "unknown"}
    for name in read.column_names:
        assert read[name].combine_chunks().cast(LAKE_SCHEMA.field(name).type).to_pylist() == TABLE[name].to_pylist()
    assert read.schema.field("src_port").type == pa.int32()
    rows = duckdb.connect().execute(f"select domain, answers, src_port from '{tmp_path}/a.parquet'").fetchall()
    assert rows == [("a.example", ["192.0.2.1"], 1), (None, None, None), ("臺灣.example", [], 65535)]


def test_merged_files_hold_the_rows_of_all_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "GROUP_ROWS", 4)
    second = TABLE.drop_columns(["proto", "extra"]).set_column(
        0, "ts", pa.array([9, 8, 7], TABLE.schema.field("ts").type)
    )
    parts = [TABLE, second, TABLE.slice(0, 1)]
    for number, part in enumerate(parts):
        parquet.write(part, tmp_path / f"{number}.parquet")
    names = [str(tmp_path / f"{number}.parquet") for number in range(len(parts))]
    assert parquet.merge(names, tmp_path / "merged.parquet") == (7, 1, 9)
    read = pq.read_table(tmp_path / "merged.parquet", partitioning=None)
    assert read["ts"].cast(pa.int64()).to_pylist() == [1, 2, 3, 9, 8, 7, 1]
    assert read["proto"].to_pylist() == ["tcp", "udp", None, None, None, None, "tcp"]
    assert read["extra"].to_pylist() == [[("k", "v")], None, [], None, None, None, [("k", "v")]]
    assert pq.ParquetFile(tmp_path / "merged.parquet").num_row_groups == 2


@pytest.mark.parametrize("merged", [False, True])
def test_only_the_time_has_bounds_in_the_footer(tmp_path: Path, merged: bool) -> None:
    parquet.write(TABLE, tmp_path / "a.parquet")
    if merged:
        (tmp_path / "a.parquet").rename(tmp_path / "b.parquet")
        parquet.merge([str(tmp_path / "b.parquet")], tmp_path / "a.parquet")
    group = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0)
    bounded = {
        group.column(k).path_in_schema
        for k in range(group.num_columns)
        if group.column(k).statistics is not None and group.column(k).statistics.has_min_max
    }
    assert bounded == {"ts"}
    written = (tmp_path / "a.parquet").read_bytes()
    footer = written[-8 - int.from_bytes(written[-8:-4], "little") :]
    assert b"a.example" in written
    assert b"a.example" not in footer
