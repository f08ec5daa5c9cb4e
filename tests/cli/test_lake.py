import json
from pathlib import Path

import pyarrow as pa
import pytest

from haechi.cli.main import main
from haechi.model.clock import FixedClock
from haechi.node.home import Home
from haechi.store.lake import Lake

NOW = 1_790_000_000_000_000
DAY = 20_000


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setenv("HAECHI_HOME", str(tmp_path / "node"))
    home = Home.init(tmp_path / "node", party="P", country="KR", sector="energy", clock=FixedClock(NOW))
    made = Lake(home.lake_path)
    for number in range(3):
        ts = pa.array([DAY * 86_400_000_000 + number * 1_000_000], pa.timestamp("us", tz="UTC"))
        made.commit([made.write("event", DAY, pa.table({"ts": ts}))], {"a": number + 1})
    return made


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["lake", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_stats(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "stats")
    assert status == 0
    assert out.splitlines()[0].split() == ["kind", "day", "rows", "files", "size", "first", "last"]
    assert out.splitlines()[2].split()[:4] == ["event", "2024-10-04", "3", "3"]
    (part,) = json.loads(run(capsys, "stats", "--json")[1])["parts"]
    assert (part["kind"], part["day"], part["rows"], part["files"]) == ("event", "2024-10-04", 3, 3)
    assert (part["first"], part["last"]) == ("2024-10-04T00:00:00.000000Z", "2024-10-04T00:00:02.000000Z")
    assert json.loads(run(capsys, "stats", "--jsonl")[1]) == part


def test_check(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "check")[:2] == (0, "All 3 files are there and whole: 3 rows.\n")
    assert json.loads(run(capsys, "check", "--json")[1]) == {"whole": True, "files": 3, "rows": 3, "damaged": []}
    gone = Path(lake.files("event")[0])
    gone.unlink()
    status, out, err = run(capsys, "check")
    assert (status, str(gone) in out) == (4, True)
    assert err.startswith("1 of 3 files aren't what the log says.")
    document = json.loads(run(capsys, "check", "--json")[1])
    assert [one["path"] for one in document["damaged"]] == [str(gone)]


def test_compact_and_vacuum(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "compact")[:2] == (
        0,
        "3 small files are joined to larger ones; 'haechi lake vacuum' deletes them when they are 24 hours old.\n",
    )
    assert json.loads(run(capsys, "compact", "--json")[1]) == {"removed": 0}
    assert run(capsys, "vacuum")[:2] == (0, "0 files (0 B) are deleted.\n")
    assert json.loads(run(capsys, "vacuum", "--json")[1]) == {"files": 0, "bytes": 0}
    assert len(lake.files("event")) == 1
