"""Zeek TSV by splitting at tabs."""

import pytest


@pytest.mark.parametrize("path", ["conn", "dns", "http", "ssl"])
def test_header_names_as_many_columns_as_lines_have(small_day, path):
    for day in small_day.values():
        for period in range(4):
            lines = (day.inbox / "logs" / f"{path}-{period}.log").read_text().splitlines()
            head = {line.split("\t")[0]: line.split("\t")[1:] for line in lines if line.startswith("#")}
            assert head["#path"] == [path]
            assert lines[0] == "#separator \\x09"
            assert lines[-1].startswith("#close\t2026-03-1")
            fields, types = head["#fields"], head["#types"]
            assert len(fields) == len(types)
            for line in lines:
                if not line.startswith("#"):
                    cells = dict(zip(fields, line.split("\t"), strict=True))
                    assert all(cells.values())
                    start = 1773100800 + period * 21600
                    assert start <= float(cells["ts"]) < start + 21600
                    assert 0 < int(cells["id.orig_p"]) < 65536
