"""What a person or a script sees of sightings."""

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.model.indicator import Context, ValueType
from haechi.model.marking import Tlp
from haechi.model.source_object import SourceObject
from haechi.node import parties
from haechi.node.home import Home
from haechi.node.ingest import ingest
from haechi.store.catalog.indicator_load import load, source_id

NOW = 1_790_000_000_000_000  # 2026-09-21 14:13:20 UTC
LINE = (
    '{{"timestamp":"2026-09-21T{hour}:30:00+00:00","event_type":"flow","src_ip":"{src}","src_port":1,'
    '"dest_ip":"{dst}","dest_port":443,"proto":"TCP"}}\n'
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("node")
    clock = FixedClock(NOW - 10**12)
    home = Home.init(folder / "node", party="TWCERT/CC", country="TW", sector="government", clock=clock)
    parties.add(home, name="Fab", country="TW", sector="semiconductor", networks=["192.0.2.0/24"])
    parties.add(home, name="Grid", country="KR", sector="energy", networks=["198.51.100.0/24"])
    with home.catalog().begin() as conn:
        id, _ = source_id(conn, "cert", None)
        context = Context(actors=("Lazarus\x1b[2J",))
        told = SourceObject(object_id="o", marking=Tlp.AMBER, context=context, values={ValueType.IPV4: ["203.0.113.1"]})
        load(conn, id, [told], at=clock.now(), list_name="list")
    clock.at = NOW
    log = folder / "eve.json"
    sent = [("09", "192.0.2.1"), ("16", "198.51.100.1"), ("09", "192.0.2.2")]
    log.write_text("".join(LINE.format(hour=hour, src="203.0.113.1", dst=dst) for hour, dst in sent))
    os.utime(log, (NOW / 1e6, NOW / 1e6))
    assert ingest(home, [log], sensor="edge").sightings == 3
    home.close()
    return folder / "node"


@pytest.fixture
def run(home: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: str) -> tuple[int, str, str]:
        status = main(["--home", str(home), "sightings", *words])
        out, err = capsys.readouterr()
        return status, out, err

    return call


def document(run: Run, *words: str) -> Any:
    status, out, _ = run(*words, "--json")
    assert status == 0
    return json.loads(out)


def test_the_list_shows_both_countries_time_and_the_scope(run: Run) -> None:
    status, out, err = run()
    assert status == 0
    rows = out.splitlines()[2:]
    assert rows[0].startswith(
        "2026-09-21 16:30:00 UTC  Taipei 09-22 00:30:00, KST 09-22 01:30:00  203.0.113.1  src_addr"
    )
    assert "203.0.113.1 (ipv4)  Lazarus\\x1b[2J  TLP:AMBER        1  Grid (KR, energy)" in rows[0]
    assert len(rows) == 3
    assert err.splitlines() == [
        "In networks of KR: 1 sightings, 0 more of values no longer asserted; 2026-09-21 16:30:00 UTC to 2026-09-21 16:30:00 UTC",
        "In networks of TW: 2 sightings, 0 more of values no longer asserted; 2026-09-21 09:30:00 UTC to 2026-09-21 09:30:00 UTC",
    ]


def test_json_is_one_document_with_its_scopes(run: Run) -> None:
    found = document(run, "--limit", "1")
    assert (found["total"], found["limit"], len(found["sightings"])) == (3, 1, 1)
    assert found["sightings"][0]["time"] == "2026-09-21T16:30:00.000000Z"
    assert [(s["country"], s["sightings"]) for s in found["scopes"]] == [("KR", 1), ("TW", 2)]


def test_groups_name_their_networks(run: Run) -> None:
    assert run("--by", "country")[1].splitlines()[2:] == [
        "KR                1                   0       1           1  2026-09-21 16:30:00 UTC  2026-09-21 16:30:00 UTC",
        "TW                2                   0       2           1  2026-09-21 09:30:00 UTC  2026-09-21 09:30:00 UTC",
    ]
    hours = run("--by", "hour")[1].splitlines()
    assert hours[0].split()[:4] == ["networks", "hour", "Taipei", "KST"]
    assert hours[2].startswith("KR        2026-09-21 16:00 UTC  09-22 00:00  09-22 01:00")
    assert "2026-09-21 UTC" in run("--by", "day")[1]
    assert "(none named)" not in run("--by", "actor")[1]
    assert [g["sensor"] for g in document(run, "--by", "sensor")["groups"]] == ["edge", "edge"]


def test_a_cut_list_of_groups_says_so(run: Run) -> None:
    assert run("--by", "party", "--limit", "1")[2].startswith("1 of 2 shown")
    assert len(document(run, "--by", "party", "--limit", "1")["groups"]) == 1


def test_all_rows_by_line_csv_and_parquet(run: Run, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in run("--jsonl", "--limit", "1")[1].splitlines()]
    table = list(csv.DictReader(io.StringIO(run("--csv", "--limit", "1")[1])))
    path = tmp_path / "all.parquet"
    status, out, err = run("--parquet", str(path))
    assert (status, out, err) == (0, "", f"3 rows written to {path}\n")
    stored = pq.read_table(path).to_pylist()
    assert [r["id"] for r in lines] == [r["id"] for r in table] == [r["id"] for r in stored]
    assert len(lines) == 3
    assert [r["time"] for r in table] == [r["time"] for r in lines]


def test_one_form_at_a_time(run: Run) -> None:
    assert run("--csv", "--jsonl")[::2] == (2, "error: give one of --json, --jsonl, --csv and --parquet\n")


def test_a_span_and_an_unknown_name(run: Run) -> None:
    assert document(run, "--since", "2026-09-22T00:00:00+08:00")["total"] == 1
    assert document(run, "--until", "2026-09-21T16:00:00Z", "--country", "TW")["total"] == 2
    status, _, err = run("--by", "nix")
    assert (status, "Group by one of: country, sector" in err) == (2, True)
    assert run("--since", "yesterday")[0] == 1
    assert run("--actor", "nobody")[2].startswith("Nothing to show")


def test_show_opens_a_sighting_and_its_event(run: Run, home: Path) -> None:
    row = document(run)["sightings"][0]
    found = document(run, "show", row["id"])
    assert found["event"]["id"] == row["event"]
    assert found["event"]["ts"] == "2026-09-21T16:30:00.000000Z"
    assert json.loads(found["event"]["raw_text"])["dest_ip"] == "198.51.100.1"
    assert [(one["source"], one["counts"]) for one in found["assertions"]] == [("cert", True)]
    status, out, _ = run("show", row["id"])
    assert status == 0
    assert out.splitlines()[0] == row["id"]
    assert "cert says so, and it counts here:" in out
    assert "The raw record, as kept with its sighting:" in out
    assert "\x1b" not in out
    assert run("show", row["event"])[1].splitlines()[0] == row["event"]
    assert run("show", "event--7-7")[::2] == (
        1, "error: no event--7-7 in the lake. 'haechi sightings --json' shows the ids of events\n",
    )  # fmt: skip
    assert run("show", "nix")[0] == 2
