"""The entry: finds the command, imports only its module, runs it, and turns errors into messages and exit statuses.

The first words are parsed here and not by Typer, whose import alone costs more than the whole of `haechi --help`.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from haechi import __version__
from haechi.cli import failure
from haechi.messages.catalogue import text

if TYPE_CHECKING:
    from haechi.model.errors import UsageError

# In the order that help shows. A module has `app` (a typer.Typer of several commands), or `command` (a function) and its
# `HELP`; its line in the list of commands is the message `command.NAME`.
COMMANDS: dict[str, str] = {
    "demo": "haechi.cli.demo",
    "init": "haechi.cli.init",
    "parties": "haechi.cli.parties",
    "indicators": "haechi.cli.indicators",
    "ingest": "haechi.cli.ingest",
    "lookup": "haechi.cli.lookup",
    "sightings": "haechi.cli.sightings",
    "quarantine": "haechi.cli.quarantine",
    "serve": "haechi.cli.serve",
    "consumer": "haechi.cli.consumer",
    "peer": "haechi.cli.peer",
    "grant": "haechi.cli.grant",
    "group": "haechi.cli.group",
    "release": "haechi.cli.release",
    "sync": "haechi.cli.sync",
    "receipts": "haechi.cli.receipts",
    "export": "haechi.cli.export",
    "import": "haechi.cli.import_",
    "feed": "haechi.cli.feed",
    "misp": "haechi.cli.misp",
    "audit": "haechi.cli.audit",
    "lake": "haechi.cli.lake",
    "doctor": "haechi.cli.doctor",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    failure.prepare_streams()
    rights = os.umask(0o077)  # what any library writes for us is its owner's alone, too
    try:
        status = _run(words)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 (the last place: whatever it is, it becomes a message and a status)
        return failure.report(error, as_json=failure.wants_json(words))
    finally:
        os.umask(rights)
    return status


def _run(words: list[str]) -> int:
    home, rest = _global_options(words)
    if not rest or rest[0] in ("--help", "-h"):
        print(_help())
        return 0 if rest else 2
    if rest[0] == "--version":
        print(f"haechi {__version__}")
        return 0
    name = rest[0]
    if name not in available():
        raise _unknown(name)
    from haechi.cli.output import Settings

    returned: Any = load(name).main(args=rest, prog_name="haechi", standalone_mode=False, obj=Settings(home=home))
    return returned if isinstance(returned, int) else 0


def _global_options(words: list[str]) -> tuple[str, list[str]]:
    """The value of a `--home` before the command, and the words after it."""
    if not words or not words[0].startswith("--home"):
        return "", words
    option, equals, value = words[0].partition("=")
    if option != "--home":
        return "", words
    rest = words[1:] if equals else words[2:]
    if not equals:
        value = words[1] if len(words) > 1 else ""
    if not value:
        from haechi.model.errors import UsageError

        raise UsageError("no_home")
    return value, rest


def available() -> dict[str, str]:
    """The commands whose module is installed (the demo can be deleted and nothing else breaks)."""
    return {name: module for name, module in COMMANDS.items() if find_spec(module) is not None}


def load(name: str) -> Any:
    """A Typer group that holds the one command of that name, built from its module."""
    import typer
    from typer.main import get_command

    module = import_module(COMMANDS[name])
    root = typer.Typer(
        add_completion=False, rich_markup_mode=None
    )  # plain help: Rich's import costs as much as the rest
    root.callback()(_nothing)  # keeps the command's name in the usage line
    if hasattr(module, "app"):
        root.add_typer(module.app, name=name)
    else:
        root.command(name, help=module.HELP)(module.command)
    return get_command(root)


def _nothing() -> None: ...


def _unknown(name: str) -> "UsageError":
    from haechi.model.errors import UsageError

    if name.startswith("-"):
        return UsageError("no_option", name=name)
    from difflib import get_close_matches

    close = get_close_matches(name, available())
    if close:
        return UsageError("no_command_but", name=name, names=", ".join(close))
    return UsageError("no_command", name=name)


def _help() -> str:
    names = available()
    width = max(map(len, [*names, "--home FOLDER"])) + 2
    lines = [text("help.usage"), "", text("help.about"), "", text("help.commands")]
    lines += [f"  {name:<{width}}{text('command.' + name)}" for name in names]
    lines += ["", text("help.options")]
    lines += [f"  {'--home FOLDER':<{width}}{text('help.home')}"]
    lines += [f"  {'--version':<{width}}{text('help.version')}"]
    lines += [f"  {'--help':<{width}}{text('help.help')}", "", text("help.more")]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
