"""How answers are written; what is answered is tests/node/test_lookup.py's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from haechi.cli import lookup
from haechi.cli.main import main
from haechi.messages.catalogue import Message
from haechi.model.clock import FixedClock
from haechi.model.indicator import ValueType
from haechi.model.marking import Tlp
from haechi.model.sighting import Kind, Word
from haechi.model.source_object import Pattern, SourceObject
from haechi.node.home import Home
from haechi.store.catalog.indicator_changes import expire
from haechi.store.catalog.indicator_load import load, source_id
from haechi.store.catalog.indicators import find

WHY = (
    "not a JA4 fingerprint (like t13d1516h2_8daaf6152771_e5627efa2ab1);"
    " a range larger than a /8 would hit nearly everything"
)
ID = "indicator--00000000-0000-4000-8000-0000000000aa"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HAECHI_HOME", str(tmp_path / "node"))
    made = Home.init(tmp_path / "node", party="P", country="TW", sector="government", clock=FixedClock(1))
    reasons = (Message("error.value.not_ja4.reason"), Message("error.value.wide_range.reason", {"widest": 8}))
    pattern = Pattern(pattern_type="stix", pattern="[file:size > 7]", reasons=reasons)
    with made.catalog().begin() as conn:
        one = SourceObject(object_id=ID, version="1", modified=1, patterns=(pattern,))
        load(conn, source_id(conn, "cert", None)[0], [one], at=1, list_name="l")
    return made


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["lookup", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_a_pattern(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, ID)
    assert status == 0
    assert out.splitlines() == [
        "a pattern (stix) of cert, known since 1970-01-01 00:00:00 UTC, not evaluated yet",
        "  [file:size > 7]",
        f"  {WHY}",
    ]
    (thing,) = json.loads(run(capsys, ID, "--json")[1])["lookup"]
    (shown,) = thing["patterns"]
    assert (shown["pattern"], shown["reason"], "reasons" in shown) == ("[file:size > 7]", WHY, False)


def test_why_a_source_no_longer_says_it(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """In the words of the reader's language, or in those of the person who closed it."""
    with home.catalog().begin() as conn:
        source = source_id(conn, "cert", None)[0]
        one = SourceObject(object_id="", values={ValueType.DOMAIN: ["a.example", "b.example"]})
        load(conn, source, [one], at=1, list_name="l")
        fewer = SourceObject(object_id="", values={ValueType.DOMAIN: ["b.example"]})
        load(conn, source, [fewer], at=2, list_name="l", replace=True)
        expire(conn, find(conn, "b.example")[0].id, at=3, why="sinkholed: {as agreed}")
    assert "1970-01-01 00:00:00 UTC: no longer in the list" in run(capsys, "a.example")[1]
    (thing,) = json.loads(run(capsys, "b.example", "--json")[1])["lookup"]
    assert thing["values"][0]["assertions"][0]["gone_why"] == "sinkholed: {as agreed}"


def test_lines_are_answered_as_they_come(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("haechi.node.lookup.AT_ONCE", 2)

    def asked() -> Iterator[str]:
        yield from ("evil.example\n", "???\n")
        first, second = capsys.readouterr().out.splitlines()
        assert json.loads(first)["values"][0]["text"] == "evil.example"
        assert json.loads(second)["error"]["kind"] == "BadInput"
        yield from ("\n", "other.example\n")

    monkeypatch.setattr("sys.stdin", asked())
    status, out, _ = run(capsys, "-", "--jsonl")
    assert (status, json.loads(out)["values"][0]["text"]) == (1, "other.example")


def test_what_is_cut_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "MOST_IN_DOCUMENT", 2)
    monkeypatch.setattr("sys.stdin", iter(["a.example\n", "b.example\n", "c.example\n"]))
    status, out, err = run(capsys, "-", "--json")
    assert (status, len(json.loads(out)["lookup"])) == (1, 2)
    assert err == "only the first 2 were looked up: --jsonl takes any number\n"


def test_what_partners_saw(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    class_id, place = (f"{kind}--00000000-0000-4000-8000-0000000000ab" for kind in ("identity", "location"))
    words = [
        Word(of=ID, kind=Kind.SEEN, count=1200, first=1_000_000, last=2_000_000, where=(class_id, place)),
        Word(of=ID, kind=Kind.FALSE_POSITIVE, count=1),
    ]
    objects = [
        SourceObject(object_id=f"sighting--{n}", type="sighting", raw=b"{}", words=(word,), marking=Tlp.GREEN)
        for n, word in enumerate(words)
    ]
    for id, said in ((class_id, {"sectors": ["technology", "semiconductor"]}), (place, {"country": "KR"})):
        objects.append(SourceObject(object_id=id, type=id.partition("--")[0], raw=json.dumps(said).encode()))
    with home.catalog().begin() as conn:
        values = {ValueType.DOMAIN: ["evil.example"]}
        one = SourceObject(object_id=ID, version="2", modified=2, raw=b"{}", values=values)
        load(conn, source_id(conn, "cert", None)[0], [one], at=1, list_name="l")
        load(conn, source_id(conn, "peer\x1b[31m", None)[0], objects, at=1, list_name="l")
    out = run(capsys, "evil.example")[1].splitlines()[1:]
    assert out[1].startswith("  seen by peer")
    assert "\x1b" not in out[1]
    assert out[1].endswith(
        ": 1,200 times, 1970-01-01 00:00:01 UTC - 1970-01-01 00:00:02 UTC, semiconductor, KR (TLP:GREEN)"
    )
    assert out[2].startswith("  a false positive for peer")
    assert out[2].endswith(": no time said, no place said (TLP:GREEN)")
    (thing,) = json.loads(run(capsys, "evil.example", "--json")[1])["lookup"]
    said = thing["values"][0]["partners"][0]
    assert (said["kind"], said["count"], said["sectors"], said["country"], said["marking"]) == (
        "seen", 1200, ["semiconductor"], "KR", "TLP:GREEN",
    )  # fmt: skip


def test_a_sources_object_that_is_no_indicator(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"{kind}--00000000-0000-4000-8000-0000000000ac" for kind in ("report", "identity")]
    with home.catalog().begin() as conn:
        objects = [
            SourceObject(
                object_id=id, type=id.partition("--")[0], version="1", raw=b'{"name":"R\xc2\x9b"}', marking=Tlp.GREEN
            )
            for id in ids
        ]
        load(conn, source_id(conn, "cert", None)[0], objects, at=1, list_name="l")
    for id in ids:
        status, out, _ = run(capsys, id)
        assert status == 0
        assert [line.split()[0] for line in out.splitlines()] == [
            "id",
            "type",
            "source",
            "version",
            "marking",
            '{"name":"R\\x9b"}',
        ]
        (thing,) = json.loads(run(capsys, id, "--json")[1])["lookup"]
        assert (thing["record"]["source"], thing["record"]["marking"]) == ("cert", "TLP:GREEN")
    assert run(capsys, "report--00000000-0000-4000-8000-0000000000ad")[0] == 1
    assert run(capsys, "identity--00000000-0000-4000-8000-0000000000ad")[0] == 1
