"""The house's rules that no other tool checks. Each test names what breaks the rule and where it is put right."""

import ast
import importlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haechi.cli.main import COMMANDS, available, load
from haechi.messages.catalogue import catalogue
from haechi.model import event

ROOT = Path(__file__).parent.parent
HAECHI = ROOT / "haechi"
MODULES = sorted(
    p for p in HAECHI.rglob("*.py") if p.name not in ("__init__.py", "__main__.py") and "migrations" not in p.parts
)
LONGEST = 500


def imported_by_tests(package: Path) -> set[str]:
    """The modules that the tests of one package import, by dotted name."""
    found: set[str] = set()
    for test in (ROOT / "tests" / package).glob("**/*.py"):
        for node in ast.walk(ast.parse(test.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
    return found


def test_every_module_has_its_test_file() -> None:
    """Or, where one suite serves a module and its parts, a test of the same package imports it."""
    missing = []
    for module in MODULES:
        where = module.relative_to(HAECHI)
        dotted = ".".join(module.relative_to(ROOT).with_suffix("").parts)
        own = ROOT / "tests" / where.parent / f"test_{where.name}"
        if not own.exists() and dotted not in imported_by_tests(Path(where.parts[0])):
            missing.append(str(where))
    assert not missing, f"tests/PACKAGE/test_MODULE.py is missing for: {missing}"


def test_every_test_file_has_its_module() -> None:
    """A module that moved takes its test along; suites of a whole interface lie at the top of tests/ or in journeys/."""
    stray = []
    for test in sorted((ROOT / "tests").rglob("test_*.py")):
        where = test.relative_to(ROOT / "tests")
        if (
            where.parts[0] in ("journeys", "bench", "docs")
            or len(where.parts) == 1
            or where.stem.startswith("test_all_")
        ):
            continue
        module = HAECHI / where.parent / where.name.removeprefix("test_")
        if not module.exists() and not module.with_suffix("").is_dir():
            stray.append(str(where))
    assert not stray, f"no such module; a suite over several is called test_all_...: {stray}"


@pytest.mark.parametrize("folder", ["haechi", "tests", "docs", "bench"])
def test_no_file_is_longer_than_a_person_reads(folder: str) -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := path.read_text(encoding="utf-8").count("\n")) > LONGEST
    }
    assert not long, f"a file holds one idea, at most {LONGEST} lines: {long}"


def test_a_package_only_names_its_surface() -> None:
    busy = [
        str(path.relative_to(ROOT))
        for path in HAECHI.rglob("__init__.py")
        if path.parent.name != "readers"  # the table of readers and how one is found in it
        and any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(path.read_text()).body)
    ]
    assert not busy, f"an __init__.py defines nothing: {busy}"


def test_every_module_says_what_it_is() -> None:
    silent = [str(p.relative_to(ROOT)) for p in HAECHI.rglob("*.py") if not ast.get_docstring(ast.parse(p.read_text()))]
    assert not silent, f"no docstring: {silent}"


def test_nothing_is_left_for_later() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
    found = [str(p.relative_to(ROOT)) for p in MODULES if marks.search(p.read_text())]
    assert not found, f"finish it, or open an issue: {found}"


def test_no_registry_is_named_in_what_is_committed() -> None:
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a git checkout")
    hosts = re.compile(r"files\.python" + r"hosted\.org|pypi\.org/" + r"simple|registry\.npm" + r"js\.org")
    kinds = (".md", ".toml", ".lock", ".py", ".json", ".yaml", ".txt", "")
    paths = [ROOT / name for name in tracked.stdout.split("\0") if name]
    texts = [path for path in paths if path.is_file() and path.suffix in kinds]
    found = [path.name for path in texts if hosts.search(path.read_text(encoding="utf-8", errors="replace"))]
    assert not found, f"the user's own index must do: {found}"


def leaves(name: str) -> Iterator[tuple[str, Any]]:
    """Each command that does something below `name`, with its path."""

    def walk(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        children = getattr(command, "commands", None)
        if not children:
            yield path, command
        for child, sub_command in (children or {}).items():
            yield from walk(f"{path} {child}", sub_command)

    yield from walk(name, load(name).commands[name])


@pytest.mark.parametrize("name", available())
def test_every_command_has_help_and_json(name: str) -> None:
    for path, command in leaves(name):
        assert (command.help or "").strip(), f"haechi {path} has no help: give it help=text(...)"
        names = [option for parameter in command.params for option in parameter.opts]
        assert "--json" in names, f"haechi {path} has no --json: take JsonOption"
        assert "--home" in names or path == "demo", f"haechi {path} has no --home: take HomeOption"
        for parameter in command.params:
            assert getattr(parameter, "help", None), f"haechi {path}: {parameter.name} has no help"


def test_every_command_module_is_listed() -> None:
    listed = {module.rpartition(".")[2] for module in COMMANDS.values()} | {"main", "output", "failure"}
    found = {
        path.stem for path in (HAECHI / "cli").glob("*.py") if path.stem != "__init__" and not path.stem.startswith("_")
    }
    assert found <= listed, f"add a row to COMMANDS in haechi/cli/main.py: {sorted(found - listed)}"


def words_of(tree: ast.AST) -> set[str]:
    """String constants and struct fields of a module."""
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    fields = (node.target for node in ast.walk(tree) if isinstance(node, ast.AnnAssign))
    return words | {field.id for field in fields if isinstance(field, ast.Name)}


def test_every_message_is_used_and_every_use_has_its_message() -> None:
    """An id stands as `text("a.b")`, or is put together as f"a.{name}" with a name that is a word or field somewhere."""
    known = {id for id in catalogue("en") if not re.fullmatch(r"error\..+\.(reason|advice)", id)}  # test_all_errors.py
    trees = {path: ast.parse(path.read_text()) for path in MODULES}
    names = set().union(*map(words_of, trees.values()))
    used = {f"command.{name}" for name in COMMANDS}
    wanted: dict[str, str] = {}
    for path, tree in trees.items():
        words = words_of(tree)
        used |= known & words
        if not re.search(r"haechi\.messages\.catalogue import .*\btext\b", path.read_text()):  # or SQLAlchemy's
            continue
        for prefix in {word for word in words if re.fullmatch(r"[a-z]+\.([a-z_.]+[._])?", word)}:
            used |= {
                message for message in known if message.startswith(prefix) and message.removeprefix(prefix) in names
            }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text":
                wanted |= {str(a.value): path.name for a in node.args[:1] if isinstance(a, ast.Constant)}
    missing = {message: path for message, path in wanted.items() if message not in catalogue("en")}
    assert not missing, f"not in haechi/messages/en/: {missing}"
    assert not known - used, f"in haechi/messages/en/, but nowhere used: {sorted(known - used)}"


def test_every_reader_is_listed_once() -> None:
    from haechi.ingest.readers import READERS

    names = [reader.name for reader in READERS]
    assert len(names) == len(set(names))
    files = [
        path
        for path in (HAECHI / "ingest/readers").glob("*.py")
        if re.search(r"^READER\b", path.read_text(), re.MULTILINE)
    ]
    listed = {id(reader) for reader in READERS}
    modules = [importlib.import_module(f"haechi.ingest.readers.{path.stem}") for path in files]
    missing = [module.__name__ for module in modules if id(module.READER) not in listed]
    assert not missing, f"add a row to READERS in haechi/ingest/readers/__init__.py: {missing}"


def test_every_column_has_one_meaning() -> None:
    names = [column.name for column in event.COLUMNS]
    assert len(names) == len(set(names))
    assert [c.name for c in event.COLUMNS if not c.meaning.strip()] == []
