"""`haechi doctor`: checks of this machine and the node."""

import os
from pathlib import Path

import typer

from haechi.cli.output import HomeOption, JsonOption, emit, note
from haechi.messages.catalogue import text
from haechi.model.clock import SystemClock
from haechi.model.errors import NodeCannot
from haechi.node import doctor
from haechi.node.home import find_home
from haechi.report import table as tables

HELP = text("help.doctor.command")


def command(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Write all checks, those of the node where there is a home."""
    checks = doctor.examine(_home(home), SystemClock())
    state = doctor.worst(checks)
    emit({"state": state, "checks": checks}, as_json=as_json, table=lambda: _table(checks))
    if not as_json:
        note(text({"ok": "doctor.all_well", "warn": "doctor.worth_a_look", "fail": "doctor.must_act"}[state]))
    if state == "fail":
        raise typer.Exit(NodeCannot.exit_status)


def _home(option: Path | None) -> Path | None:
    """The home to look at, even one that can't be opened; None where nobody named one and the default isn't there."""
    home = find_home(option)
    named = option is not None or "HAECHI_HOME" in os.environ
    return home if named or home.exists() else None


def _table(checks: list[doctor.Check]) -> str:
    headings = [text("doctor.heading_check"), text("doctor.heading_state"), text("doctor.heading_seen")]
    shown = tables.render(tables.make(headings, [[c.name, text(f"doctor.state.{c.state}"), c.seen] for c in checks]))
    advice = [f"{check.name}: {check.advice}" for check in checks if check.advice]
    return "\n".join([shown, "", *advice]) if advice else shown
