"""`haechi lookup`: everything known about a value or an id."""

import sys
from collections.abc import Iterator
from datetime import date, datetime
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.failure import error_document
from haechi.cli.output import HomeOption, JsonOption, emit, note
from haechi.model.errors import BadInput, NotFound
from haechi.model.indicator import Assertion, Verdict
from haechi.node.home import Home, find_home
from haechi.node.lookup import Known, Thing, lookup_all
from haechi.report import format as formats
from haechi.report import record
from haechi.report import table as tables
from haechi.report.messages import text

HELP = text("help.lookup.command")

_MOST_INPUT = 100_000  # values from standard input


def command(
    values: Annotated[list[str], typer.Argument(metavar="VALUE|ID...|-", help=text("help.lookup.values"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look up each word and write what is known of it; exit status 1 if one is neither a value nor an id."""
    asked = [line.strip() for line in sys.stdin if line.strip()][:_MOST_INPUT] if values == ["-"] else values
    found = lookup_all(Home.open(find_home(home)), asked)
    errors = [one for one in found if not isinstance(one, Thing)]
    documents = [_document(one) if isinstance(one, Thing) else error_document(one) for one in found]
    emit({"lookup": documents}, as_json=as_json, table=lambda: _shown(found))
    if errors:
        raise typer.Exit(BadInput.exit_status)


def _document(thing: Thing) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(thing, builtin_types=(datetime, date, bytes))
    if thing.record is not None:
        from haechi.cli.sightings import opened_document

        document["record"] = opened_document(thing.record)
    for known, shown in zip(thing.values, document["values"], strict=True):
        for assertion, said in zip(known.assertions, shown["assertions"], strict=True):
            said["marking"] = assertion.marking.label
            said["pap"] = None if assertion.pap is None else assertion.pap.label
    return document


def _shown(found: list[Thing | BadInput | NotFound]) -> str:
    parts: list[str] = []
    for one in found:
        if not isinstance(one, Thing):
            note(text("error.line", reason=tables.printable(str(one))))
        elif one.party is not None:
            parts.append(_pairs(msgspec.to_builtins(one.party)))
        elif one.record is not None:
            parts.append("\n".join(_record(one.record)))
        else:
            parts += [_value(known) for known in one.values]
    return "\n\n".join(parts)


def _record(document: dict[str, Any]) -> Iterator[str]:
    if "event" in document or "raw_from" in document:
        from haechi.cli.sightings import record_lines

        yield from record_lines(document)
        return
    yield from record.fields({name: value for name, value in document.items() if name != "raw"}, times=("read_at",))
    yield "  " + record.raw_text(document["raw"])


def _pairs(document: dict[str, Any]) -> str:
    rows = [
        [name, ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value]
        for name, value in document.items()
    ]
    return tables.render(tables.make([text("lookup.field"), text("lookup.value")], rows))


def _value(known: Known) -> str:
    named = f"value:{known.value.id}" if known.value else text("lookup.not_named")
    title = f"{tables.printable(known.text)}  ({known.type}, {named})"
    lines = [text("lookup.covers", asked=tables.printable(known.asked), value=title) if known.covers else title]
    lines += ["  " + text("lookup.kept_out", list=name) for name in known.kept_out]
    lines += ["  " + text("lookup.shown", list=name) for name in known.shown]
    seen = known.sightings
    if known.value:
        span = {"first": formats.time(seen.first), "last": formats.time(seen.last)}
        lines.append("  " + (text("lookup.sighted", count=seen.count, **span) if seen.count else text("lookup.unseen")))
    lines += [_verdict(verdict) for verdict in known.verdicts]
    if known.assertions:
        headings = [text(f"lookup.{name}") for name in ("source", "marking", "known", "valid", "says", "gone")]
        lines.append(tables.render(tables.make(headings, [_assertion(one) for one in known.assertions])))
    return "\n".join(lines)


def _verdict(verdict: Verdict) -> str:
    by, evidence = tables.printable(verdict.by), tables.printable(verdict.evidence)
    at = formats.time(verdict.at)
    return "  " + text("lookup.verdict", verdict=verdict.verdict, at=at, by=by, evidence=evidence)


def _assertion(one: Assertion) -> list[str]:
    context = one.context
    said = [*context.actors, *context.malware, *context.campaigns]
    shown = ", ".join(said) or context.description or ", ".join(context.references[:1])
    valid = "" if one.valid_from is None and one.valid_until is None else _span(one.valid_from, one.valid_until)
    how = "" if one.known_how == "observed" else f" ({one.known_how})"
    gone = "" if one.gone_at is None else f"{formats.time(one.gone_at)}: {one.gone_why}"
    marking = one.marking.label + (f" {one.pap.label}" if one.pap is not None else "")
    return [one.source, marking, formats.time(one.known_at) + how, valid, shown[:100], gone]


def _span(first: int | None, last: int | None) -> str:
    return f"{formats.time(first) if first is not None else ''} - {formats.time(last) if last is not None else ''}"
