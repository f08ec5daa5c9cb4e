"""`haechi sync`: give peers what policy allows, pull what they gave, compare receipts."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Annotated, Any

import typer

from haechi.cli.failure import error_document
from haechi.cli.output import HomeOption, JsonlOption, JsonOption, Step, emit_rows, note, progress
from haechi.messages.catalogue import text
from haechi.model.errors import UsageError
from haechi.node import sync
from haechi.node.home import Home, find_home
from haechi.node.sync import Synced

HELP = text("help.sync.command")


def command(
    peer: Annotated[str, typer.Argument(help=text("help.sync.peer"))] = "",
    watch: Annotated[bool, typer.Option("--watch", help=text("help.sync.watch"))] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", help=text("help.sync.every"))] = 60.0,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Sync once, or again and again, and write what was done."""
    if every < 1:
        raise UsageError("sync.every")
    node = Home.open(find_home(home))
    if watch:
        _watch(node, peer, every, lines=as_json or as_jsonl)
        return
    with progress(text("sync.progress"), unit=text("sync.rows"), quiet=as_json or as_jsonl) as step:
        done = sync.run(node, peer, told=_Counted(step))
    _write(done, as_json=as_json, as_jsonl=as_jsonl)
    status = max((one.status for one in done), default=0)
    if status:
        raise typer.Exit(status)


class _Counted:
    """Adds up what the threads tell."""

    def __init__(self, step: Step) -> None:
        self._step, self._rows = step, dict[str, int]()

    def __call__(self, name: str, rows: int) -> None:
        self._rows[name] = rows
        self._step(sum(self._rows.values()), name)


def _watch(node: Home, peer: str, every: float, *, lines: bool) -> None:
    with _stopping() as stop:
        for done in sync.watch(node, peer, every=every, stop=stop):
            _write(done, as_json=False, as_jsonl=lines)


@contextmanager
def _stopping() -> Iterator[Event]:
    """An event that SIGINT and SIGTERM set: what is under way is finished first."""
    stop = Event()
    before = {one: signal.signal(one, lambda *_: stop.set()) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _write(done: list[Synced], *, as_json: bool, as_jsonl: bool) -> None:
    plain = as_json or as_jsonl
    rows = [_document(one) if plain else {**_document(one), "receipts": _said(one)} for one in done]
    columns = {key: text(f"sync.{key}") for key in ("peer", "objects", "withdrawn", "refused", "receipts")}
    emit_rows(
        "peers",
        rows,
        columns=columns,
        right=["objects", "withdrawn", "refused"],
        limit=0,
        as_json=as_json,
        as_jsonl=as_jsonl,
    )
    for line in () if plain else (line for one in done for line in _remarks(one)):
        note(line)


def _said(one: Synced) -> str:
    if one.error is not None:
        return text("sync.failed")
    return text("sync.agreed") if one.agreed else text("sync.differ")


def _remarks(one: Synced) -> Iterator[str]:
    if one.error is not None:
        yield text("sync.error", peer=one.peer, error=one.error)
    for agreement in one.agreements:
        for reason in agreement.reasons:
            yield text("sync.reason", peer=one.peer, collection=agreement.collection, reason=reason)
    if one.missing:
        yield text("sync.missing", peer=one.peer, count=len(one.missing), ids=", ".join(one.missing[:10]))
    if one.unknown:
        yield text("sync.unknown", peer=one.peer, count=len(one.unknown), rows=", ".join(map(str, one.unknown[:10])))
    if one.refused:
        yield text("sync.not_taken", peer=one.peer, count=one.refused)


def _document(one: Synced) -> dict[str, Any]:
    return {
        "peer": one.peer,
        "uuid": one.uuid,
        "rows": one.rows,
        "objects": one.objects,
        "refused": one.refused,
        "withdrawn": one.withdrawn,
        "missing": one.missing,
        "unknown": one.unknown,
        "agreed": one.agreed,
        "receipts": [
            {
                "collection": each.collection,
                "rows": each.size,
                "root": each.root,
                "agreed": each.agreed,
                "reasons": [str(reason) for reason in each.reasons],
            }
            for each in one.agreements
        ],
        "error": None if one.error is None else error_document(one.error)["error"],
    }
