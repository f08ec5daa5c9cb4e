"""The writing process: what it leaves for the node tells nothing of the plan."""

import json
import subprocess
import sys

from haechi.demo.plan import load_plan
from haechi.formats import party_csv
from haechi.model.errors import BadInput


def test_the_process_writes_and_says_what_it_wrote(tmp_path):
    command = [sys.executable, "-m", "haechi.demo.writer", "KR", str(tmp_path / "in"), str(tmp_path / "truth")]
    options = ["--day", "2026-03-10", "--seed", "3", "--events", "500", "--indicators", "1500"]
    said = json.loads(subprocess.run([*command, *options], check=True, capture_output=True).stdout)
    assert said["events"] == 500
    assert said["size"] == sum(path.stat().st_size for path in (tmp_path / "in" / "logs").iterdir())
    assert said["indicators"] == 1500
    assert (tmp_path / "truth").exists()


def test_the_inbox_names_no_campaign(small_day):
    for day in small_day.values():
        names = [campaign.id.encode() for campaign in load_plan().campaign]
        for path in day.inbox.rglob("*.*"):
            assert not any(name in path.read_bytes() for name in names if name != b"false-flag")


def test_parties_are_read_as_the_command_reads_them(small_day):
    for day in small_day.values():
        with (day.inbox / "parties.csv").open("rb") as file:
            found = list(party_csv.parse(file, "parties.csv"))
        rows = [row for row in found if not isinstance(row, BadInput)]
        assert rows == found
        assert len({row.single["name"] for row in rows}) == len(rows) > 25
        assert all(len(row.lists["networks"]) == 2 for row in rows)


def test_the_truth_says_who_was_hit_first_and_who_knew_when(small_day):
    taiwan, korea = (small_day[c].truth for c in ("TW", "KR"))
    hits = {c: {t.id: t for t in truth.campaigns} for c, truth in (("TW", taiwan), ("KR", korea))}
    supplier = hits["TW"]["supplier-update"], hits["KR"]["supplier-update"]
    assert supplier[0].first_hit < supplier[1].first_hit
    assert supplier[0].known_at == supplier[1].known_elsewhere_at
    assert supplier[1].known_at is None
    assert taiwan.known == korea.known_elsewhere
