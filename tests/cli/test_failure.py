import errno
import json
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from haechi.cli import failure
from haechi.cli.main import main
from haechi.model.errors import BadInput, Conflict, NodeCannot, NotVerified, UsageError
from haechi.model.location import Location
from haechi.store.lake import Lake

DAY = 20_000


def test_bad_input_says_where_what_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    place = Location(path="a.toml", line=3, field="time_zone", value="Asia/Atlantis")
    error = BadInput("mapping.no_time_zone", location=place)
    assert failure.report(error, as_json=True) == 1
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "error": {
            "kind": "BadInput",
            "id": "mapping.no_time_zone",
            "reason": "there is no such time zone",
            "advice": "Give an IANA name, such as Asia/Seoul",
            "location": {
                "path": "a.toml",
                "line": 3,
                "offset": None,
                "field": "time_zone",
                "value": "Asia/Atlantis",
            },
        }
    }
    said = "there is no such time zone. Give an IANA name, such as Asia/Seoul"
    assert err == f"error: a.toml:3 field time_zone = 'Asia/Atlantis': {said}\n"


def test_what_an_error_quotes_never_drives_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for reason in ("a\x1b[31mRED\x07\nb", "Usage: \x1b[2J\nb"):
        failure.report(NodeCannot("system", place="", cause=reason), as_json=False)
    assert capsys.readouterr().err == "error: a\\x1b[31mRED\\x07\\nb\nUsage: \\x1b[2J\nb\n"
    monkeypatch.setenv(failure.TRACE_VARIABLE, "1")
    failure.report(NodeCannot("system", place="", cause="a\x1b[31mRED"), as_json=False)
    assert "NodeCannot: a\\x1b[31mRED\n" in (told := capsys.readouterr().err)
    assert "\x1b" not in told


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("no_home"), 2),
        (Conflict("replay.others_write"), 3),
        (NotVerified("audit.no_checkpoint"), 4),
        (KeyboardInterrupt(), 130),
        (SystemExit(5), 5),
        (SystemExit(), 0),
        (SystemExit("why"), 1),
        (OSError(errno.ENOSPC, "No space left on device"), 3),
        (ZeroDivisionError("division by zero"), 3),
    ],
)
def test_exit_status_follows_the_error(error: BaseException, status: int) -> None:
    assert failure.report(error, as_json=False) == status


def test_os_error_names_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    failure.report(PermissionError(errno.EACCES, "Permission denied", "/etc/shadow"), as_json=False)
    assert capsys.readouterr() == ("", "error: /etc/shadow: Permission denied\n")


def test_a_fault_of_ours_is_short_and_says_how_to_see_more(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(failure.TRACE_VARIABLE, raising=False)
    failure.report(KeyError("lost"), as_json=False)
    assert capsys.readouterr().err == (
        "error: unexpected KeyError: 'lost'. "
        "This is a fault in Haechi: run again with HAECHI_TRACE=1 to see the traceback, and report it\n"
    )
    monkeypatch.setenv(failure.TRACE_VARIABLE, "1")
    failure.report(KeyError("lost"), as_json=False)
    assert capsys.readouterr().err.startswith("KeyError: 'lost'\n")
    monkeypatch.delenv(failure.TRACE_VARIABLE)
    failure.report(RuntimeError(), as_json=False)
    assert capsys.readouterr().err.startswith("error: unexpected RuntimeError: no more is known. ")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [(["x", "--json"], True), (["x", "--jsonl"], True), (["x", "--", "--json"], False), (["x"], False)],
)
def test_json_is_wanted_even_where_the_words_do_not_parse(words: list[str], wanted: bool) -> None:
    assert failure.wants_json(words) is wanted


def test_a_spoilt_page_of_the_lake_is_no_fault_of_ours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lake = Lake.create(tmp_path / "lake")
    times = pa.array([DAY * 86_400_000_000 + at for at in range(1_000)], pa.timestamp("us", tz="UTC"))
    names = pa.array([f"{at}.example" for at in range(1_000)])
    staged = lake.write("event", DAY, pa.table({"ts": times, "domain": names}))
    lake.commit([staged], {"a": 1})
    file = lake.path / staged.path
    content = bytearray(file.read_bytes())
    at = content.index(b"0.example") - 60
    content[at : at + 300] = bytes(300)
    file.write_bytes(content)
    with pytest.raises(duckdb.Error) as raised:
        lake.query("select max(ts), max(domain) from event")
    assert failure.report(raised.value, as_json=False) == 3
    told = capsys.readouterr().err
    assert told.startswith("error: a file of the lake can't be read: ")
    assert told.endswith("See 'haechi lake check'\n")
    assert "fault in Haechi" not in told


def test_words_that_do_not_parse_are_told_plainly(capsys: pytest.CaptureFixture[str]) -> None:
    main(["indicators", "lst"])
    main(["indicators", "add", "x", "--type", "nope"])
    unknown, value = capsys.readouterr().err.splitlines()
    assert "Did you mean 'list'? See 'haechi indicators --help'" in unknown
    assert value.startswith("error: Invalid value for '--type': 'nope' is not one of 'ipv4', ")
