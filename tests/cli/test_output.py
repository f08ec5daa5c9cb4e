import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.main import get_command

from haechi.cli import output
from haechi.model.errors import BadInput
from haechi.model.location import Location
from haechi.report import table

ROWS = [{"name": "臺灣", "events": 3, "note": None}, {"name": "한국", "events": 12, "note": "x"}]
COLUMNS = {"name": "country", "events": "events"}


class Point(msgspec.Struct):
    x: int
    path: Path


def run(app: typer.Typer, words: list[str], settings: output.Settings | None = None) -> Any:
    return get_command(app).main(args=words, standalone_mode=False, obj=settings)


def test_emit_makes_json_or_table_never_both(capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> str:
        raise AssertionError("made without need")

    output.emit({"a": [1, None, "臺"], "p": Point(1, Path("/x"))}, as_json=True, table=never)
    assert json.loads(capsys.readouterr().out) == {"a": [1, None, "臺"], "p": {"x": 1, "path": "/x"}}
    output.emit({}, as_json=False, table=lambda: table.make(["h"], [["v"]]))
    assert capsys.readouterr().out == "h\n-\nv\n"
    output.emit({}, as_json=False, table="words")
    assert capsys.readouterr().out == "words\n"


def test_rows_as_table_json_and_jsonl(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_rows("countries", ROWS, columns=COLUMNS, right=["events"])
    assert capsys.readouterr().out.splitlines() == [
        "country  events",
        "-------  ------",
        "臺灣          3",
        "한국         12",
    ]
    output.emit_rows("countries", ROWS, columns=COLUMNS, limit=1, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"countries": ROWS[:1], "total": 2, "limit": 1}
    output.emit_rows("countries", iter(ROWS), columns=COLUMNS, limit=1, as_jsonl=True)
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == ROWS


def test_what_the_limit_cut_is_told_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit_rows("countries", ROWS, columns=COLUMNS, limit=1)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 3
    assert err == "1 of 2 shown; --limit 2 shows all, --jsonl streams them\n"
    output.emit_rows("countries", ROWS, columns=COLUMNS, limit=0)
    assert capsys.readouterr().err == ""
    output.emit_rows("countries", [], columns=COLUMNS)
    assert capsys.readouterr() == ("", "Nothing to show\n")


def test_home_before_or_after_the_command() -> None:
    seen: list[Path | None] = []
    app = typer.Typer()

    @app.command()
    def command(home: output.HomeOption = None) -> None:
        seen.append(home)

    run(app, [])
    run(app, [], output.Settings(home="/early"))
    run(app, ["--home", "/late"], output.Settings(home="/early"))
    assert seen == [None, Path("/early"), Path("/late")]


def test_limit_below_nothing_is_refused() -> None:
    app = typer.Typer()

    @app.command()
    def command(limit: output.LimitOption = 100) -> None: ...

    with pytest.raises(typer.BadParameter, match="must be 0"):
        run(app, ["--limit", "-1"])


def test_progress_is_silent_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with output.progress("reading", total=10, unit="bytes") as step:
        step(5, "1 event/s")
    assert capsys.readouterr() == ("", "")


class Terminal:
    """A stderr that says it is a terminal."""

    def __init__(self) -> None:
        self.written = ""

    def isatty(self) -> bool:
        return True

    def write(self, content: str) -> int:
        self.written += content
        return len(content)

    def flush(self) -> None: ...


@pytest.mark.parametrize("unit", ["bytes", "events"])
def test_progress_on_a_terminal_shows_only_long_work(unit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    with output.progress("reading", total=10, unit=unit) as step:
        step(5)
    assert terminal.written == ""
    monkeypatch.setattr(output, "SHOW_AFTER", 0.0)
    with output.progress("reading", total=10, unit=unit) as step:
        step(5, "1 event/s", total=20)
    assert "reading" in terminal.written
    assert "25%" in terminal.written
    assert "1 event/s" in terminal.written


def test_a_narrow_terminal_still_shows_how_much_is_done_and_when_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(output, "SHOW_AFTER", 0.0)
    with output.progress("reading", unit="bytes") as step:
        step(600_000_000, "1,140,000 events (623,456/s), 228 sightings, 19 refused", total=1_400_000_000)
    assert "0.6/1.4 GB" in terminal.written
    assert "(623,456/s)" in terminal.written
    assert "-:--:--" in terminal.written


def test_a_table_on_a_terminal_is_drawn_by_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stdout", terminal)
    output.write_table(table.make(["name", "n"], [["[bold]臺灣", 1]], right=["n"], title="t"))
    assert "[bold]臺灣" in terminal.written


def test_the_first_refusals_are_told_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused = [BadInput("system", location=Location(path="a", line=n), place="", cause="no\x1b") for n in range(12)]
    output.tell_refusals(refused)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[0] == "error: a:0: no\\x1b"
    assert len(err.splitlines()) == 11
    assert err.endswith("and 2 more; --json lists all\n")
    assert output.refusal_documents(refused)[1]["location"]["line"] == 1


def test_json_never_drives_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"name": "a\x9b31m\x7f\x1b"}
    output.emit_rows("rows", [row], columns={}, as_jsonl=True)
    output.emit(row, as_json=True, table="")
    out = capsys.readouterr().out
    assert out.count('"a\\u009b31m\\u007f\\u001b"') == 2
    assert json.loads(out.splitlines()[0]) == row
