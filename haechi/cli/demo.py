"""`haechi demo`: two nodes, a day of both countries' attacks, end to end."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from haechi.cli.output import JsonOption, emit, note, progress, write, write_table
from haechi.messages.catalogue import text

if TYPE_CHECKING:
    from haechi.demo.story import Outcome

HELP = text("help.demo.command")

SmallOption = Annotated[bool, typer.Option("--small", help=text("help.demo.small"))]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**31, help=text("help.demo.seed"))]
FolderOption = Annotated[Path, typer.Option("--home", metavar="FOLDER", help=text("help.demo.home"))]
KeepOption = Annotated[bool, typer.Option("--keep", help=text("help.demo.keep"))]


def command(
    small: SmallOption = False,
    seed: SeedOption = 7,
    home: FolderOption = Path("demo-home"),
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """Play the day and write what was found; `NotVerified` where that isn't what it must be."""
    from haechi.demo import chapter, story, tables
    from haechi.demo.report import Line, Progress
    from haechi.demo.world import SIDES
    from haechi.model.errors import NotVerified

    settings = story.Settings(folder=home, seed=seed, small=small, keep=keep)
    if not as_json:
        for line in tables.plan(small).splitlines():
            note(line)
    read: dict[str, int] = {}
    wanted = sum(settings.events(country) for country in SIDES)
    with progress(text("demo.playing"), total=wanted, unit=text("demo.unit"), quiet=as_json) as step:

        def tell(stage: str, line: Line | None) -> None:
            if isinstance(line, Progress):
                read[line.country] = line.events
            step(sum(read.values()), text(tables.STAGES[stage]))

        outcome = story.play(settings, tell)
    if as_json:
        emit(outcome, as_json=True, table="")
    else:
        write_table(tables.campaigns(outcome))
        write("\n")
        write_table(tables.nodes(outcome))
        _exchange(outcome)
        write("\n" + tables.closing(outcome) + "\n")
        for problem in (problem for node in outcome.nodes for problem in node.problems):
            note(text("error.line", reason=problem))
        for fault in chapter.faults(outcome.exchange):
            note(text("error.line", reason=fault))
    if outcome.unread or outcome.missed or outcome.wrong:
        raise NotVerified("demo.not_well", unread=outcome.unread, missed=outcome.missed, wrong=outcome.wrong)
    if outcome.exchange.faults:
        raise NotVerified("demo.exchange", count=len(outcome.exchange.faults))


def _exchange(outcome: "Outcome") -> None:
    """The chapter on exchange: the steps, the receipts, and what it is all for."""
    from haechi.demo import chapter, tables

    shared = outcome.exchange
    home = next(node.home for node in outcome.nodes if node.country == shared.taker)
    write("\n" + text("demo.exchange.title") + "\n")
    write(chapter.story(shared, tables.called(), home) + "\n\n")
    write_table(chapter.receipts(shared))
    write("\n" + chapter.headline(shared) + "\n")
