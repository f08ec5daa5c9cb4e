"""`haechi peer`: other nodes: find, compare the code, trust, forget; and this node's own key."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit, emit_rows, group, note, write
from haechi.exchange import fingerprint
from haechi.messages.catalogue import text
from haechi.model.errors import UsageError
from haechi.model.release import Relation
from haechi.node import peers, rotation
from haechi.node.home import Home, find_home
from haechi.node.peers import Known, Offer
from haechi.report import format as formats
from haechi.store.catalog.recipients import RecipientRow

app = group(text("help.peer.command"))

Who = Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.peer.who"))]
CodeOption = Annotated[str, typer.Option("--code", metavar="DIGITS", help=text("help.peer.code"))]


@app.command(help=text("help.peer.add.command"))
def add(
    url: Annotated[str, typer.Argument(help=text("help.peer.add.url"))] = "",
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="FILE", help=text("help.peer.add.identity"))
    ] = None,
    relation: Annotated[Relation, typer.Option("--relation", help=text("help.peer.add.relation"))] = Relation.COMMUNITY,
    allow_private: Annotated[bool, typer.Option("--allow-private", help=text("help.peer.add.allow_private"))] = False,
    confirm: Annotated[str, typer.Option("--confirm", metavar="DIGITS", help=text("help.peer.code"))] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a peer; trust it where its code was given or a person says that it was compared."""
    if bool(url) == (identity is not None):
        raise UsageError("peer.url_or_file")
    node = Home.open(find_home(home))
    offer = (
        peers.discover(node, url, allow_private=allow_private) if identity is None else peers.from_file(node, identity)
    )
    if confirm:
        peers.check_code(node, offer.identity.party, confirm, offer.code)
    elif not as_json:
        _show_offer(offer)
    added = peers.add(node, offer, relation=relation)
    if confirm or (added.confirmed_at is None and _compared(as_json=as_json)):
        added = peers.confirm(node, added.uuid, offer.code)
    _tell(added, offer.code, as_json=as_json)


@app.command(name="list", help=text("help.peer.list.command"))
def list_peers(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write the peers by name."""
    found = peers.every(Home.open(find_home(home)))
    rows = [_document(one) if as_json or as_jsonl else _row(one) for one in found]
    keys = ("name", "country", "relation", "key", "confirmed_at", "synced_at", "url")
    columns = {key: text(f"peer.{key}") for key in keys}
    emit_rows("peers", rows, columns=columns, limit=limit, as_json=as_json, as_jsonl=as_jsonl)


@app.command(help=text("help.peer.show.command"))
def show(who: Who, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Write one peer with the code to compare."""
    node = Home.open(find_home(home))
    peer = peers.find(node, who)
    [known] = [one for one in peers.every(node) if one.peer.id == peer.id]
    code = peers.code_of(node, peer)
    emit(
        _document(known) | {"code": code},
        as_json=as_json,
        table=lambda: "\n".join([*(f"{text(f'peer.{k}')}: {v}" for k, v in _row(known).items()), "", _drawn(code)]),
    )


@app.command(help=text("help.peer.confirm.command"))
def confirm(who: Who, code: CodeOption = "", home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Trust a peer whose code was compared."""
    node = Home.open(find_home(home))
    peer = peers.find(node, who)
    shown = peers.code_of(node, peer)
    if not code and not as_json:
        write(_drawn(shown) + "\n")
    if not code and not _compared(as_json=as_json):
        raise UsageError("peer.no_code")
    found = peers.confirm(node, peer.uuid, code or shown)
    _tell(found, shown, as_json=as_json)


@app.command(help=text("help.peer.remove.command"))
def remove(who: Who, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End with a peer."""
    gone = peers.remove(Home.open(find_home(home)), who)
    emit(
        {"name": gone.name, "uuid": gone.uuid, "removed_at": gone.removed_at},
        as_json=as_json,
        table=lambda: text("peer.removed", name=gone.name),
    )


@app.command(help=text("help.peer.identity.command"))
def identity(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Write this node's own identity, signed: the same with and without --json."""
    del as_json
    write(peers.document(Home.open(find_home(home))).decode() + "\n")


@app.command(name="rotate-key", help=text("help.peer.rotate_key.command"))
def rotate_key(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Change this node's own key."""
    node = Home.open(find_home(home))
    said = rotation.rotate(node)
    document = {"old": peers.id_of(bytes.fromhex(said.what.old)), "new": peers.id_of(bytes.fromhex(said.what.new))}
    emit(document, as_json=as_json, table=lambda: text("peer.rotated", **document))


def _drawn(code: str) -> str:
    """The code to read out, and as a QR code."""
    return "\n".join([*fingerprint.lines(code), "", fingerprint.qr(code)])


def _show_offer(offer: Offer) -> None:
    said = offer.identity
    write(text("peer.offered", name=said.name, country=said.country, sector=said.sector, key=said.key_id) + "\n\n")
    write(_drawn(offer.code) + "\n\n")


def _compared(*, as_json: bool) -> bool:
    """Whether a person says that the code was compared; without one nobody is trusted."""
    if as_json or not sys.stdin.isatty():
        return False
    return typer.confirm(text("peer.ask"), err=True)


def _tell(peer: RecipientRow, code: str, *, as_json: bool) -> None:
    document = {
        "name": peer.name,
        "uuid": peer.uuid,
        "country": peer.country,
        "key": peers.id_of(peer.key),
        "url": peer.url,
        "code": code,
        "confirmed_at": peer.confirmed_at,
    }
    id = "peer.added" if peer.confirmed_at is None else "peer.confirmed"
    emit(document, as_json=as_json, table=lambda: text(id, name=peer.name))
    if peer.confirmed_at is None and not as_json:
        note(text("peer.unconfirmed", name=peer.name))


def _document(one: Known) -> dict[str, Any]:
    peer = one.peer
    return {
        "name": peer.name,
        "uuid": peer.uuid,
        "country": peer.country,
        "relation": peer.relation.value,
        "key": peers.id_of(peer.key),
        "next_key": None if peer.next_key is None else peers.id_of(peer.next_key),
        "confirmed_at": peer.confirmed_at,
        "synced_at": one.state.done_at,
        "failures": one.state.failures,
        "url": peer.url,
        "tls_pin": (peer.tls_pin or b"").hex(),
        "allow_private": peer.allow_private,
    }


def _row(one: Known) -> dict[str, Any]:
    document = _document(one)
    shown = ("name", "uuid", "country", "relation", "key", "confirmed_at", "synced_at", "url")
    at = {key: formats.time(document[key]) for key in ("confirmed_at", "synced_at")}
    return {key: (document | at | {"key": document["key"][:16]})[key] for key in shown}
