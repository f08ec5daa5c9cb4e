"""The commands as a user sees them."""

import io
import json
from pathlib import Path

import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home

DATA = Path(__file__).parents[1] / "data/formats"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "node"
    monkeypatch.setenv("HAECHI_HOME", str(path))
    Home.init(
        path, party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(1_790_000_000_000_000)
    ).close()
    return path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(list(words))
    out, err = capsys.readouterr()
    return status, out, err


def test_standard_input_needs_a_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text("evil.invalid\n")
    with (tmp_path / "list").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        status, _, err = run(capsys, "indicators", "add", "-")
        assert (status, err) == (2, "error: standard input has no name. Say whose list it is: --source NAME\n")
        status, out, _ = run(capsys, "indicators", "add", "-", "--source", "feed")
    assert (status, out.splitlines()[2].split()[:3]) == (0, ["-", "plain", "1"])


def test_add_tells_counts_and_refusals(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "indicators", "add", str(DATA / "csv/bad.csv"), "--source", "feed")
    assert status == 1
    assert out.splitlines()[2].split() == ["bad.csv", "csv", "2", "0", "0", "0", "0", "0", "3"]
    assert "bad.csv:3 field value = 'not an address': not an IPv4 or IPv6 address" in err
    status, out, _ = run(capsys, "indicators", "add", str(DATA / "csv/bad.csv"), "--source", "feed", "--json")
    (told,) = json.loads(out)["files"]
    assert (status, told["added"], told["unchanged"], told["refused_count"]) == (1, 0, 2, 3)
    assert told["why"] == "its header has value"
    assert told["refused"][0]["location"]["line"] == 3


def test_add_tells_of_files_that_are_no_lists(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "a.json").write_text('{"a": 1}')
    (folder / "readme.txt").write_text("about")
    status, out, err = run(capsys, "indicators", "add", str(folder))
    assert (status, out.splitlines()[3].split()[:2]) == (1, ["readme.txt", "skipped"])
    seen = "JSON, but neither a STIX bundle nor a MISP event"
    assert err.endswith(f"a.json: {seen}. See haechi indicators add --help\n")
    bad, prose = json.loads(run(capsys, "indicators", "add", str(folder), "--json")[1])["files"]
    assert (bad["format"], bad["why"], bad["refused"][0]["reason"]) == ("", "", seen)
    assert bad["refused"][0]["advice"] == "See haechi indicators add --help"
    assert (prose["format"], prose["why"]) == ("skipped", "its name is no list's; name it to add it")


def test_list_show_and_stats(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "indicators", "add", str(DATA / "csv/normal.csv"), "--marking", "GREEN")[0] == 0
    status, out, _ = run(capsys, "indicators", "list", "--actor", "otter", "--json")
    document = json.loads(out)
    assert [(row["text"], row["marking"], row["actors"]) for row in document["indicators"]] == [
        ("evil.example", "TLP:GREEN", ["Otter"])
    ]
    _, out, err = run(capsys, "indicators", "list", "--limit", "1")
    assert len(out.splitlines()) == 3
    assert "--limit" in err
    _, out, _ = run(capsys, "indicators", "list", "--jsonl", "--marking", "red")
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["192.0.2.7"]
    _, out, _ = run(capsys, "indicators", "show", "evil.example")
    assert "Otter" in out
    status, out, err = run(capsys, "indicators", "stats")
    assert status == 0
    assert "List of RFC 5735 CIDR blocks" in out
    assert "1 values are on warning lists" in err
    assert json.loads(run(capsys, "indicators", "stats", "--json")[1])["live_assertions"] == 4
    assert run(capsys, "indicators", "list", "--marking", "purple")[0] == 2


def test_patterns_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "indicators", "add", str(DATA / "misp/normal.json"))
    _, out, _ = run(capsys, "indicators", "list", "--patterns", "--json")
    assert {row["pattern_type"] for row in json.loads(out)["patterns"]} == {"yara", "misp:mutex", "misp:uri"}
    assert all(row["reason"] for row in json.loads(out)["patterns"])


def test_verdict_and_expire(capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "indicators", "add", str(DATA / "csv/normal.csv"))
    status, out, _ = run(
        capsys, "indicators", "verdict", "evil.example", "confirmed", "--evidence", "case 7", "--by", "kim"
    )
    assert (status, out) == (0, "evil.example (domain) is judged confirmed.\n")
    assert "confirmed at" in run(capsys, "lookup", "evil.example")[1]
    assert run(capsys, "indicators", "expire")[0] == 2
    assert run(capsys, "indicators", "expire", "evil.example")[0] == 2
    status, out, _ = run(capsys, "indicators", "expire", "evil.example", "--why", "sinkholed")
    assert (status, out) == (0, "1 assertions are closed.\n")
    assert "sinkholed" in run(capsys, "lookup", "evil.example")[1]
    assert json.loads(run(capsys, "indicators", "expire", "--outdated", "--json")[1])["closed"] >= 0


def test_an_asserted_time(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(DATA / "csv/normal.csv")
    assert run(capsys, "indicators", "add", file, "--known-at", "2026-01-01")[0] == 2
    assert run(capsys, "indicators", "add", file, "--known-at", "2026-01-01", "--known-why", "report")[0] == 0
    assert "(asserted)" in run(capsys, "lookup", "evil.example")[1]


def test_jsonl_streams(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from haechi.store.catalog import indicator_views

    (tmp_path / "a.txt").write_text("".join(f"a{n}.invalid\n" for n in range(7)))
    run(capsys, "indicators", "add", str(tmp_path / "a.txt"))
    pages: list[int] = []
    real = indicator_views.rows

    def paged(*words: object, limit: int, **wanted: object) -> list[indicator_views.Row]:
        found = real(*words, limit=3, **wanted)  # type: ignore[arg-type]
        pages.append(len(found))
        return found

    monkeypatch.setattr(indicator_views, "rows", paged)
    _, out, _ = run(capsys, "indicators", "list", "--jsonl", "--contains", "invalid", "--after", "1")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [2, 3, 4, 5, 6, 7]
    assert pages == [3, 3, 0]


def test_lookup_from_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from haechi.cli import lookup

    assert lookup.command.__doc__
    monkeypatch.setattr("sys.stdin", io.StringIO("8.8.8.8\n\n???\n"))
    status, out, err = run(capsys, "lookup", "-")
    assert status == 1
    assert "kept out of matching by the warning list: List of known IPv4 public DNS resolvers" in out
    assert "no source here names it" in out
    assert err.startswith("error: ")
    status, out, _ = run(capsys, "lookup", "8.8.8.8", "value:7", "--json")
    first, second = json.loads(out)["lookup"]
    assert (status, first["values"][0]["text"], second["error"]["kind"]) == (1, "8.8.8.8", "NotFound")


def test_sources_and_how_far_they_hold(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        run(capsys, "indicators", "add", str(DATA / "csv/normal.csv"), "--source", "feed", "--marking", "GREEN")[0] == 0
    )
    run(capsys, "indicators", "add", str(DATA / "stix/normal.json"), "--source", "cert")
    run(capsys, "indicators", "verdict", "evil.example", "false-positive", "--evidence", "ours")
    status, out, _ = run(capsys, "indicators", "sources")
    assert (status, out.splitlines()[0].split()) == (
        0, ["source", "own", "marking", "assertions", "confirmed", "refuted"],
    )  # fmt: skip
    found = {one["source"]: one for one in json.loads(run(capsys, "indicators", "sources", "--json")[1])["sources"]}
    assert set(found) == {"cert", "feed"}
    assert (found["feed"]["marking"], found["cert"]["marking"]) == ("TLP:GREEN", "TLP:AMBER+STRICT")
    assert found["cert"]["refuted"] == 1
    lines = run(capsys, "indicators", "sources", "--jsonl")[1].splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["cert", "feed"]
