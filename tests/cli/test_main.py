import os
import subprocess
import sys
from pathlib import Path

import pytest

from haechi import __version__
from haechi.cli.main import COMMANDS, available, main
from haechi.messages.catalogue import text

HEAVY = ("typer", "rich", "sqlalchemy", "duckdb", "pyarrow", "numba", "numpy", "msgspec", "deltalake")


def test_help_lists_every_installed_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name in available():
        assert f"  {name} " in shown
        assert text("command." + name) in shown


def test_help_imports_nothing_heavy() -> None:
    code = f"import sys; from haechi.cli.main import main; main(['--help']); print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[-1] == "[]"


def test_no_words_show_help_as_a_usage_problem(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"haechi {__version__}\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["frobnicate"], "error: no command 'frobnicate'. See 'haechi --help'\n"),
        (["docter"], "error: no command 'docter'. Did you mean doctor?\n"),
        (["--frob", "doctor"], "error: no option '--frob' before the command. See 'haechi --help'\n"),
        (["--home"], "error: --home needs a folder\n"),
        (["--home="], "error: --home needs a folder\n"),
        (["doctor", "--frob"], "error: No such option: --frob. See 'haechi doctor --help'\n"),
    ],
)
def test_usage_errors(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert capsys.readouterr() == ("", said)


def test_a_reader_that_goes_away_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.run(
        [sys.executable, "-m", "haechi", "--help"], stdout=writing, stderr=subprocess.PIPE, check=False
    )
    os.close(writing)
    assert (process.returncode, process.stderr) == (141, b"")


def test_closed_stdout_is_no_error() -> None:
    process = subprocess.run(
        ["/bin/sh", "-c", f"exec {sys.executable} -m haechi --help >&-"], capture_output=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, b"")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_full_disk_under_stdout_is_told() -> None:
    with open("/dev/full", "w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "haechi", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert process.returncode == 3
    assert process.stderr == "error: No space left on device\n"


def test_what_is_written_is_its_owners_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rights = os.umask(0o022)
    try:
        home = tmp_path / "node"
        assert main(["init", str(home), "--party", "P", "--country", "TW"]) == 0
        (tmp_path / "eve.json").write_text(
            '{"timestamp":"2026-03-10T00:00:00Z","event_type":"flow","src_ip":"192.0.2.1"}\n'
        )
        assert main(["ingest", str(tmp_path / "eve.json"), "--sensor", "edge", "--home", str(home)]) == 0
        assert os.umask(0o022) == 0o022, "it is put back"
    finally:
        os.umask(rights)
    written = [path for path in (home, *home.rglob("*")) if path.suffix != ".parquet" or path.stat().st_size]
    assert any(path.suffix == ".parquet" for path in written)
    assert {path: oct(path.stat().st_mode) for path in written if path.stat().st_mode & 0o077} == {}
    capsys.readouterr()


def test_every_command_has_a_help_line() -> None:
    for name in COMMANDS:
        assert text("command." + name)
