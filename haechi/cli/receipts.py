"""`haechi receipts`: how we stand with each peer, collection by collection, and what was confirmed."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit_rows, json_text, note, write
from haechi.messages.catalogue import catalogue, language, text
from haechi.node import receipts
from haechi.node.home import Home, find_home
from haechi.node.receipts import NotTaken, Report, Standing, Word
from haechi.report.format import time

HELP = text("help.receipts.command")
_DISAGREES = 4  # not verified


def command(
    peer: Annotated[str, typer.Argument(help=text("help.receipts.peer"))] = "",
    limit: LimitOption = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
) -> None:
    """Write the receipts, the peers' words on withdrawals, and what could not be taken."""
    found = receipts.report(Home.open(find_home(home)), peer, limit=0 if as_jsonl else limit)
    if as_json:
        write(json_text(_document(found, limit)) + "\n")
    elif as_jsonl:
        rows = [
            *({"kind": "receipt", **_standing(one)} for one in found.standings),
            *({"kind": "withdrawal", **_word(one)} for one in found.words),
            *({"kind": "refused", **_refused(one)} for one in found.refused),
        ]
        emit_rows("receipts", rows, columns={}, as_jsonl=True)
    else:
        _tables(found, limit)
    if any(one.agreed is False for one in found.standings):
        raise typer.Exit(_DISAGREES)


def _tables(found: Report, limit: int) -> None:
    columns: tuple[str, ...] = ("peer", "direction", "collection", "rows", "objects", "state", "at", "root")
    rows = [
        {
            **_standing(one),
            "direction": text(f"receipts.{one.direction}"),
            "state": _state(one),
            "at": time(one.at),
            "root": one.root[:16],
        }
        for one in found.standings
    ]
    emit_rows("receipts", rows, columns=_headings(columns), right=["rows", "objects"], limit=limit)
    if found.words:
        shown = [
            {**_word(one), "withdrawn": time(one.withdrawn_at), "word": _said(one), "cannot": "; ".join(_cannot(one))}
            for one in found.words
        ]
        columns = ("peer", "seq", "withdrawn", "word", "cannot")
        title = text("receipts.words")
        emit_rows("withdrawals", shown, columns=_headings(columns), right=["seq"], limit=limit, title=title)
    if found.refused:
        refused = [{**_refused(one), "reason": "; ".join(map(str, one.reasons))} for one in found.refused]
        columns = ("peer", "seq", "object_id", "reason")
        title = text("receipts.refused")
        emit_rows("refused", refused, columns=_headings(columns), right=["seq"], limit=limit, title=title)
    for line in _remarks(found):
        note(line)


def _headings(names: tuple[str, ...]) -> dict[str, str]:
    return {name: text(f"receipts.heading.{name}") for name in names}


def _state(one: Standing) -> str:
    if one.agreed is None:
        return text("receipts.none_yet")
    return text("receipts.agreed") if one.agreed else text("receipts.differ")


def _said(one: Word) -> str:
    """The peer's word, as what it is."""
    if one.confirmed_at is None:
        return text("receipts.no_word")
    return text("receipts.its_word", at=time(one.confirmed_at))


def _cannot(one: Word) -> Iterator[str]:
    """What the peer can't take back; a code of another's that we have no text for is shown as it is."""
    for code, count in one.cannot.items():
        name = f"receipts.cannot.{code}"
        yield text(name, count=count) if name in catalogue(language()) else f"{code}: {count}"


def _remarks(found: Report) -> Iterator[str]:
    if found.unconfirmed:
        yield text("receipts.unconfirmed", count=found.unconfirmed)
    for one in found.standings:
        if one.apart:
            yield text("receipts.apart", peer=one.peer, collection=one.collection, count=one.apart)
    for name, state in found.states.items():
        if state.failures:
            yield text("receipts.failing", peer=name, count=state.failures, at=time(state.tried_at))


def _standing(one: Standing) -> dict[str, Any]:
    return {
        "peer": one.peer,
        "direction": one.direction,
        "collection": one.collection,
        "rows": one.rows,
        "objects": one.objects,
        "apart": one.apart,
        "root": one.root,
        "agreed": one.agreed,
        "at": one.at,
        "ours": one.ours,
        "theirs": one.theirs,
    }


def _word(one: Word) -> dict[str, Any]:
    return {
        "peer": one.peer,
        "seq": one.seq,
        "withdrawn_at": one.withdrawn_at,
        "confirmed_at": one.confirmed_at,
        "cannot": one.cannot,
        "word": one.word,
    }


def _refused(one: NotTaken) -> dict[str, Any]:
    reasons = [str(reason) for reason in one.reasons]
    return {
        "peer": one.peer, "seq": one.seq, "collection": one.collection, "object_id": one.object_id, "reasons": reasons
    }  # fmt: skip


def _document(found: Report, limit: int) -> dict[str, Any]:
    return {
        "receipts": [_standing(one) for one in found.standings],
        "withdrawals": [_word(one) for one in found.words],
        "unconfirmed": found.unconfirmed,
        "refused": [_refused(one) for one in found.refused],
        "limit": limit,
    }
