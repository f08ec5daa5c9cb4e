"""The documentation is current, and its examples run.

A ```console block of the guide or of README.md is a session: its `$ haechi ...` lines run in order and must exit 0 (or
`# exit N`), and `$ export NAME=VALUE` holds for those behind it. Lines below a command must stand in its output, in that order; `...` stands for any text or lines. A code
block under a line that ends with a name in code marks and a colon is that file. The guide is one story: its pages run
one after the other in one folder; README.md runs in its own.

```bash blocks need processes of their own (two nodes, a server): those of a page run in order as one script, which must not
fail. Lines of a ```text block right behind one must stand in what that one printed.
"""

import contextlib
import importlib.util
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

import pytest

from haechi.cli.main import COMMANDS, main

ROOT = Path(__file__).parent.parent
GUIDE = ROOT / "docs/guide"


@dataclass
class Step:
    """One command of a session: its words, exit status, and the lines that must stand in its output."""

    words: list[str]
    status: int = 0
    lines: list[str] = field(default_factory=list)


def sessions(page: Path) -> list[Step]:
    """All steps of a page's console blocks."""
    steps: list[Step] = []
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        for line in block.splitlines():
            if line.startswith("$ "):
                command, _, comment = line[2:].partition("  # exit ")
                steps.append(Step(shlex.split(command), int(comment or 0)))
            elif line.strip():
                steps[-1].lines.append(line)
    return steps


def files(page: Path) -> dict[str, str]:
    """The files that a page shows: a code block under a line that ends with its name in code marks and a colon."""
    found = re.findall(r"`([\w.-]+)`:\n+```\w*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    return dict(found)


def script(page: Path) -> list[tuple[str, list[str]]]:
    """A page's bash blocks, each with the lines that must stand in its output."""
    found = re.findall(r"^```bash\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(block, lines.splitlines()) for block, lines in found]


def holds(output: str, lines: list[str]) -> bool:
    """Whether the lines stand in the output in that order; runs of blanks count as one, `...` as anything."""
    squeezed = re.sub(r"[ \t]+", " ", output)
    pattern = ".*".join(
        "" if line.strip() == "..." else re.escape(re.sub(r"[ \t]+", " ", line.strip())).replace(r"\.\.\.", ".*?")
        for line in lines
    )
    return re.search(pattern, squeezed, re.DOTALL) is not None


def guide_pages() -> list[Path]:
    """The guide's pages in the order of its table of contents."""
    names = re.findall(r"^guide/([\w-]+)$", (ROOT / "docs/index.md").read_text(), re.MULTILINE)
    return [GUIDE / f"{name}.md" for name in names]


Shown = tuple[int, str]  # exit status, what was printed


def play(page: Path, folder: Path, run: Callable[[list[str]], Shown], environment: MutableMapping[str, str]) -> None:
    """Run a page's session in `folder`; `run` sees `environment`."""
    for name, content in files(page).items():
        (folder / name).write_text(content)
    for step in sessions(page):
        if step.words[0] == "export":
            for name, _, value in (word.partition("=") for word in step.words[1:]):
                environment[name] = Template(value).substitute(environment, PWD=str(folder))
            continue
        assert step.words[0] == "haechi", f"{page.name}: a console block holds haechi's commands alone: {step.words}"
        status, shown = run(step.words[1:])
        call = f"{page.name}: {shlex.join(step.words)}"
        assert status == step.status, f"{call} ended with {status}\n{shown}"
        assert holds(shown, step.lines), f"{call} printed\n{shown}\nnot\n" + "\n".join(step.lines)


def test_the_guide_is_a_story_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, which has everything imported: some forty commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HAECHI_HOME", "node")

    def run(words: list[str]) -> Shown:
        status = main(words)
        return status, "".join(capsys.readouterr())

    for page in guide_pages():
        play(page, tmp_path, run, os.environ)


def test_the_readme_runs(tmp_path: Path) -> None:
    """Each command in a process of its own, as a reader would."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # compiled kernels
        "PYTHONPATH": str(ROOT),
    }

    def run(words: list[str]) -> Shown:
        call = [sys.executable, "-m", "haechi", *words]
        done = subprocess.run(call, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    play(ROOT / "README.md", tmp_path, run, environment)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in guide_pages() if script(page)], ids=lambda page: page.stem)
def test_pages_with_processes_run(page: Path, tmp_path: Path) -> None:
    """Ports 8585 and 8586 of the page are free ones here."""
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/haechi"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m haechi "$@"\n')
    command.chmod(0o755)
    ports = dict(zip(("8585", "8586"), _free_ports(2), strict=True))

    def with_ports(content: str) -> str:
        return re.sub("8585|8586", lambda found: str(ports[found[0]]), content)

    for name, content in files(page).items():
        (tmp_path / name).write_text(with_ports(content))
    mark = "=== end of a block ==="
    text = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
    text += "".join(f"{with_ports(block)}echo; echo '{mark}'\n" for block, _ in script(page))
    environment = {
        "PATH": f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "shown").open("w+b") as shown:
        done = subprocess.run(
            ["bash", "-c", text],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=shown,
            stderr=subprocess.STDOUT,
            timeout=600,
            check=False,
        )
        shown.seek(0)
        printed = shown.read().decode()
    assert done.returncode == 0, printed[-3000:]
    for (block, lines), output in zip(script(page), printed.split(mark), strict=False):
        shown_lines = [with_ports(line) for line in lines]
        assert holds(output, shown_lines), f"{block}\nprinted\n{output}\nnot\n" + "\n".join(shown_lines)


def test_every_guide_page_is_in_the_table_of_contents() -> None:
    assert set(guide_pages()) == set(GUIDE.glob("*.md"))


def test_the_example_runner_can_fail() -> None:
    assert holds("a  b\nc\nd\n", ["a b", "d"])
    assert holds("42 events in 1.2 s\n", ["42 events in ... s"])
    assert not holds("a\nb\n", ["b", "a"])
    assert not holds("a.b\n", ["a,b"])


def test_reference_pages_are_current() -> None:
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "docs/build_reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stale = [str(path.relative_to(ROOT)) for path, content in module.pages().items() if path.read_text() != content]
    assert not stale, f"run make docs: {stale}"


def test_every_error_class_is_in_the_reference() -> None:
    from haechi.model import errors

    page = (ROOT / "docs/reference/exit-status.md").read_text()
    for name, value in vars(errors).items():
        if isinstance(value, type) and issubclass(value, errors.HaechiError) and value is not errors.HaechiError:
            assert f"| `{name}` | {value.exit_status} |" in page


def test_every_command_of_the_readme_exists() -> None:
    for name in re.findall(r"^\$ haechi (?:--\S+ )*([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE):
        assert name in COMMANDS
