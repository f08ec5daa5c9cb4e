"""The chapter on exchange as a person reads it: what was given and what not, what it made visible, what was taken back."""

from typing import Any

from haechi.demo.exchange import EVENING, MORNING, Exchange
from haechi.demo.report import Receipt
from haechi.messages.catalogue import text
from haechi.report import table as tables
from haechi.report.table import Table


def headline(exchange: Exchange) -> str:
    """The one figure: what was seen in the taker's networks only because the giver shared."""
    ended = exchange.ended
    return text(
        "demo.exchange.headline",
        taker=exchange.taker,
        giver=exchange.giver,
        sightings=f"{ended.sightings:,}",
        sectors=_counted(ended.sectors),
    )


def story(exchange: Exchange, called: str, home: str) -> str:
    """The steps in order, each with its hour. `called` is the command as it was called, `home` the taker's."""
    began, ended = exchange.began, exchange.ended
    sides = {"giver": exchange.giver, "taker": exchange.taker}
    source = f"'{ended.source}'" if " " in ended.source else ended.source
    lines = [
        _at(MORNING, "trust", code=began.code, **sides),
        _at(MORNING, "left", count=f"{sum(began.left.values()):,}", types=_counted(began.left), **sides),
        *(
            f"         {text('demo.exchange.stayed', count=f'{one.count:,}', reason=one.reason)}"
            for one in began.stayed
        ),
        _at(MORNING, "received", count=f"{began.received:,}", refused=began.refused, **sides),
        _at(MORNING, "agreed" if began.agreed else "disagreed"),
        _at(EVENING, "matched", events=f"{ended.events:,}", indicators=ended.indicators, **sides),
        *(f"         {id}" for id in ended.evidence),
        f"         {text('demo.exchange.all')} {called} --home {home} sightings --only-by {source}",
        _at(EVENING, "back", events=f"{sum(ended.words.values()):,}", words=_counted(ended.words, "; "), **sides),
        _at(EVENING, "named", count=ended.named, **sides),
        _at(EVENING, "withdrawn", mistaken=ended.mistaken, count=ended.withdrawn, **sides),
        _at(EVENING, "confirmed", count=ended.confirmed, **sides),
    ]
    return "\n".join(lines)


def _at(hour: int, step: str, **arguments: Any) -> str:
    return f"  {hour:02d}:00  {text(f'demo.exchange.{step}', **arguments)}"


def _counted(counts: dict[str, int], between: str = ", ") -> str:
    named = (f"{name or text('demo.exchange.nowhere')} {count:,}" for name, count in counts.items())
    return between.join(named) or text("demo.exchange.none")


def receipts(exchange: Exchange) -> Table:
    """Both sides' receipts: a row for what one side sent, with what the other says of it."""
    names = ("collection", "sender", "rows", "sent", "received", "agreed")
    headings = [text(f"demo.exchange.heading_{name}") for name in names]
    held = {(one.country, one.direction, one.collection): one for one in exchange.ended.receipts}
    other = {exchange.giver: exchange.taker, exchange.taker: exchange.giver}
    rows = [
        _row(one, held.get((other[country], "received", collection)))
        for (country, direction, collection), one in held.items()
        if direction == "sent"
    ]
    return tables.make(headings, rows, right=headings[2:3], title=text("demo.exchange.receipts"))


def _row(sent: Receipt, received: Receipt | None) -> list[str]:
    agreed = received is not None and sent.agreed is received.agreed is True and sent.root == received.root
    root = "" if received is None else received.root[:16]
    said = text("demo.exchange.agree" if agreed else "demo.exchange.differ")
    return [sent.collection, sent.country, f"{sent.rows:,}", sent.root[:16], root, said]


def faults(exchange: Exchange) -> list[str]:
    """What doesn't hold, in words."""
    return [text(f"demo.exchange.fault.{name}") for name in exchange.faults]
