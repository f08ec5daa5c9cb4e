"""`haechi demo`: two nodes, a day of both countries' attacks, end to end."""

from pathlib import Path
from typing import Annotated

import typer

from haechi.cli.output import JsonOption, emit, note, progress, write, write_table
from haechi.report.messages import text

SmallOption = Annotated[bool, typer.Option("--small", help="The 1/100th part: under 20 seconds.")]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, max=2**31, help="Another seed, another day; same seed, same day.")
]
FolderOption = Annotated[
    Path, typer.Option("--home", metavar="FOLDER", help="Where both nodes' homes go; an earlier demo's is replaced.")
]
KeepOption = Annotated[bool, typer.Option("--keep", help="Keep the log files and lists that were written.")]


def command(
    small: SmallOption = False,
    seed: SeedOption = 7,
    home: FolderOption = Path("demo-home"),
    keep: KeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """Play a day of both countries' attacks on two nodes: logs written, lists added, matched, and what was found.

    All traffic, indicators and organisations are synthetic. Exit status 4 if an attack that a node's lists named in
    time was missed, or something was sighted that wasn't there.
    """
    from haechi.demo import story, tables
    from haechi.demo.report import Line, Progress
    from haechi.demo.world import SIDES
    from haechi.model.errors import NotVerified

    settings = story.Settings(folder=home, seed=seed, small=small, keep=keep)
    if not as_json:
        note(tables.plan(small))
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
        write("\n" + tables.closing(outcome) + "\n")
        for problem in (problem for node in outcome.nodes for problem in node.problems):
            note(text("error.line", reason=problem))
    if outcome.unread or outcome.missed or outcome.wrong:
        faults = text("demo.not_well", unread=outcome.unread, missed=outcome.missed, wrong=outcome.wrong)
        raise NotVerified(faults, advice=text("demo.report_it"))
