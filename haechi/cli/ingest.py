"""`haechi ingest`: logs into the lake, matched as they come in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from haechi.cli.output import HomeOption, JsonOption, emit, note, progress
from haechi.messages.catalogue import text
from haechi.node.home import Home, find_home
from haechi.report import table
from haechi.report.format import size

HELP = text("help.ingest.command")

if TYPE_CHECKING:
    from haechi.node.ingest import FileResult, IngestResult

PathsArgument = Annotated[list[str], typer.Argument(metavar="FILE|FOLDER|-...", help=text("help.ingest.paths"))]
FormatOption = Annotated[str, typer.Option("--format", metavar="NAME", help=text("help.ingest.format"))]
SensorOption = Annotated[str, typer.Option("--sensor", metavar="NAME", help=text("help.ingest.sensor"))]
ObserverOption = Annotated[str, typer.Option("--observer", metavar="PARTY", help=text("help.ingest.observer"))]
ZoneOption = Annotated[str, typer.Option("--zone", metavar="ZONE", help=text("help.ingest.zone"))]
MappingOption = Annotated[Path | None, typer.Option("--mapping", metavar="FILE", help=text("help.ingest.mapping"))]
AgainOption = Annotated[bool, typer.Option("--again", help=text("help.ingest.again"))]


def command(
    paths: PathsArgument,
    format_name: FormatOption = "auto",
    sensor: SensorOption = "default",
    observer: ObserverOption = "",
    zone: ZoneOption = "",
    mapping: MappingOption = None,
    again: AgainOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ingest the logs and write what came of each; exit status 1 if any of it was refused or wasn't read.

    A last line that is still being written is no fault: it is told, and read next time.
    """
    opened = Home.open(find_home(home))
    from haechi.node.ingest import IngestProgress, ingest

    with progress(text("ingest.label"), unit="bytes", quiet=as_json) as step:
        committed = 0

        def show(at: IngestProgress) -> None:
            nonlocal committed
            committed = at.committed
            rate = at.events / max(at.seconds, 1e-9)
            remark = text("ingest.remark", events=at.events, rate=rate, sightings=at.sightings, refused=at.quarantined)
            step(at.bytes, remark, at.total_bytes)

        try:
            result = ingest(
                opened,
                paths,
                format=format_name,
                sensor=sensor,
                observer=observer,
                zone=zone,
                mapping=mapping,
                again=again,
                progress=show,
            )
        except KeyboardInterrupt:
            note(text("ingest.stopped", events=committed))
            raise
    opened.close()
    result = _worded(result)
    emit(
        result,
        as_json=as_json,
        table=lambda: table.make(
            [
                text("ingest.heading." + key)
                for key in ("path", "reader", "events", "sightings", "quarantined", "blank", "read")
            ],
            [
                [
                    f.path,
                    f.reader or "-",
                    f"{f.events:,}",
                    f"{f.sightings:,}",
                    f"{f.quarantined:,}",
                    f"{f.blank:,}",
                    size(f.bytes),
                ]
                for f in result.files
            ],
            right=[text("ingest.heading." + key) for key in ("events", "sightings", "quarantined", "blank", "read")],
        ),
    )
    for remark in _remarks(
        result.files, by_content=format_name == "auto" and mapping is None, mapped=mapping is not None
    ):
        note(remark)
    note(
        text("ingest.done", events=result.events, sightings=result.sightings, quarantined=result.quarantined,
             seconds=result.seconds, rate=result.events / max(result.seconds, 1e-9))
    )  # fmt: skip
    if result.quarantined:
        note(text("ingest.see_quarantine"))
    if result.quarantined or any(f.problem for f in result.files):
        raise typer.Exit(1)


def _worded(result: "IngestResult") -> "IngestResult":
    """The result with the sentence in place of its id that says how each log was recognised."""
    files = (msgspec.structs.replace(file, why=text(file.why) if file.why else "") for file in result.files)
    return msgspec.structs.replace(result, files=tuple(files))


def _remarks(files: Sequence["FileResult"], *, by_content: bool, mapped: bool) -> Iterator[str]:
    """What a person should know of each log beside the counts; how it was recognised once for each format and reason."""
    if by_content:
        shown = {(f.reader, f.why): f.path for f in files if f.events or f.quarantined}
        for (reader, why), path in shown.items():
            yield text("ingest.recognised", path=path, reader=reader, why=why)
    for file in files:
        if file.problem:
            yield text("error.line", reason=file.problem)
        elif not file.reader:
            yield text("ingest.empty", path=file.path)
        elif file.same:
            yield text("ingest.same", path=file.path, other=file.same)
        elif file.already and not file.bytes:
            yield text("ingest.already", path=file.path, size=size(file.already))
        if file.before:
            how = "csv --mapping FILE" if mapped else file.reader
            yield text("ingest.before", path=file.path, before=file.before, how=how)
        if file.dark:
            yield text("ingest.dark", path=file.path, dark=file.dark, events=file.events, reader=file.reader)
        if file.left:
            yield text("ingest.left", path=file.path, count=file.left)
