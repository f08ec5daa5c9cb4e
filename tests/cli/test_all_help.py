"""Help is written in the catalogue: in a language whose every text is its own id, help shows ids and nothing else."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from haechi.cli.main import available
from haechi.messages.catalogue import catalogue

# A process of its own: help is put together when the command's module is imported.
SHOW = """
import json, sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from haechi.messages import catalogue as messages

messages.FOLDER = Path(sys.argv[1])

from haechi.cli.main import available, load, main

def texts(path, command):
    yield path, command.help
    yield from ((f"{path} {parameter.name}", parameter.help) for parameter in command.params)
    for name, child in getattr(command, "commands", {}).items():
        yield from texts(f"{path} {name}", child)

with redirect_stdout(StringIO()) as listed:
    main(["--help"])
told = [one for name in available() for one in texts(name, load(name).commands[name])]
json.dump({"list": listed.getvalue(), "told": told}, sys.stdout)
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The list of commands, and what help says of each command, option and argument, in the language of ids."""
    folder: Path = tmp_path_factory.mktemp("messages")
    ids = [f"{json.dumps(name)} = '<{name}>'" for name in catalogue("en")]
    (folder / "ids").mkdir()
    (folder / "ids" / "all.toml").write_text("\n".join(ids), encoding="utf-8")
    environment = {"HAECHI_LANG": "ids", "PYTHONPATH": str(Path(__file__).parents[2])}
    call = [sys.executable, "-c", SHOW, str(folder)]
    return json.loads(subprocess.run(call, env=environment, capture_output=True, text=True, check=True).stdout)


def ids_in(content: str) -> set[str]:
    return set(re.findall(r"<([\w.-]+)>", content))


def test_every_help_is_one_text_of_the_catalogue(shown: Any) -> None:
    literal = [(where, said) for where, said in shown["told"] if not re.fullmatch(r"<help\.[\w.]+>", said or "")]
    assert not literal, f'say help=text("help.COMMAND.NAME"): {literal}'


def test_the_list_of_commands_is_texts_of_the_catalogue(shown: Any) -> None:
    rest = re.sub(r"<[\w.-]+>", "", shown["list"]).split()
    assert rest == [*available(), "--home", "FOLDER", "--version", "--help"]


def test_every_help_text_is_shown(shown: Any) -> None:
    seen = ids_in(shown["list"]).union(*(ids_in(said) for _, said in shown["told"]))
    unused = {name for name in catalogue("en") if name.startswith(("help.", "command."))} - seen
    assert not unused, f"no help shows it: {sorted(unused)}"
