"""Feeds that this node pulls from: added with their login, listed, removed. `node.feed_run` runs them.

A login's secret is copied into the home folder, readable by its owner alone, and stands nowhere else.
"""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from haechi.model.errors import NodeCannot, UsageError
from haechi.model.marking import Tlp
from haechi.node import keys
from haechi.node.home import Home
from haechi.node.http import get
from haechi.store.catalog import feeds
from haechi.store.catalog.feeds import FeedRow
from haechi.store.catalog.indicator_load import source_id
from haechi.store.files import fsync_path

SECRETS: Final = "secrets"  # folder in the home
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST: Final = 4096  # characters of a secret


class Kind(StrEnum):
    """What a feed is served as."""

    TAXII = "taxii"
    MISP = "misp"


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """A user with the file of a password, or the file of a bearer token; none of both where anyone may read."""

    username: str = ""
    password_file: Path | None = None
    token_file: Path | None = None


def add(
    home: Home,
    url: str,
    *,
    name: str,
    kind: Kind = Kind.TAXII,
    collection: str = "",
    login: Login = Login(),
    marking: Tlp | None = None,
    allow_private: bool = False,
) -> FeedRow:
    """A new feed; nothing is asked of it yet. What it brings stands under the source of its name.

    `collection` is an id, an alias or a title; `marking` is for what the feed leaves unmarked; `allow_private` lets its
    host have private addresses. Raises `UsageError` for a URL, a name or a login that can't be, `Conflict` for a name
    that is taken, `NodeCannot` for a secret's file that can't be read.
    """
    get(url)  # what the client wouldn't ask is refused here
    if not _NAME.fullmatch(name):
        raise UsageError("feed.name", name=name)
    secret = _secret(login)
    log = home.audit()
    with home.catalog().begin() as conn:
        source, _ = source_id(conn, name, marking)
        made = feeds.add(
            conn,
            name=name,
            kind=kind.value,
            url=url,
            collection=collection,
            username=login.username,
            private=allow_private,
            source_id=source,
        )
        _keep(home, name, secret)
        told = {"kind": kind.value, "host": urlsplit(url).netloc, "login": _how(login)}
        log.append("feed.add", subject=f"feed:{name}", details=told)
    return made


def every(home: Home) -> list[FeedRow]:
    """All feeds by name."""
    with home.catalog().connect() as conn:
        return feeds.every(conn)


def remove(home: Home, name: str) -> None:
    """Forget a feed and its secret; what it brought stays. `NotFound` where there is none."""
    log = home.audit()
    with home.catalog().begin() as conn:
        feeds.remove(conn, feeds.find(conn, name).id)
        _path(home, name).unlink(missing_ok=True)
        log.append("feed.remove", subject=f"feed:{name}")


def headers(home: Home, feed: FeedRow) -> Mapping[str, str]:
    """The header that logs in (RFC 7617, RFC 6750); none where the feed has no secret."""
    try:
        secret = _path(home, feed.name).read_text("ascii")
    except FileNotFoundError:
        return {}
    if not feed.username:
        return {"authorization": f"Bearer {secret}"}
    pair = base64.b64encode(f"{feed.username}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def _how(login: Login) -> str:
    return "basic" if login.username else "bearer" if login.token_file else "none"


def _secret(login: Login) -> str:
    """The login's secret; "" where there is no login."""
    basic = login.username != "" and login.password_file is not None
    if (login.username != "") != (login.password_file is not None) or (basic and login.token_file is not None):
        raise UsageError("feed.login")
    if ":" in login.username or not login.username.isascii() or not (login.username or "x").isprintable():
        raise UsageError("feed.login")
    path = login.password_file or login.token_file
    if path is None:
        return ""
    try:
        with path.open("rb") as file:
            said = file.read(_LONGEST + 2)
    except OSError as error:
        raise NodeCannot("file.unreadable", path=str(path), cause=error.strerror) from error
    secret = said.decode("ascii", "replace").strip("\r\n")
    if not secret or len(secret) > _LONGEST or not secret.isascii() or not secret.isprintable():
        raise UsageError("feed.secret_file", path=str(path))
    return secret


def _path(home: Home, name: str) -> Path:
    return home.path / SECRETS / f"feed-{name}"


def _keep(home: Home, name: str, secret: str) -> None:
    folder = home.path / SECRETS
    folder.mkdir(mode=0o700, exist_ok=True)
    _path(home, name).unlink(missing_ok=True)  # of an addition that broke off
    if secret:
        keys.write_private(_path(home, name), secret.encode("ascii"))
        fsync_path(folder)
