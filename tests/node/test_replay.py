"""A replay moves what is read now out of the quarantine: nothing lost, nothing twice, each event with its own id."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from haechi.ingest import quarantine as ingest_quarantine
from haechi.model.errors import Conflict, NodeCannot, UsageError
from haechi.node import replay as replays
from haechi.node import rereading
from haechi.node.quarantine import Chosen, opened, parse
from haechi.node.replay import replay
from haechi.store.lake import Lake

LOCAL = "2026-09-21T20:00:00.000000"  # without a zone


@pytest.fixture
def node(node_of: Any) -> Iterator[Any]:
    node = node_of()
    node.clock.at = node.now - 100 * node.hour
    node.knows("cert", "203.0.113.1", actors=["Lazarus"])
    node.clock.at = node.now
    lines = [
        node.line(node.now - node.hour, "10.0.0.1"),
        *(node.line(LOCAL, f"203.0.113.{k}", flow_id=k) for k in range(1, 5)),
        "not json",
        node.line(LOCAL, "10.0.0.2", "300.1.1.1"),
    ]
    done = node.reads(node.log(lines))
    assert (done.events, done.sightings, done.quarantined) == (1, 0, 6)
    yield node
    node.home.close()


def state(node: Any) -> tuple[list[tuple[int, str]], list[tuple[int, str]], list[tuple[int, str]]]:
    """(offset, address) of the events, (offset, value) of the sightings, (offset, reason) of the refused records."""
    lake = Lake(node.home.lake_path)
    sqls = (
        "select raw_offset, src_addr from event",
        "select raw_offset, value from sighting",
        "select raw_offset, reason from quarantine",
    )
    return tuple(sorted(tuple(row.values()) for row in lake.query(sql).to_pylist()) for sql in sqls)  # type: ignore[return-value]


def all_places(node: Any) -> list[int]:
    events, _, refused = state(node)
    return sorted([place for place, _ in events] + [place for place, _ in refused])


def test_a_zone_that_was_missing(node: Any) -> None:
    before = all_places(node)
    done = replay(node.home, Chosen(reason="no-zone"), zone="Asia/Taipei")
    assert (done.read, done.sightings, done.left) == (4, 1, 1)
    assert done.still == {"refused.bad-address": 1}
    events, sightings, refused = state(node)
    assert [address for _, address in events] == ["10.0.0.1", *(f"203.0.113.{k}" for k in range(1, 5))]
    assert [value for _, value in sightings] == ["203.0.113.1"]
    assert [reason for _, reason in refused] == ["refused.not-object", "refused.bad-address"]
    assert all_places(node) == before


def test_the_event_is_what_an_ingest_with_the_zone_gives(node: Any, node_of: Any) -> None:
    replay(node.home, Chosen(), zone="Asia/Taipei")
    other = node_of()
    other.clock.at = node.now - 100 * node.hour
    other.knows("cert", "203.0.113.1", actors=["Lazarus"])
    other.clock.at = node.now
    raw = (node.folder / "eve.json").read_text()
    other.reads(other.log(raw.splitlines()), zone="Asia/Taipei")
    for kind in ("event", "sighting", "quarantine"):
        sql = f"select * from {kind} order by raw_offset"
        assert Lake(node.home.lake_path).query(sql).equals(Lake(other.home.lake_path).query(sql)), kind
    other.home.close()


def test_the_audit_log_tells_of_it(node: Any) -> None:
    replay(node.home, Chosen(reason="no-zone"), zone="Asia/Taipei")
    entry = list(node.home.audit().entries())[-1]
    assert (entry.action, entry.subject) == ("quarantine.replay", "quarantine")
    assert entry.details == {"format": "", "zone": "Asia/Taipei", "read": 4, "sightings": 1, "left": 1}


def test_a_second_replay_finds_nothing_to_do(node: Any) -> None:
    replay(node.home, Chosen(), zone="Asia/Taipei")
    once, files = state(node), Lake(node.home.lake_path).files("quarantine")
    done = replay(node.home, Chosen(), zone="Asia/Taipei")
    assert (done.read, done.sightings, done.left) == (0, 0, 2)
    assert (state(node), Lake(node.home.lake_path).files("quarantine")) == (once, files)


def test_the_log_isn_t_needed_and_isn_t_read_twice(node: Any) -> None:
    path = node.folder / "eve.json"
    (node.folder / "kept").write_bytes(path.read_bytes())
    path.unlink()
    assert replay(node.home, Chosen(reason="no-zone"), zone="Asia/Taipei").read == 4
    (node.folder / "kept").rename(path)
    once = state(node)
    assert node.reads(path).events == 0
    assert state(node) == once


def test_chosen_by_id(node: Any) -> None:
    with opened(node.home, Chosen(reason="no-zone")) as found:
        ids = [row["id"] for row in found.records()]
    done = replay(node.home, Chosen(ids=(parse(ids[2]),)), zone="Asia/Seoul")
    assert (done.read, done.left) == (1, 0)
    with opened(node.home, Chosen(reason="no-zone")) as found:
        assert [row["id"] for row in found.records()] == [*ids[:2], *ids[3:]]


def test_the_sensor_keeps_the_zone(node: Any) -> None:
    replay(node.home, Chosen(reason="no-zone"), zone="Asia/Taipei")
    more = node.log([node.line(LOCAL, "10.0.0.9")], "more.json")
    assert node.reads(more).events == 1
    with pytest.raises(Conflict, match="writes in zone Asia/Taipei, not Asia/Seoul"):
        replay(node.home, Chosen(), zone="Asia/Seoul")


def test_a_crash_before_the_commit_changes_nothing(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(node)
    with monkeypatch.context() as broken:
        broken.setattr(Lake, "replace", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            replay(node.home, Chosen(), zone="Asia/Taipei")
    assert state(node) == before
    assert replay(node.home, Chosen()).read == 4


def test_a_crash_after_the_commit_doubles_nothing(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real = all_places(node), Lake.replace

    def dies(lake: Lake, *arguments: Any, **named: Any) -> bool:
        assert real(lake, *arguments, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Lake, "replace", dies)
        with pytest.raises(KeyboardInterrupt):
            replay(node.home, Chosen(), zone="Asia/Taipei")
    done = replay(node.home, Chosen(), zone="Asia/Taipei")
    assert (done.read, done.left) == (0, 2)
    assert all_places(node) == before
    assert len(state(node)[1]) == 1


def test_a_full_disk_changes_nothing(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = state(node)
    files = set(node.home.lake_path.rglob("*.parquet"))

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(Lake, "staged", full)
        with pytest.raises(NodeCannot, match="No space left on device"):
            replay(node.home, Chosen(), zone="Asia/Taipei")
    assert state(node) == before
    assert set(node.home.lake_path.rglob("*.parquet")) == files


def test_another_replay_that_was_first_wins(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = all_places(node)
    first: list[bool] = []
    real = Lake.replace

    def later(lake: Lake, *arguments: Any, **named: Any) -> bool:
        if not first:
            first.append(True)
            replay(node.home, Chosen(), zone="Asia/Taipei")
        return real(lake, *arguments, **named)

    monkeypatch.setattr(Lake, "replace", later)
    done = replay(node.home, Chosen(), zone="Asia/Taipei")
    assert (done.read, done.left) == (0, 2)
    assert all_places(node) == before
    assert len(state(node)[1]) == 1


def test_a_lake_that_never_rests_is_told(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Lake, "replace", lambda *_, **__: False)
    before = set(node.home.lake_path.rglob("*.parquet"))
    with pytest.raises(Conflict, match="others keep changing the quarantine"):
        replay(node.home, Chosen(), zone="Asia/Taipei")
    assert set(node.home.lake_path.rglob("*.parquet")) == before


def test_another_format(node: Any) -> None:
    path = node.folder / "conn.log"
    record = {
        "ts": node.now / 1e6 - 60,
        "uid": "C1",
        "id.orig_h": "203.0.113.1",
        "id.orig_p": 5,
        "id.resp_h": "192.0.2.1",
    }
    path.write_text(json.dumps({**record, "id.resp_p": 443, "proto": "tcp"}) + "\n")
    assert node.reads(path, format="suricata-eve").quarantined == 1
    assert replay(node.home, Chosen(input="conn.log")).left == 1
    done = replay(node.home, Chosen(input="conn.log"), format="zeek-json")
    assert (done.read, done.sightings, done.left) == (1, 1, 0)


def test_columns_that_the_log_names(node: Any) -> None:
    path = node.folder / "conn.tsv"
    head = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\n"
    stamp = f"{node.now / 1e6 - 60:.6f}"
    bad = f"{stamp}\tC1\t203.0.113.300\t5\t192.0.2.1\t443\ttcp\n"
    path.write_text(head + f"{stamp}\tC0\t10.0.0.7\t5\t192.0.2.1\t443\ttcp\n" + bad)
    assert node.reads(path).quarantined == 1
    assert replay(node.home, Chosen(input="conn.tsv")).still == {"refused.bad-address": 1}
    path.unlink()
    done = replay(node.home, Chosen(input="conn.tsv"))
    assert (done.no_columns, done.still, done.left) == (1, {}, 1)


MAPPING = """
name = "firewall"
unset = ["-"]
[fields]
When = "time"
Source = "src_addr"
Sent = "bytes_out"
Note = "extra:note"
"""


@pytest.fixture
def csv_log(node: Any) -> Any:
    """Four refused records amid good ones; the first lacks its zone, the second has a quote that isn't closed."""
    (node.folder / "m.toml").write_text(MAPPING)
    good = '2026-09-21T12:00:00Z,10.0.0.7,1,"a, b"'
    lines = [
        "When,Source,Sent,Note",
        good,
        '2026-09-21T20:00:00,203.0.113.1,2,"no\nzone"',
        '2026-09-21T12:00:00Z,10.0.0.8,3,"open',
        good,
        "2026-09-21T12:00:00Z,10.0.0.9,four,x",
        '2026-09-21T20:00:00,10.0.0.10,5,y "',  # which would close it, were the two read in one go
        good,
    ]
    path = node.log(lines, "firewall.csv")
    done = node.reads(path, mapping=node.folder / "m.toml")
    assert (done.events, done.quarantined) == (3, 4)
    return path


def test_csv_by_its_mapping(node: Any, csv_log: Any) -> None:
    before = all_places(node)
    (node.folder / "m.toml").write_text('time_zone = "Asia/Taipei"' + MAPPING)
    done = replay(node.home, Chosen(input="firewall.csv"), mapping=node.folder / "m.toml")
    assert (done.read, done.sightings) == (2, 1)
    assert done.still == {"refused.unterminated": 1, "refused.number-expected": 1}
    assert all_places(node) == before
    sql = "select epoch_us(ts) as ts, src_addr from event where src_addr in ('203.0.113.1', '10.0.0.10')"
    assert {row["ts"] for row in Lake(node.home.lake_path).query(sql).to_pylist()} == {node.now - 8_000_000_000}


def test_csv_without_its_mapping_is_left_and_stops_nothing(node: Any, csv_log: Any) -> None:
    once = state(node)
    done = replay(node.home, Chosen(input="firewall.csv"))
    assert (done.read, done.no_mapping, done.left, state(node)) == (0, 4, 4, once)
    (node.folder / "other.toml").write_text('[fields]\nWhen = "time"\nOther = "user"\n')
    for format in ("", "csv"):  # another name, other columns
        done = replay(node.home, Chosen(input="firewall.csv"), mapping=node.folder / "other.toml", format=format)
        assert (done.no_mapping, state(node)) == (4, once)
    assert replay(node.home, Chosen(), zone="Asia/Taipei").read == 4
    with pytest.raises(UsageError, match="CSV names no fields by itself"):
        replay(node.home, Chosen(), format="csv")


def test_a_mapping_that_names_the_columns_needs_no_log(node: Any, csv_log: Any) -> None:
    csv_log.unlink()
    text = MAPPING.replace("[fields]", 'time_zone = "Asia/Taipei"\n[fields]')
    (node.folder / "m.toml").write_text(text)
    assert replay(node.home, Chosen(input="firewall.csv"), mapping=node.folder / "m.toml").no_columns == 4
    columns = 'header = false\ncolumns = ["When", "Source", "Sent", "Note"]\n'
    (node.folder / "m.toml").write_text(columns + text.replace("firewall", "another"))
    chosen = Chosen(input="firewall.csv")
    assert replay(node.home, chosen, mapping=node.folder / "m.toml", format="csv").read == 2


def test_a_record_that_was_not_kept_whole_stays(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest_quarantine, "KEPT", 100)
    path = node.log([node.line(node.now - 60, "10.0.0.3"), node.line(LOCAL, "10.0.0.4", note="x" * 200)], "long.json")
    assert node.reads(path).quarantined == 1
    done = replay(node.home, Chosen(input="long.json"), zone="Asia/Taipei")
    assert (done.read, done.incomplete, done.left) == (0, 1, 1)


def test_an_unknown_format_is_refused(node: Any) -> None:
    with pytest.raises(UsageError, match="there is no format 'nix'"):
        replay(node.home, Chosen(), format="nix")


def test_many_sightings_go_to_files_as_they_come(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replays, "HELD_BYTES", 20_000)
    monkeypatch.setattr(rereading, "ROWS_HELD", 64)
    node.reads(node.log([node.line(LOCAL, "203.0.113.1", flow_id=k) for k in range(300)], "many.json"))
    before = set(node.home.lake_path.rglob("*.parquet"))
    with monkeypatch.context() as broken:
        broken.setattr(Lake, "replace", lambda *_, **__: False)
        with pytest.raises(Conflict):
            replay(node.home, Chosen(input="many.json"), zone="Asia/Taipei")
        broken.setattr(rereading.Rereader, "_collect", _dies_at_the_fourth())
        with pytest.raises(KeyboardInterrupt):
            replay(node.home, Chosen(input="many.json"))
    assert set(node.home.lake_path.rglob("*.parquet")) == before
    done = replay(node.home, Chosen(input="many.json"))
    assert (done.read, done.sightings, done.left) == (300, 300, 0)
    assert len(Lake(node.home.lake_path).files("sighting")) > 2
    found = Lake(node.home.lake_path).query("select distinct raw_offset from sighting where value = '203.0.113.1'")
    assert found.num_rows == 300


def _dies_at_the_fourth() -> Any:
    real, calls = rereading.Rereader._collect, []

    def collect(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == 4:
            raise KeyboardInterrupt
        real(*arguments)

    return collect


def test_many_records_in_parts(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rereading, "ROWS_HELD", 64)
    monkeypatch.setattr(rereading, "CHUNK", 8192)
    lines = [node.line(LOCAL, f"10.1.{k // 256}.{k % 256}") for k in range(300)]
    path = node.log(lines, "many.json")
    assert node.reads(path, zone="").quarantined == 300
    before = all_places(node)
    done = replay(node.home, Chosen(input="many.json"), zone="Asia/Taipei")
    assert (done.read, done.left) == (300, 0)
    assert all_places(node) == before
