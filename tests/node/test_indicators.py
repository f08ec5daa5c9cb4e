"""Indicator files into a node: one transaction a file, audit entry, warning lists, verdicts; lookup of all ids."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.model.clock import FixedClock
from haechi.model.errors import BadInput, NotFound, UsageError
from haechi.model.indicator import ValueType as T
from haechi.model.marking import Tlp
from haechi.node import indicators, lookup
from haechi.node.home import Home
from haechi.store.catalog import indicators as stored

DATA = Path(__file__).parents[1] / "data/formats"
NOW = 1_790_000_000_000_000


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = Home.init(tmp_path / "node", party="TWCERT/CC", country="TW", sector="government", clock=FixedClock(NOW))
    yield opened
    opened.close()


def matchable(home: Home) -> set[str]:
    with home.catalog().connect() as conn:
        return set(stored.matchable(conn)["text"].to_pylist())


def test_all_formats_and_again(home: Home) -> None:
    paths = [DATA / "plain/normal.txt", DATA / "csv/normal.csv", DATA / "stix/normal.json", DATA / "misp/normal.json"]
    told = indicators.add(home, paths, source="test")
    assert [(one.format, one.added, one.patterns, one.refused_count) for one in told] == [
        ("plain", 5, 0, 1), ("csv", 4, 0, 0), ("stix", 4, 1, 0), ("misp", 9, 3, 0),
    ]  # fmt: skip
    again = indicators.add(home, paths, source="test")
    assert [(one.added, one.closed, one.values) for one in again] == [(0, 0, 0)] * 4
    assert [one.unchanged for one in again] == [one.added for one in told]


def test_what_is_context_is_counted(home: Home) -> None:
    told = indicators.add(home, [DATA / "stix/normal.json", DATA / "misp/normal.json"], source="test")
    assert [(one.objects, one.context) for one in told] == [(5, 10), (12, 3)]


def test_a_nul_refuses_its_object_alone_on_both_databases(tmp_path: Path, database_url: str) -> None:
    database = None if database_url.startswith("sqlite") else database_url
    home = Home.init(
        tmp_path / "node", party="P", country="TW", sector="energy", clock=FixedClock(NOW), database=database
    )
    attribute = {"uuid": "u1", "type": "domain", "value": "evil.example", "to_ids": True}
    event = {"info": "x\0", "Attribute": [attribute, {**attribute, "uuid": "u\0"}, {**attribute, "type": "odd\0"}]}
    (tmp_path / "e.json").write_text(json.dumps({"Event": event}))
    (told,) = indicators.add(home, [tmp_path / "e.json"])
    assert (told.added, [one.reason for one in told.refused]) == (1, ["a text of it has a NUL character"] * 2)
    assert matchable(home) == {"evil.example"}
    home.close()


def test_packed_files(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"evil.invalid\n"))
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"other.invalid\n" * 100)[:-12])
    (tmp_path / "c.gz").write_bytes(gzip.compress(gzip.compress(b"twice.invalid\n")))
    seen: list[tuple[int, int | None]] = []
    told = indicators.add(home, sorted(tmp_path.glob("*.gz")), progress=lambda *at: seen.append(at))
    assert [(one.added, one.refused_count) for one in told] == [(1, 0), (0, 1), (0, 1)]
    assert str(told[1].refused[0]).endswith("b.txt.gz: the compressed file is damaged or cut off. Fetch it again")
    assert "packed in a way that isn't read" in told[2].refused[0].reason
    assert matchable(home) == {"evil.invalid"}
    assert seen[0] == (13, None)


def test_bad_files_do_not_stop_the_good_ones(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"MZ\0\0")
    (tmp_path / "b.txt").write_bytes(b"evil.invalid\n")
    (tmp_path / "c.json").write_bytes(b'{"type": "bundle", "objects": [')
    told = indicators.add(home, [tmp_path / "a.bin", tmp_path / "b.txt", tmp_path / "c.json"])
    assert [(one.added, one.refused_count) for one in told] == [(0, 1), (1, 0), (0, 1)]
    assert str(told[0].refused[0]).startswith(f"{tmp_path}/a.bin: the file is binary")
    assert "not valid JSON" in told[2].refused[0].reason


def test_a_folder_and_a_missing_file(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "feeds" / "deep"
    folder.mkdir(parents=True)
    (folder / "x.txt").write_text("evil.invalid\n")
    assert [one.source for one in indicators.add(home, [tmp_path / "feeds"])] == ["x.txt"]
    with pytest.raises(NotFound):
        indicators.add(home, [tmp_path / "gone.txt"])


def test_an_asserted_time_needs_its_reason(home: Home) -> None:
    path = DATA / "plain/normal.txt"
    with pytest.raises(UsageError, match="needs its reason"):
        indicators.add(home, [path], known_at=NOW - 1)
    with pytest.raises(UsageError, match="without a time"):
        indicators.add(home, [path], known_why="x")
    with pytest.raises(UsageError, match="future"):
        indicators.add(home, [path], known_at=NOW + 1, known_why="x")
    indicators.add(home, [path], known_at=NOW - 5, known_why="press release")
    (known,) = lookup.lookup(home, "evil[.]example").values
    assert [(a.known_at, a.known_how) for a in known.assertions] == [(NOW - 5, "asserted")]


def test_warning_listed_values_are_shown_not_matched(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("8.8.8.8\nevil.invalid\ngoogle.com\n")
    (told,) = indicators.add(home, [path])
    assert (told.added, told.warning_listed) == (3, 2)
    assert matchable(home) == {"evil.invalid"}
    (known,) = lookup.lookup(home, "8.8.8.8").values
    assert known.kept_out == ("List of known IPv4 public DNS resolvers",)


def test_another_edition_of_the_lists_is_looked_up_anew(home: Home, tmp_path: Path) -> None:
    from haechi.store.catalog import facts, indicator_changes

    (tmp_path / "a.txt").write_text("8.8.8.8\nevil.invalid\n")
    indicators.add(home, [tmp_path / "a.txt"])
    with home.catalog().begin() as conn:
        indicator_changes.clear_warnings(conn)
        facts.put(conn, "warnings.edition", "older")
    assert matchable(home) == {"8.8.8.8", "evil.invalid"}
    (tmp_path / "b.txt").write_text("other.invalid\n")
    (told,) = indicators.add(home, [tmp_path / "b.txt"])
    assert told.warning_listed == 0  # none of the new ones
    assert matchable(home) == {"evil.invalid", "other.invalid"}


def test_a_verdict_takes_a_value_out_and_back(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("evil.invalid\n")
    indicators.add(home, [tmp_path / "a.txt"])
    (value,) = indicators.verdict(home, "evil[.]invalid", "false-positive", "our own scanner", "kim")
    assert matchable(home) == set()
    indicators.verdict(home, "evil.invalid", "confirmed", "case 7", "lee")
    assert matchable(home) == {"evil.invalid"}
    (known,) = lookup.lookup(home, f"value:{value.id}").values
    assert (known.confirmed_at, [v.by for v in known.verdicts]) == (NOW, ["kim", "lee"])
    with pytest.raises(NotFound):
        indicators.verdict(home, "never.invalid", "confirmed", "x", "kim")
    with pytest.raises(UsageError):
        indicators.verdict(home, "evil.invalid", "maybe", "x", "kim")


def test_expired_values_leave_matching_and_stay_known(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("evil.invalid\n")
    indicators.add(home, [tmp_path / "a.txt"], source="feed")
    assert indicators.expire(home, "evil.invalid", "sinkholed", source="other") == 0
    assert indicators.expire(home, "evil.invalid", "sinkholed") == 1
    assert indicators.expire_outdated(home) == 0
    assert matchable(home) == set()
    (known,) = lookup.lookup(home, "evil.invalid").values
    assert [(a.gone_at, str(a.gone_why)) for a in known.assertions] == [(NOW, "sinkholed")]
    with pytest.raises(NotFound):
        indicators.expire(home, "never.invalid", "x")


def test_markings_of_a_source(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("evil.invalid\n")
    indicators.add(home, [tmp_path / "a.txt"], source="feed", marking=Tlp.GREEN, actors=["Otter"])
    (tmp_path / "b.txt").write_text("other.invalid\n")
    indicators.add(home, [tmp_path / "b.txt"], source="feed")
    for name, actors in (("evil.invalid", ("Otter",)), ("other.invalid", ())):
        (known,) = lookup.lookup(home, name).values
        assert [(a.marking, a.context.actors) for a in known.assertions] == [(Tlp.GREEN, actors)]


def test_the_audit_log_names_no_value(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("evil.invalid\n")
    indicators.add(home, [tmp_path / "a.txt"])
    indicators.expire(home, "evil.invalid", "old")
    log = (home.path / "audit" / "log.jsonl").read_text()
    assert '"indicators.add"' in log
    assert '"indicators.expire"' in log
    assert "evil.invalid" not in log


def test_lookup_opens_every_id(home: Home) -> None:
    indicators.add(home, [DATA / "stix/normal.json", DATA / "misp/normal.json"])
    by_object = lookup.lookup(home, "indicator--00000000-0000-4000-8000-000000000001")
    assert sorted(known.text for known in by_object.values) == ["192.0.2.1", "evil.example"]
    assert [known.text for known in lookup.lookup(home, "00000000-0000-4000-8000-000000000012").values] == ["c" * 32]
    party = lookup.lookup(home, f"identity--{home.config.party_uuid}").party
    assert party is not None
    assert party.name == "TWCERT/CC"
    assert lookup.lookup(home, home.config.party_uuid).party == party
    (unknown,) = lookup.lookup(home, "never.invalid").values
    assert (unknown.value, unknown.assertions) == (None, ())
    for asked in (
        "value:99999",
        "event--1-2",
        "indicator--00000000-0000-4000-8000-0000000000ff",
        "identity--" + "0" * 8 + "-0000-4000-8000-000000000000",
    ):
        with pytest.raises(NotFound):
            lookup.lookup(home, asked)
    with pytest.raises(BadInput):
        lookup.lookup(home, "???")
    found = list(lookup.lookup_all(home, ["evil.example", "???"]))
    assert isinstance(found[1], BadInput)


def test_a_text_of_several_types_is_found_in_all(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a" * 32 + "\n")
    indicators.add(home, [tmp_path / "a.txt"])
    indicators.add(home, [tmp_path / "a.txt"], kind=T.JA3, source="ja3")
    assert {known.type for known in lookup.lookup(home, "A" * 32).values} == {"md5", "ja3"}
    assert [value.type for value in indicators.find(home, "A" * 32, T.JA3)] == [T.JA3]


def test_what_is_no_list_in_a_folder_is_passed_over(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "lists"
    folder.mkdir()
    for name in ("LICENSE", "README.txt", "group.adoc", "notes.MD", "list.txt"):
        (folder / name).write_text("evil.example\n")
    told = indicators.add(home, [folder])
    assert [(Path(one.path).name, one.format, one.added) for one in told] == [
        ("list.txt", "plain", 1),
        *((name, "skipped", 0) for name in ("LICENSE", "README.txt", "group.adoc", "notes.MD")),
    ]
    assert [one.added for one in indicators.add(home, [folder / "group.adoc"])] == [1], "named directly"


def test_the_folder_of_a_misp_feed(tmp_path: Path) -> None:
    """Its events are read; its manifest and its digests, which would pass for indicators, are passed over."""
    home = Home.init(tmp_path / "feed-node", party="T", country="TW", sector="government", clock=FixedClock(NOW))
    folder = tmp_path / "feed"
    folder.mkdir()
    uuid = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    made = {"uuid": uuid, "type": "domain", "value": "a.example", "to_ids": True, "timestamp": "1"}
    (folder / f"{uuid}.json").write_text(json.dumps({"Event": {"uuid": uuid, "info": "x", "Attribute": [made]}}))
    (folder / "manifest.json").write_text(json.dumps({uuid: {"info": "x", "timestamp": 1}}))
    (folder / "hashes.csv").write_text(f"{'a' * 32},{uuid}\n")
    told = {Path(one.path).name: one for one in indicators.add(home, [folder], source="feed")}
    assert (told[f"{uuid}.json"].format, told[f"{uuid}.json"].added) == ("misp", 1)
    assert {told[name].format for name in ("manifest.json", "hashes.csv")} == {indicators.SKIPPED}
    assert "beside a MISP feed" in str(told["hashes.csv"].why)
