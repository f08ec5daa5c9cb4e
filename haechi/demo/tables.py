"""The demo's outcome as tables and sentences."""

import sys
from pathlib import Path

from haechi.demo.score import Row
from haechi.demo.story import Outcome
from haechi.demo.world import SIDES
from haechi.messages.catalogue import text
from haechi.report import table as tables
from haechi.report.table import Table

STAGES = {
    "compile": "demo.stage_compile",
    "write": "demo.stage_write",
    "nodes": "demo.stage_nodes",
    "exchange": "demo.stage_exchange",
    "score": "demo.stage_score",
}
FIGURES = ("planted", "known", "shared", "found", "missed", "unknown", "other_knew", "wrong")


def campaigns(outcome: Outcome) -> Table:
    """What was planted and what was found: a row a campaign and side."""
    headings = [text(f"demo.heading_{name}") for name in ("campaign", "actor", "side", *FIGURES)]
    rows: list[list[object]] = []
    by_campaign: dict[str, list[Row]] = {}
    for side in outcome.scores:
        for row in side.rows:
            by_campaign.setdefault(row.campaign, []).append(row)
    for group in by_campaign.values():
        for row in group:
            first = row is group[0]
            rows.append(
                [
                    row.title if first else "",
                    _actor(row) if first else "",
                    row.country,
                    *(f"{getattr(row, name):,}" for name in FIGURES),
                ]
            )
    for side in outcome.scores:
        totals = [f"{sum(getattr(row, name) for row in side.rows):,}" for name in FIGURES]
        rows.append([text("demo.all"), "", side.country, *totals])
        rows.append([text("demo.clean"), "", side.country, *[""] * (len(FIGURES) - 1), f"{side.false:,}"])
    return tables.make(headings, rows, right=headings[3:], title=text("demo.title_campaigns"))


def _actor(row: Row) -> str:
    if row.kind == "actor":
        return row.actor
    return text("demo.unknown") if row.kind == "unknown" else text("demo.false_flag", actor=row.actor)


def nodes(outcome: Outcome) -> Table:
    """What each node took in and what it cost: a row a node, each with its own scope."""
    names = ("side", "events", "log_size", "log_seconds", "rate", "indicators", "list_seconds", "suppressed")
    headings = [text(f"demo.heading_{name}") for name in (*names, "sightings", "quarantined", "memory")]
    rows = [
        [
            node.country,
            f"{node.events:,}",
            f"{node.size / 1e6:,.0f} MB",
            f"{node.log_seconds:.1f} s",
            f"{node.events / max(node.log_seconds, 1e-9):,.0f}",
            f"{node.indicators:,}",
            f"{node.list_seconds:.1f} s",
            f"{node.suppressed:,}",
            f"{node.sightings:,}",
            f"{node.quarantined:,}",
            f"{node.peak_memory / 1e6:,.0f} MB",
        ]
        for node in outcome.nodes
    ]
    return tables.make(headings, rows, right=headings[1:], title=text("demo.title_nodes"))


def plan(small: bool) -> str:
    """What the demo is about to do, and what of it is synthetic."""
    scale = text("demo.scale_small") if small else text("demo.scale_whole")
    lines = [text("demo.will", scale=scale), *_scopes(), text("demo.synthetic")]
    return "\n".join(lines)


def _scopes() -> list[str]:
    # Two countries' figures of different years and scopes: told one by one, never summed.
    return [text("demo.scope", side=s.country, events=f"{s.events:,}", scope=text(s.scope)) for s in SIDES.values()]


def closing(outcome: Outcome) -> str:
    """What the table says in a sentence a side, how long it took, how to look further."""
    lines = []
    for side in outcome.scores:
        lost = sum(row.other_knew for row in side.rows)
        lines.append(text("demo.lost", side=side.country, events=f"{lost:,}"))
    lines.append(
        text(
            "demo.took",
            write=outcome.write_seconds,
            nodes=outcome.node_seconds,
            exchange=outcome.exchange_seconds,
            seconds=outcome.seconds,
        )
    )
    lines.append(text("demo.further"))
    lines += [f"  {called()} --home {node.home} sightings" for node in outcome.nodes]
    return "\n".join(lines)


def called() -> str:
    """The command as it was called, so that the line can be typed as it stands (`make demo` calls .venv/bin/haechi)."""
    return sys.argv[0] if Path(sys.argv[0]).name == "haechi" else "haechi"
