"""`haechi consumer`: plain readers of our TAXII server and their logins."""

from pathlib import Path
from typing import Annotated, Any

import typer

from haechi.cli.output import HomeOption, JsonlOption, JsonOption, LimitOption, emit, emit_rows, group
from haechi.messages.catalogue import text
from haechi.model.release import Relation
from haechi.node import consumers
from haechi.node.consumers import Consumer, Secrets
from haechi.node.home import Home, find_home
from haechi.report import format as formats

app = group(text("help.consumer.command"))

Who = Annotated[str, typer.Argument(metavar="NAME|UUID", help=text("help.consumer.who"))]
SecretFileOption = Annotated[
    Path | None, typer.Option("--secret-file", metavar="FILE", help=text("help.consumer.secret_file"))
]


@app.command(help=text("help.consumer.add.command"))
def add(
    name: Annotated[str, typer.Argument(help=text("help.consumer.add.name"))],
    country: Annotated[str, typer.Option("--country", metavar="CODE", help=text("help.consumer.add.country"))],
    relation: Annotated[
        Relation, typer.Option("--relation", help=text("help.consumer.add.relation"))
    ] = Relation.PUBLIC,
    person: Annotated[bool, typer.Option("--person", help=text("help.consumer.add.person"))] = False,
    party: Annotated[str, typer.Option("--party", metavar="UUID", help=text("help.consumer.add.party"))] = "",
    collection: Annotated[
        list[str] | None, typer.Option("--collection", metavar="NAME", help=text("help.consumer.add.collection"))
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="FILE", help=text("help.consumer.add.certificate"))
    ] = None,
    secret_file: SecretFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a consumer and write its secrets, once."""
    der = None if certificate is None else consumers.read_certificate(certificate.read_bytes(), str(certificate))
    node = Home.open(find_home(home))
    added, made = consumers.add(
        node,
        name=name,
        country=country,
        relation=relation,
        person=person,
        party=party,
        collections=collection or (),
        certificate=der,
        secret_file=secret_file,
    )
    _tell({"name": added.name, "uuid": added.uuid}, made, secret_file, as_json=as_json)


@app.command(help=text("help.consumer.rotate.command"))
def rotate(
    who: Who, secret_file: SecretFileOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Give a consumer new secrets and write them, once."""
    node = Home.open(find_home(home))
    made = consumers.rotate(node, who, secret_file=secret_file)
    _tell({"name": who}, made, secret_file, as_json=as_json)


@app.command(help=text("help.consumer.revoke.command"))
def revoke(who: Who, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """End a consumer's logins."""
    gone = consumers.revoke(Home.open(find_home(home)), who)
    emit(
        {"name": gone.name, "uuid": gone.uuid, "removed_at": gone.removed_at},
        as_json=as_json,
        table=lambda: text("consumer.revoked", name=gone.name),
    )


@app.command(name="list", help=text("help.consumer.list.command"))
def list_consumers(
    limit: LimitOption = 100, home: HomeOption = None, as_json: JsonOption = False, as_jsonl: JsonlOption = False
) -> None:
    """Write the consumers and when each was here last."""
    found = consumers.every(Home.open(find_home(home)))
    rows = [_document(one) if as_json or as_jsonl else _row(one) for one in found]
    keys = ("name", "country", "relation", "logins", "collections", "last_used_at")
    columns = {key: text(f"consumer.{key}") for key in keys}
    emit_rows("consumers", rows, columns=columns, limit=limit, as_json=as_json, as_jsonl=as_jsonl)


def _tell(document: dict[str, Any], made: Secrets, secret_file: Path | None, *, as_json: bool) -> None:
    """The secrets, on this command's output or in the file alone."""
    said = {"user": made.user, "secret": made.secret, "token": made.token}
    if secret_file is None:
        emit(document | said, as_json=as_json, table=lambda: text("consumer.secrets", **said))
        return
    emit(
        document | {"user": made.user, "secret_file": str(secret_file)},
        as_json=as_json,
        table=lambda: text("consumer.in_file", user=made.user, path=secret_file),
    )


def _document(one: Consumer) -> dict[str, Any]:
    live = [login for login in one.logins if login.revoked_at is None]
    return {
        "name": one.recipient.name,
        "uuid": one.recipient.uuid,
        "country": one.recipient.country,
        "relation": one.recipient.relation.value,
        "person": one.recipient.person,
        "collections": list(live[0].collections) if live else [],
        "logins": [{"kind": login.kind, "name": login.name, "last_used_at": login.last_used_at} for login in live],
        "last_used_at": one.last_used_at,
    }


def _row(one: Consumer) -> dict[str, Any]:
    document = _document(one)
    return document | {
        "logins": ", ".join(f"{login['kind']} {login['name']}" for login in document["logins"]),
        "collections": ", ".join(document["collections"]) or text("consumer.every"),
        "last_used_at": formats.time(one.last_used_at),
    }
