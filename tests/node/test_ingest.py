"""Which log is which, what comes of it, and what is said where it can't be read."""

import gzip
import json
import os
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from haechi.model.errors import Conflict, NodeCannot, UsageError
from haechi.node import ingest as ingest_module
from haechi.node.batch import Batch
from haechi.node.ingest import IngestProgress, expand, ingest
from haechi.store.catalog import inputs, parties
from haechi.store.lake import Lake
from haechi.store.lake import table as lake_table
from tests.journeys.small import sized

NOW = 1_790_000_000_000_000


@pytest.fixture
def node(node_of: Callable[[], Any]) -> Any:
    made = node_of()
    yield made
    made.home.close()


def told(result: Any) -> tuple[int, int, int]:
    return result.events, result.sightings, result.quarantined


def offsets(node: Any, kind: str = "event") -> list[tuple[int, int]]:
    found = Lake(node.home.lake_path).query(f"select input_id, raw_offset from {kind} order by all").to_pylist()
    return [(row["input_id"], row["raw_offset"]) for row in found]


def lines_of(node: Any, count: int, first: int = 0) -> list[str]:
    return [node.line(NOW - 3_600_000_000 - n, f"198.51.100.{n % 200 + 1}") for n in range(first, first + count)]


def aged(path: Path) -> Path:
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    return path


def test_reading_again_says_nothing_new(node: Any) -> None:
    path = node.log([*lines_of(node, 20), "{broken"])
    assert told(node.reads(path)) == (20, 0, 1)
    again = node.reads(path)
    assert told(again) == (0, 0, 0)
    assert again.files[0].already == path.stat().st_size
    assert (len(offsets(node)), len(offsets(node, "quarantine"))) == (20, 1)


@pytest.mark.parametrize(
    "form", ["byte order mark", "no newline", "crlf", "gzip", "cut-off gzip", "blank end", "document", "one line"]
)
def test_reading_again_says_nothing_new_in_any_form(node: Any, form: str) -> None:
    text = "".join(f"{line}\n" for line in lines_of(node, 20)).encode()
    documents = b"[" + b",\n".join(text.splitlines()) + b"]"
    cut = gzip.compress(os.urandom(0) + text)
    data = {
        "byte order mark": b"\xef\xbb\xbf" + text, "no newline": text[:-1], "crlf": text.replace(b"\n", b"\r\n"),
        "gzip": gzip.compress(text), "cut-off gzip": cut[:-4], "blank end": text + b"\n \n", "document": documents,
        "one line": text.split(b"\n")[0],
    }[form]  # fmt: skip
    path = node.folder / "log"
    path.write_bytes(data)
    first = node.reads(aged(path))
    assert first.events == (1 if form == "one line" else 20)
    assert first.quarantined == (form == "cut-off gzip")
    again = node.reads(path)
    assert told(again) == (0, 0, 0)
    assert again.files[0].problem == ""
    assert len(offsets(node)) == first.events
    assert len(offsets(node, "quarantine")) == first.quarantined


@pytest.mark.parametrize("how", ["copy", "rename", "gzip"])
def test_a_log_is_known_again_under_another_name(node: Any, how: str) -> None:
    path = node.log(lines_of(node, 20))
    node.reads(path)
    other = node.folder / "eve.json.1"
    if how == "rename":
        path.rename(other)
    elif how == "copy":
        shutil.copy2(path, other)
    else:
        other.write_bytes(gzip.compress(path.read_bytes()))
        aged(other)
    assert told(node.reads(other)) == (0, 0, 0)
    assert len(offsets(node)) == 20


@pytest.mark.parametrize("first", [1, 3, 200])
def test_a_log_that_grew_is_read_on(node: Any, first: int) -> None:
    """Also one that was shorter than what logs are told apart by."""
    path = node.log(lines_of(node, first))
    assert node.reads(path).events == first
    for step in range(3):
        with path.open("a") as file:
            file.write("".join(f"{line}\n" for line in lines_of(node, 5, 1000 * (step + 1))))
        assert told(node.reads(aged(path))) == (5, 0, 0)
    assert len(offsets(node)) == len(set(offsets(node))) == first + 15
    assert len({input_id for input_id, _ in offsets(node)}) == 1


def test_a_folder_that_lies_in_a_hidden_one_can_be_named(tmp_path: Path) -> None:
    folder = tmp_path / ".spool" / "logs"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("x")
    assert expand([folder]) == [folder / "a.json"]


def test_a_rotated_log_is_a_new_input(node: Any) -> None:
    path = node.log(lines_of(node, 20))
    node.reads(path)
    path.rename(node.folder / "eve.json.1")
    node.log(lines_of(node, 10, 500))
    assert told(node.reads(path)) == (10, 0, 0)
    assert len({input_id for input_id, _ in offsets(node)}) == 2


def test_a_log_that_was_cut_and_written_anew_is_a_new_input(node: Any) -> None:
    """Same beginning, other bytes before the committed offset: copytruncate, or another machine's."""
    lines = lines_of(node, 40)
    path = node.log(lines)
    node.reads(path)
    node.log(lines[:20] + lines_of(node, 20, 900))
    assert told(node.reads(path)) == (40, 0, 0)
    node.log(lines[:5])
    assert node.reads(path).events == 5, "too short to say that it was read before"


def test_another_sensors_log_is_another_input(node: Any) -> None:
    path = node.log(lines_of(node, 5))
    assert ingest(node.home, [path], sensor="north").events == 5
    assert ingest(node.home, [path], sensor="south").events == 5
    assert ingest(node.home, [path], sensor="north").events == 0


def test_the_observing_party_is_the_sensors(node: Any) -> None:
    with node.home.catalog().connect() as connection:
        ids = {party.name: party.id for party in parties.list_parties(connection)}

    def reads(name: str, **options: Any) -> list[int]:
        ingest(node.home, [node.log(lines_of(node, 3, len(name)), name)], sensor="fab-1", **options)
        return [
            row["observer_id"] for row in Lake(node.home.lake_path).query("select observer_id from event").to_pylist()
        ]

    assert reads("a.json", observer="Fab") == [ids["Fab"]] * 3
    assert reads("bb.json") == [ids["Fab"]] * 6, "a sensor keeps its party"
    with pytest.raises(Conflict, match="belongs to party"):
        reads("ccc.json", observer="Grid")
    with pytest.raises(UsageError, match="no party 'Nobody'"):
        reads("ccc.json", observer="Nobody")


def test_the_same_log_named_twice_is_read_once(node: Any) -> None:
    path = node.log(lines_of(node, 5))
    result = ingest(node.home, [path, path, node.folder / "." / "eve.json"])
    assert result.events == 5
    assert len(offsets(node)) == 5
    assert [file.same for file in result.files] == ["", str(path), str(path)]


def test_a_live_log_keeps_its_half_line_for_the_next_time(node: Any) -> None:
    whole = lines_of(node, 3)
    path = node.folder / "eve.json"
    path.write_text(f"{whole[0]}\n{whole[1]}\n{whole[2][:40]}")
    os.utime(path, (NOW / 1e6 - 5,) * 2)
    result = node.reads(path)
    assert (result.events, result.quarantined, result.files[0].left) == (2, 0, 40)
    path.write_text("".join(f"{line}\n" for line in whole))
    os.utime(path, (NOW / 1e6 - 5,) * 2)
    result = node.reads(path)
    assert (result.events, result.quarantined, result.files[0].left) == (1, 0, 0)


def write_all(descriptor: int, data: bytes) -> None:
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def test_a_process_substitution_is_read_whole_each_time(node: Any) -> None:
    """It is a pipe: to compare it with what was read before would take bytes out of it."""
    text = "\n".join(lines_of(node, 1000)).encode()  # no line end behind the last
    for _ in range(2):
        reading, writing = os.pipe()
        writer = Thread(target=write_all, args=[writing, text])
        writer.start()
        assert told(node.reads(Path(f"/dev/fd/{reading}"))) == (1000, 0, 0)
        writer.join()
        os.close(reading)


def test_a_broken_first_line_costs_no_other(node: Any) -> None:
    assert told(node.reads(node.log(["{broken", *lines_of(node, 20)]))) == (20, 0, 1)


def test_what_cannot_be_read_is_told_and_the_rest_goes_through(node: Any) -> None:
    good, empty, odd = node.log(lines_of(node, 3)), node.folder / "empty", node.folder / "odd"
    empty.write_bytes(b"")
    odd.write_bytes(bytes(range(256)))
    os.mkfifo(node.folder / "pipe")
    result = ingest(node.home, [node.folder / "absent", empty, odd, node.folder / "pipe", good])
    assert result.events == 3
    problems = {Path(file.path).name: file.problem for file in result.files}
    assert problems["eve.json"] == problems["empty"] == "", "an empty log is no fault"
    for name, said in (
        ("absent", "no such file"),
        ("odd", "isn't recognised"),
        ("pipe", "not a regular file"),
    ):
        assert said in problems[name], name
        assert name in problems[name]


@pytest.mark.parametrize(
    ("begin", "said"),
    [
        (b"BZh91AY&SY", "bzip2"),
        (b"\xfd7zXZ\x00\x00", "xz"),
        (b"PK\x03\x04\x14", "ZIP"),
        (b"\xff\xfe{\x00", "UTF-16"),
        (b"log.json".ljust(257, b"\0") + b"ustar\x0000", "tar"),
    ],
)
@pytest.mark.parametrize("format", ["auto", "suricata-eve"])
def test_what_is_no_log_as_it_stands_is_named(node: Any, begin: bytes, said: str, format: str) -> None:
    path = node.folder / "log"
    path.write_bytes(begin + bytes(300))
    (file,) = node.reads(path, format=format).files
    assert said in file.problem
    assert (file.events, file.quarantined) == (0, 0)


def test_events_that_show_nothing_are_counted(node: Any) -> None:
    line = "Dec 10 06:55:{:02d} host {}"
    firewall = "%ASA-6-302013: Built outbound TCP connection for outside:91.195.240.13/443"
    lines = [line.format(n, firewall) for n in range(5)] + [line.format(9, "sshd[1]: Invalid user a from 192.0.2.1")]
    (file,) = node.reads(node.log(lines, "syslog"), zone="Asia/Taipei").files
    assert (file.events, file.dark) == (6, 5)
    (file,) = node.reads(node.log(lines_of(node, 5))).files
    assert (file.events, file.dark) == (5, 0)


def test_what_was_committed_before_an_interruption_is_audited(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = node.log(lines_of(node, 20), "one.json"), node.log(lines_of(node, 30, 20), "two.json")
    real, tries = Batch.commit, []

    def interrupted(self: Any) -> bool:
        tries.append(1)
        if len(tries) == 2:
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(ingest_module, "BATCH_BYTES", 1)
    monkeypatch.setattr(Batch, "commit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        node.reads(one, more=[two])
    entry = list(node.home.audit().entries())[-1]
    assert (entry.action, entry.details["events"]) == ("ingest", 20)


def test_folders_and_globs(node: Any, tmp_path: Path) -> None:
    (tmp_path / "logs" / "deep").mkdir(parents=True)
    (tmp_path / "logs" / ".snapshot").mkdir()
    for name in ("b.json", "a.json", ".hidden", "deep/c.json", ".snapshot/a.json"):
        (tmp_path / "logs" / name).write_text("x")
    folder = tmp_path / "logs"
    assert expand([folder]) == [folder / "a.json", folder / "b.json", folder / "deep" / "c.json"]
    assert expand([f"{folder}/*.json", "-"]) == [folder / "a.json", folder / "b.json", None]
    assert expand([f"{folder}/*"]) == expand([folder]), "a folder that a glob names is searched, nothing hidden is"
    with pytest.raises(UsageError, match="nothing matches"):
        expand([f"{folder}/*.absent"])
    odd = folder / "[1]?.json"
    odd.write_text("x")
    assert expand([str(odd)]) == [odd], "a name that looks like a pattern and is there"


def test_an_indicator_added_between_batches_matches_at_the_next(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch)
    monkeypatch.setattr(ingest_module, "TELL_SECONDS", 600)  # only after each commit
    path = node.log(node.line(NOW - n, "198.51.100.1", "203.0.113.9") for n in range(4000))
    batches: list[IngestProgress] = []

    def progress(at: IngestProgress) -> None:
        if not batches:
            node.knows("list", "203.0.113.9")
        batches.append(at)

    result = node.reads(path, progress=progress)
    assert result.batches == len(batches) > 2
    assert batches[0].sightings == 0
    assert result.events == 4000
    assert result.sightings == 4000 - batches[0].events
    assert [b.bytes for b in batches] == sorted({b.bytes for b in batches})
    assert batches[-1].bytes == batches[-1].total_bytes == path.stat().st_size


@pytest.mark.parametrize("where", ["the log entry's flush", "the catalog", "the caller's progress"])
def test_what_fails_behind_the_commit_takes_nothing_away(
    node: Any, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """The batch is in the lake: its files must stay, and the next run goes on from there."""
    sized(monkeypatch)
    path = node.log([*lines_of(node, 2000), "{broken"])

    def fails(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        if where == "the log entry's flush":
            broken.setattr(lake_table, "flush_log", fails)
        elif where == "the catalog":
            broken.setattr(inputs, "advance", fails)
        with pytest.raises(NodeCannot, match="Make room"):
            node.reads(path, progress=fails if where == "the caller's progress" else None)
    there = len(offsets(node))
    assert 0 < there < 2000
    assert told(node.reads(path)) == (2000 - there, 0, 1)
    assert len(offsets(node)) == len(set(offsets(node))) == 2000


def test_refused_records_say_where_and_why(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines are counted over pieces that two workers read, offsets in bytes; the original bytes are kept."""
    sized(monkeypatch)
    lines = lines_of(node, 3000)
    bad = {7: "{broken", 1500: node.line(NOW, "1.2.3.4", dest_port=70000), 2999: "[1, 2]", 100: "\u0000"}
    for number, text in bad.items():
        lines[number] = text
    lines[50] = ""
    path = node.log(lines)
    result = node.reads(path)
    assert told(result) == (2995, 0, 4)
    assert result.blank == 1
    found = (
        Lake(node.home.lake_path)
        .query("select line, raw_offset, raw, reason, field, reader from quarantine order by line")
        .to_pylist()
    )
    data = path.read_bytes()
    assert [row["line"] for row in found] == [n + 1 for n in sorted(bad)]
    for row in found:
        text = bad[row["line"] - 1].encode()
        assert row["raw"] == text
        assert data[row["raw_offset"] :].startswith(text)
        assert row["reader"] == "suricata-eve"
        assert row["reason"].startswith("refused.")
    assert next(row for row in found if row["line"] == 1501)["field"] == "dst_port"


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_of_records_keeps_byte_offsets(node: Any, monkeypatch: pytest.MonkeyPatch, indent: int | None) -> None:
    sized(monkeypatch)
    records = [json.loads(line) for line in lines_of(node, 2000)]
    path = node.folder / "eve.json"
    path.write_text(json.dumps(records, indent=indent))
    assert told(node.reads(aged(path))) == (2000, 0, 0)
    data = path.read_text()
    decoder = json.JSONDecoder()
    found = Lake(node.home.lake_path).query("select raw_offset, src_addr from event order by raw_offset").to_pylist()
    assert [decoder.raw_decode(data, row["raw_offset"])[0]["src_ip"] for row in found] == [r["src_addr"] for r in found]
    assert [r["src_ip"] for r in records] == [r["src_addr"] for r in found]


def test_events_of_many_days_each_in_their_day(node: Any) -> None:
    day = 86_400_000_000
    times = [NOW // day * day + offset for offset in (-1, 0, -day - 1, -day, -300 * day)]
    node.reads(node.log(node.line(at, "198.51.100.1") for at in times))
    found = Lake(node.home.lake_path).query("select epoch_us(ts) as at, day from event").to_pylist()
    assert sorted(row["at"] for row in found) == sorted(times)
    assert all(row["day"].toordinal() - 719_163 == row["at"] // day for row in found)


def test_impossible_days_are_refused(node: Any) -> None:
    node.reads(
        node.log(
            [
                node.line("1970-01-01T00:00:00Z", "198.51.100.1"),
                node.line("2099-01-01T00:00:00Z", "198.51.100.1"),
                *lines_of(node, 1),
            ]
        )
    )
    found = Lake(node.home.lake_path).query("select reason from quarantine").to_pylist()
    assert [row["reason"] for row in found] == ["refused.impossible-day"] * 2


def test_a_long_line_is_refused_and_what_follows_is_read(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    sized(monkeypatch)
    lines = lines_of(node, 400)
    lines[200] = json.dumps({"long": "x" * 3_000_000})
    assert told(node.reads(node.log(lines))) == (399, 0, 1)
    (row,) = Lake(node.home.lake_path).query("select reason, raw_length from quarantine").to_pylist()
    assert row == {"reason": "refused.too-long", "raw_length": len(lines[200])}


def _records(data: bytes) -> int:
    """How many records a log holds, told by the json module or by its lines."""
    if data.lstrip().startswith(b"["):
        return len(json.loads(data))
    try:
        return int(isinstance(json.loads(data), dict))
    except ValueError:
        return sum(bool(line.strip()) and not line.startswith(b"#") for line in data.split(b"\n"))


@pytest.mark.parametrize(
    "folder", ["suricata-eve", "zeek-zat/json", "zeek-zat/tsv", "zeek-wrccdc", "loghub-openssh", "syslog-vendors"]
)
def test_real_logs_count_as_an_independent_reader_counts(node: Any, real_data: Path, folder: str) -> None:
    """Every record is an event or refused: none is dropped in silence."""
    files = sorted(p for p in (real_data / folder).rglob("*") if p.suffix in (".json", ".log"))
    if not files:
        pytest.skip(f"no logs in {real_data / folder}")
    result = ingest(node.home, files, zone="Asia/Taipei")
    read = [file for file in result.files if file.reader]
    assert read
    for file in read:
        data = Path(file.path).read_bytes()
        assert file.events + file.quarantined == _records(data), file
        assert file.bytes == len(data), file
    kinds = {kind: len(offsets(node, kind)) for kind in ("event", "quarantine")}
    assert kinds == {"event": result.events, "quarantine": result.quarantined}
    assert result.events > 0.9 * (result.events + result.quarantined)
    for file in result.files:
        assert bool(file.reader) != bool(file.problem), file


def test_a_log_that_named_its_columns_anew_is_read_on_by_the_last_names(node: Any) -> None:
    """Far below what is looked at first: the file of a sensor that was set up anew."""
    names = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"]
    types = ["time", "string", "addr", "port", "addr", "port", "enum"]
    row = f"{(NOW - 3_600_000_000) / 1e6:.6f}\tC1\t198.51.100.1\t40000\t192.0.2.1\t443\ttcp\n"
    swapped = [names[0], names[1], *names[4:6], *names[2:4], names[6]]

    def header(of: list[str]) -> str:
        fields = "\t".join(["#fields", *of]) + "\n" + "\t".join(["#types", *types]) + "\n"
        return "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n" + fields

    path = node.folder / "conn.log"
    path.write_text(header(names) + row * 2000 + header(swapped) + row * 3)
    assert told(node.reads(aged(path))) == (2003, 0, 0)
    with path.open("a") as file:
        file.write(row)
    assert told(node.reads(aged(path))) == (1, 0, 0)
    found = Lake(node.home.lake_path).query("select src_addr, raw_offset from event order by raw_offset desc limit 4")
    assert set(found["src_addr"].to_pylist()) == {"192.0.2.1"}


def test_how_far_it_is_is_told_between_commits(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of compressed files in their own bytes, so that the end can be foreseen there too."""
    sized(monkeypatch)
    monkeypatch.setattr(ingest_module, "BATCH_BYTES", 1 << 30)
    monkeypatch.setattr(ingest_module, "TELL_SECONDS", 0.001)
    lines = lines_of(node, 6000)
    path, packed = node.log(lines), node.folder / "packed.json.gz"
    packed.write_bytes(gzip.compress("".join(f"{line}\n" for line in [*reversed(lines), "{broken"]).encode()))
    seen: list[IngestProgress] = []
    result = ingest(node.home, [path, aged(packed)], progress=seen.append)
    total = path.stat().st_size + packed.stat().st_size
    assert result.batches == 1
    assert len(seen) > 3
    assert all(at.total_bytes == total for at in seen)
    assert (seen[-1].bytes, seen[-1].events, seen[-1].quarantined) == (total, 12_000, 1)
    for earlier, later in pairwise(seen):
        assert earlier.bytes <= later.bytes
        assert earlier.events <= later.events
    assert 0 < seen[len(seen) // 2].events < 12_000
    with path.open("a") as file:
        file.write(lines[0] + "\n")
    ingest(node.home, [aged(path), packed], progress=seen.append)
    assert seen[-1].bytes == seen[-1].total_bytes == len(lines[0]) + 1
