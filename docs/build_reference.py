"""Write the reference pages that follow from the code: the event schema and the commands.

`python docs/build_reference.py` writes them, with `--check` it only says which are stale (tests/test_docs.py does).
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from haechi.cli.main import available, load
from haechi.ingest.readers import READERS
from haechi.messages.catalogue import text
from haechi.model import event

FOLDER = Path(__file__).parent / "reference"
WRITTEN = "<!-- Written by docs/build_reference.py: edit the code, then run make docs. -->\n\n"


def pages() -> dict[Path, str]:
    """Each generated page by its path."""
    return {
        FOLDER / "events.md": WRITTEN + events_page(),
        FOLDER / "formats.md": WRITTEN + formats_page(),
        FOLDER / "commands.md": WRITTEN + commands_page(),
    }


def events_page() -> str:
    """The columns of the event table with their meaning and their names elsewhere."""
    parts = [
        "# Events, sightings, quarantine: the one schema\n",
        f"Version {event.SCHEMA_VERSION}. Kinds of one Delta Lake table share it: `event`, `sighting`, `quarantine`. "
        "A kind fills its own columns and leaves the others null. Types are Arrow's.\n",
        "Names in [ECS](https://www.elastic.co/docs/reference/ecs), [OCSF](https://schema.ocsf.io/) and "
        "[IDEA](https://idea.cesnet.cz/) stand where there is one.\n",
    ]
    groups = {
        "Events": event.EVENT_COLUMNS,
        "Sightings, beside the event's columns": event.SIGHTING_COLUMNS,
        "Quarantined records, beside the event's columns": event.QUARANTINE_COLUMNS,
        "Partitions": event.PARTITION_COLUMNS,
    }
    for title, columns in groups.items():
        parts.append(f"## {title}\n")
        names = title == "Events"
        parts.append("| column | type | meaning |" + (" ECS | OCSF | IDEA |" if names else ""))
        parts.append("| --- | --- | --- |" + (" --- | --- | --- |" if names else ""))
        for column in columns:
            row = f"| `{column.name}` | {_type(column)} | {_cell(column.meaning)} |"
            if names:
                row += "".join(
                    f" {f'`{_cell(name)}`' if name else ''} |" for name in (column.ecs, column.ocsf, column.idea)
                )
            parts.append(row)
        parts.append("")
    return "\n".join(parts)


def _type(column: event.Column) -> str:
    return _cell(str(column.type)).replace("<", "\\<")


def _cell(content: str) -> str:
    return content.replace("|", "\\|")


def formats_page() -> str:
    """The log formats that are read, and which field of each fills which column."""
    parts = [
        "# Log formats\n",
        "In the order in which `--format auto` asks. `--format NAME` says it outright.\n",
        "| name | format | versions |",
        "| --- | --- | --- |",
    ]
    parts += [f"| [`{r.name}`](#{r.name}) | [{_cell(r.title)}]({r.link}) | {_cell(r.version)} |" for r in READERS]
    for reader in READERS:
        parts += ["", f"## {reader.name}\n", f"[{reader.title}]({reader.link}), {reader.version}.\n"]
        if reader.fields:
            parts += ["| field | fills |", "| --- | --- |"]
            parts += [f"| `{_cell(f.path)}` | `{_cell(f.to)}` |" for f in reader.fields]
    return "\n".join(parts) + "\n"


def commands_page() -> str:
    """Every command: usage, what it does, its arguments and options."""
    parts = [
        "# Commands\n",
        "```text\nhaechi [--home FOLDER] COMMAND [ARGUMENTS]\n```\n",
        "Which node: `--home`, else `HAECHI_HOME`, else `~/.haechi`. Every command takes `--json`: one document on "
        "standard output, progress on standard error. {doc}`exit-status` lists the statuses.\n",
        "| command | |",
        "| --- | --- |",
    ]
    parts += [f"| [`haechi {name}`](#haechi-{name}) | {text('command.' + name)} |" for name in available()]
    for name in available():
        parts += ["", *_command(f"haechi {name}", load(name).commands[name], 2)]
    return "\n".join(parts) + "\n"


def _command(path: str, command: Any, level: int) -> Iterator[str]:
    yield f"{'#' * level} {path}\n"
    yield command.help + "\n"
    children = getattr(command, "commands", {})
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    if not children:
        words = " ".join([path, *("[OPTIONS]" if options else "",), *map(_argument, arguments)])
        yield f"```text\n{words}\n```\n"
    if arguments or options:
        yield "| | |"
        yield "| --- | --- |"
        yield from (f"| `{_cell(_argument(p))}` | {_cell(p.help or '')} |" for p in arguments)
        yield from (f"| {_option(p)} | {_cell(p.help or '')}{_default(p)} |" for p in options)
        yield ""
    for child, sub_command in children.items():
        yield from _command(f"{path} {child}", sub_command, level + 1)


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    if parameter.nargs == -1:
        name += "..."
    return name if parameter.required else f"[{name}]"


def _option(parameter: Any) -> str:
    names = [f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts)]
    if not parameter.is_flag:
        names[-1] = f"{names[-1][:-1]} {parameter.metavar or parameter.name.upper()}`"
    return ", ".join(names)


def _default(parameter: Any) -> str:
    if parameter.required:
        return " Required."
    default = parameter.default
    if default in (None, False, "", (), []) or callable(default):
        return ""
    return f" Default: {default}."


def main() -> int:
    """Write the pages, or with --check name those that differ; exit status 1 if any does."""
    stale = [path for path, content in pages().items() if not path.exists() or path.read_text() != content]
    if "--check" in sys.argv[1:]:
        for path in stale:
            print(f"{path} is stale: run make docs", file=sys.stderr)
        return bool(stale)
    for path in stale:
        path.write_text(pages()[path])
    return 0


if __name__ == "__main__":
    sys.exit(main())
