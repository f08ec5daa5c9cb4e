"""`haechi lookup`: everything known about a value or an id."""

import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import islice
from typing import Annotated, Any

import msgspec
import typer

from haechi.cli.failure import error_document
from haechi.cli.output import HomeOption, JsonlOption, JsonOption, emit, emit_rows, note, write
from haechi.cli.sightings import opened_document, record_lines, scope_text
from haechi.messages.catalogue import text
from haechi.model.errors import BadInput
from haechi.model.indicator import Assertion, Verdict
from haechi.node.home import Home, find_home
from haechi.node.lookup import Answer, Known, Thing, lookup_all
from haechi.report import format as formats
from haechi.report import record
from haechi.report import table as tables
from haechi.store.catalog.foreign_sightings import Foreign
from haechi.store.catalog.indicator_views import Pattern

HELP = text("help.lookup.command")

MOST_IN_DOCUMENT = 100_000  # answers in one JSON document, which is held in memory


def command(
    values: Annotated[list[str], typer.Argument(metavar="VALUE|ID...|-", help=text("help.lookup.values"))],
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Look up each word and write what is known of it; exit status 1 if one is neither a value nor an id."""
    asked: Iterable[str] = (line.strip() for line in sys.stdin if line.strip()) if values == ["-"] else values
    found = lookup_all(Home.open(find_home(home)), asked)
    tell = _as_lines if as_jsonl else _as_document if as_json else _as_text
    if not tell(found):
        raise typer.Exit(BadInput.exit_status)


def _as_lines(found: Iterator[Answer]) -> bool:
    """One JSON object a line, each as soon as it is known; whether all was answered."""
    well = True
    for one in found:
        well &= isinstance(one, Thing)
        emit_rows("", [_document(one)], columns={}, as_jsonl=True)
    return well


def _as_document(found: Iterator[Answer]) -> bool:
    """One JSON document; whether all was answered."""
    shown = list(islice(found, MOST_IN_DOCUMENT))
    emit({"lookup": [_document(one) for one in shown]}, as_json=True, table="")
    cut = next(found, None) is not None
    if cut:
        note(text("lookup.cut", count=MOST_IN_DOCUMENT))
    return not cut and all(isinstance(one, Thing) for one in shown)


def _as_text(found: Iterator[Answer]) -> bool:
    """For a person, a blank line between things; whether all was answered."""
    well, gap = True, ""
    for one in found:
        if not isinstance(one, Thing):
            well = False
            note(text("error.line", reason=tables.printable(str(one))))
            continue
        for part in _parts(one):
            write(f"{gap}{part}\n")
            gap = "\n"
    return well


def _document(thing: Answer) -> dict[str, Any]:
    if not isinstance(thing, Thing):
        return error_document(thing)
    document: dict[str, Any] = msgspec.to_builtins(thing, builtin_types=(datetime, date, bytes))
    if thing.record is not None:
        document["record"] = opened_document(thing.record)
    for known, shown in zip(thing.values, document["values"], strict=True):
        for assertion, said in zip(known.assertions, shown["assertions"], strict=True):
            said["marking"] = assertion.marking.label
            said["pap"] = None if assertion.pap is None else assertion.pap.label
            said["gone_why"] = _gone_why(assertion)
        for partner, said in zip(known.partners, shown["partners"], strict=True):
            said["marking"] = partner.marking.label
    document["patterns"] = list(map(pattern_document, thing.patterns))
    return document


def pattern_document(one: Pattern) -> dict[str, Any]:
    """A pattern as JSON shows it: why it isn't evaluated in one text, in the reader's language."""
    document = msgspec.structs.asdict(one)
    del document["reasons"]
    return document | {"reason": _reason(one)}


def _reason(one: Pattern) -> str:
    return "; ".join(map(str, one.reasons))


def _gone_why(one: Assertion) -> str:
    return "" if one.gone_why is None else str(one.gone_why)


def _parts(thing: Thing) -> Iterator[str]:
    if thing.party is not None:
        yield _pairs(msgspec.to_builtins(thing.party))
    if thing.sensor is not None:
        yield _pairs(msgspec.to_builtins(thing.sensor))
    if thing.record is not None:
        yield "\n".join(_record(thing.record))
    yield from map(_value, thing.values)
    yield from map(_pattern, thing.patterns)


def _pattern(one: Pattern) -> str:
    title = text("lookup.pattern", source=one.source, type=one.pattern_type, known=formats.time(one.known_at))
    lines = [tables.printable(title), "  " + tables.printable(one.pattern), "  " + tables.printable(_reason(one))]
    if one.gone_at is not None:
        lines.append("  " + text("lookup.pattern_gone", at=formats.time(one.gone_at)))
    return "\n".join(lines)


def _record(document: dict[str, Any]) -> Iterator[str]:
    if "event" in document or "raw_from" in document:
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
    lines += ["  " + scope_text(scope) for scope in known.sightings]
    if known.value and not known.sightings:
        lines.append("  " + text("lookup.unseen"))
    lines += ["  " + _partner(one) for one in known.partners]
    lines += [_verdict(verdict) for verdict in known.verdicts]
    if known.assertions:
        headings = [text(f"lookup.{name}") for name in ("source", "marking", "known", "valid", "says", "gone")]
        lines.append(tables.render(tables.make(headings, [_assertion(one) for one in known.assertions])))
    return "\n".join(lines)


def _partner(one: Foreign) -> str:
    where = [*one.sectors, *([one.country] if one.country else [])]
    times = [at for at in (one.first, one.last) if at is not None]
    told = text(
        f"lookup.partner.{one.kind.value}",
        source=one.source,
        count=formats.number(one.count),
        span=_span(times[0], times[-1]) if times else text("lookup.partner.no_time"),
        where=", ".join(where) or text("lookup.partner.nowhere"),
        marking=one.marking.label,
    )
    return tables.printable(told)


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
    gone = "" if one.gone_at is None else f"{formats.time(one.gone_at)}: {_gone_why(one)}"
    marking = one.marking.label + (f" {one.pap.label}" if one.pap is not None else "")
    return [one.source, marking, formats.time(one.known_at) + how, valid, shown[:100], gone]


def _span(first: int | None, last: int | None) -> str:
    return f"{formats.time(first) if first is not None else ''} - {formats.time(last) if last is not None else ''}"
