"""The benchmark data is the same each time, and is what the page says it is."""

import ipaddress
import json
from pathlib import Path

import pytest

from bench import data, data_text, reference

EVENTS, INDICATORS, SEED = 5000, 20_000, 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench")
    data.write(out, EVENTS, INDICATORS, SEED)
    return out


def test_the_same_seed_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = data.write(tmp_path, EVENTS, INDICATORS, SEED)
    assert json.loads((folder / "eve.data.json").read_text()) == again
    assert (folder / "indicators.csv").read_bytes() == (tmp_path / "indicators.csv").read_bytes()
    other = data.write(tmp_path, EVENTS, INDICATORS, SEED + 1)
    assert other["sha256"] != again["sha256"]


def test_lines_are_good_broken_or_blank_and_all_are_counted(folder: Path) -> None:
    found = reference.count(folder / "eve.json", reference.load(folder / "indicators.csv"))
    assert found["lines"] == EVENTS == found["events"] + found["bad"] + found["blank"]
    assert (found["bad"], found["blank"]) == (10, 5)
    assert 0.01 < found["hit_events"] / EVENTS < 0.04


@pytest.mark.parametrize("kind", data.BROKEN)
def test_each_kind_of_broken_line_is_unreadable(folder: Path, kind: str) -> None:
    line = (folder / "eve.json").read_bytes().splitlines(keepends=True)[0]
    assert reference.read(line)
    spoiled = data.broken(line, kind)
    assert spoiled.count(b"\n") == 1
    with pytest.raises(ValueError, match=r"."):
        reference.read(spoiled)


def test_one_in_five_is_ipv6_and_lines_are_about_400_bytes(folder: Path) -> None:
    records = [json.loads(line) for line in (folder / "eve.json").read_bytes().splitlines()[:150]]
    six = sum(ipaddress.ip_address(r["src_ip"]).version == 6 for r in records)
    assert 15 < six < 45
    assert 360 < (folder / "eve.json").stat().st_size / EVENTS < 460


def test_indicators_are_distinct_and_in_normal_form(folder: Path) -> None:
    values = reference.load(folder / "indicators.csv")
    assert sum(map(len, values.values())) == len((folder / "indicators.csv").read_text().splitlines()) - 1
    for kind in ("ipv4", "ipv6"):
        assert all(str(ipaddress.ip_address(v)) == v for v in values[kind])
    for kind in ("ipv4-net", "ipv6-net"):
        assert all(str(ipaddress.ip_network(v)) == v for v in values[kind])


def test_text_logs_are_deterministic_and_have_a_line_a_record(tmp_path: Path) -> None:
    data_text.write(tmp_path / "a", 300, INDICATORS, SEED)
    data_text.write(tmp_path / "b", 300, INDICATORS, SEED)
    for name, (head, _) in data_text.LOGS.items():
        text = (tmp_path / "a" / name).read_bytes()
        assert text == (tmp_path / "b" / name).read_bytes()
        assert text.count(b"\n") == 300 + head.count("\n")
