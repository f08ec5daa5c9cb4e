"""What all commands share: their options, and how a result is written.

A command takes the options it needs by annotation and writes its result with one call:

    def command(home: HomeOption = None, as_json: JsonOption = False) -> None:
        emit(document, as_json=as_json, table=lambda: table.make([...], rows))
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Protocol

import msgspec
import typer

from haechi.cli.failure import error_document, escaped
from haechi.messages.catalogue import text
from haechi.model.errors import BadInput
from haechi.report import table as tables

DEFAULT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Settings:
    """What stood before the command's name."""

    home: str = ""


def _home(context: typer.Context, value: Path | None) -> Path | None:
    settings = context.find_root().obj
    if value is None and isinstance(settings, Settings) and settings.home:
        return Path(settings.home)
    return value


def _limit(value: int) -> int:
    if value < 0:
        raise typer.BadParameter(text("error.limit"))
    return value


HomeOption = Annotated[Path | None, typer.Option("--home", metavar="FOLDER", callback=_home, help=text("help.home"))]
JsonOption = Annotated[bool, typer.Option("--json", help=text("help.json"))]
JsonlOption = Annotated[bool, typer.Option("--jsonl", help=text("help.jsonl"))]
LimitOption = Annotated[int, typer.Option("--limit", callback=_limit, help=text("help.limit"))]


def group(help_text: str) -> typer.Typer:
    """A command of several sub-commands; assign it to the module's `app`."""
    return typer.Typer(help=help_text, add_completion=False, rich_markup_mode=None)


def emit(document: Any, *, as_json: bool, table: str | tables.Table | Callable[[], str | tables.Table]) -> None:
    """Write a result: the document as JSON, or its text or table (made only if it is needed)."""
    if as_json:
        write(json_text(document) + "\n")
        return
    shown = table() if callable(table) else table
    if isinstance(shown, str):
        write(shown + "\n")
    else:
        write_table(shown)


def emit_rows(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    *,
    columns: Mapping[str, str],
    right: Sequence[str] = (),
    total: int | None = None,
    limit: int = DEFAULT_LIMIT,
    as_json: bool = False,
    as_jsonl: bool = False,
    title: str = "",
    counted: bool = True,
) -> None:
    """Write a list. `columns` maps a row's key to its heading, `right` names the keys that align right.

    JSON is `{name: [...], "total": n, "limit": n}` with whole rows; --jsonl ignores the limit and holds one row at a
    time. `total` is the count of all rows, where `rows` was already cut; None: as many as `rows` has. Where counting all
    costs too much (`counted` False) `rows` holds one more than the limit if there are more, and the total is null then.
    """
    if as_jsonl:
        for row in rows:
            write(escaped(msgspec.json.encode(row, enc_hook=plain).decode()) + "\n")
        return
    if total is None:
        rows = list(rows)
        total = len(rows)
    shown = list(islice(rows, limit) if limit else rows)
    more = total > len(shown)
    if as_json:
        write(json_text({name: shown, "total": total if counted or not more else None, "limit": limit}) + "\n")
        return
    if not shown:
        note(text("list.none"))
        return
    cells = [[row.get(key) for key in columns] for row in shown]
    headings = list(columns.values())
    write_table(tables.make(headings, cells, right=[columns[key] for key in right], title=title))
    if more and counted:
        note(text("list.more", shown=len(shown), total=total))
    elif more:
        note(text("list.uncounted", shown=len(shown), last=shown[-1]["id"]))


def refusal_documents(refused: Sequence[BadInput]) -> list[dict[str, Any]]:
    """Refused records for a JSON document, each in the one shape of an error: kind, reason, advice, location."""
    return [error_document(error)["error"] for error in refused]


def tell_refusals(refused: Sequence[BadInput], shown: int = 10) -> None:
    """The first refused records on stderr, one a line, and how many more there are."""
    for error in refused[:shown]:
        note(text("error.line", reason=error))
    if len(refused) > shown:
        note(text("refused.more", count=len(refused) - shown))


def json_text(document: Any) -> str:
    """The document as indented JSON. Takes plain types, msgspec structs, dataclasses, paths; bytes become base64."""
    return escaped(msgspec.json.format(msgspec.json.encode(document, enc_hook=plain), indent=2).decode())


def plain(value: Any) -> Any:
    """For msgspec: a type it lacks as one it has."""
    if isinstance(value, Path):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} has no JSON form")


def write(content: str) -> None:
    """To standard output, as it is."""
    sys.stdout.write(content)


def note(content: str) -> None:
    """A remark of one line for the person, on stderr: never part of the result. It may quote anything from outside."""
    sys.stdout.flush()  # so that the two stand in order on a terminal
    sys.stderr.write(tables.printable(content) + "\n")


def write_table(shown: tables.Table) -> None:
    """To a terminal by Rich, which fits the columns to its width; else as aligned plain text."""
    if not sys.stdout.isatty():
        write(tables.render(shown) + "\n")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=shown.title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for heading in shown.headings:
        grid.add_column(heading.title, justify=heading.align, overflow="fold")
    for row in shown.rows:
        grid.add_row(*(Text(cell) for cell in row))
    Console().print(grid)


class Step(Protocol):
    """Tells how far the work is: `done` of the total, what else to show beside the bar, a total that changed."""

    def __call__(self, done: int, remark: str = "", total: int | None = None) -> None: ...


SHOW_AFTER = 1.0  # seconds of work before a bar appears


@contextmanager
def progress(label: str, *, total: int | None = None, unit: str = "", quiet: bool = False) -> Iterator[Step]:
    """A progress bar on stderr for work of more than a second; silent when quiet (--json) or not a terminal.

    `unit` "bytes" shows sizes; any other stands after the counts. Call the step as often as you like.
    """
    if quiet or not sys.stderr.isatty():
        yield _unseen
        return
    bar = _Bar(label, total, unit)
    try:
        yield bar.step
    finally:
        bar.stop()


def _unseen(done: int, remark: str = "", total: int | None = None) -> None:
    del done, remark, total


class _Bar:
    def __init__(self, label: str, total: int | None, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._begun = time.monotonic()
        self._live: Any = None
        self._task: Any = None

    def step(self, done: int, remark: str = "", total: int | None = None) -> None:
        self._total = self._total if total is None else total
        if self._live is None:
            if time.monotonic() - self._begun < SHOW_AFTER:
                return
            self._show()
        self._live.update(self._task, completed=done, total=self._total, remark=remark)

    def _show(self) -> None:
        from rich import progress as rich_progress
        from rich.console import Console
        from rich.table import Column

        whole = Column(no_wrap=True)  # on a narrow terminal the bar and the remark give way, not the numbers
        counted: rich_progress.ProgressColumn = rich_progress.DownloadColumn(binary_units=False, table_column=whole)
        if self._unit != "bytes":
            counted = rich_progress.TextColumn("{task.completed:,} " + self._unit)
        self._live = rich_progress.Progress(
            rich_progress.TextColumn("{task.description}", markup=False),
            rich_progress.BarColumn(bar_width=16),
            rich_progress.TaskProgressColumn(),
            counted,
            rich_progress.TextColumn("{task.fields[remark]}", markup=False, table_column=Column()),
            rich_progress.TimeElapsedColumn(table_column=whole),
            rich_progress.TimeRemainingColumn(table_column=whole),
            console=Console(stderr=True),
            transient=True,
        )
        self._live.start()
        self._task = self._live.add_task(self._label, total=self._total, remark="")

    def stop(self) -> None:
        if self._live is not None:
            self._live.stop()
