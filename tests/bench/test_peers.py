"""A benchmark against a peer that finds something else would compare nothing: counts agree where the peer can."""

from pathlib import Path

import pytest

from bench import data, peer_duckdb, reference


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench")
    data.write(out, 5000, 20_000, 7)
    return out


def test_the_duckdb_script_finds_what_sets_find(folder: Path) -> None:
    values = reference.load(folder / "indicators.csv")
    lines = (folder / "eve.json").read_bytes().splitlines(keepends=True)
    good = folder / "good.json"  # what the script makes of a broken line is its own affair
    good.write_bytes(b"".join(line for line in lines if _readable(line)))
    expected = reference.count(good, values)
    found = peer_duckdb.run(good, folder / "indicators.csv", folder / "out")
    assert found["events"] == expected["events"]
    exact = {field: n for field, n in expected["sightings"].items() if n and field != "network"}
    assert found["sightings"] == exact
    assert len(exact) >= 6


def test_the_duckdb_script_names_no_broken_line_but_keeps_the_good_ones(folder: Path) -> None:
    expected = reference.count(folder / "eve.json", reference.load(folder / "indicators.csv"))
    found = peer_duckdb.run(folder / "eve.json", folder / "indicators.csv", folder / "out")
    assert isinstance(found["events"], int)
    assert found["events"] >= expected["events"]


def _readable(line: bytes) -> bool:
    try:
        reference.read(line)
    except ValueError:
        return False
    return True
