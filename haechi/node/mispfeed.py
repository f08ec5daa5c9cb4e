"""A recipient's MISP feed as a folder: events beside their old selves and renamed, then the manifest, then what is gone.

A reader never sees half a file; between the renames it may see an event newer than the manifest, which MISP fetches again.
"""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import msgspec

from haechi.exchange.misp_feed import MANIFEST, Feed
from haechi.formats import mispout
from haechi.formats.mispout import Head, Items
from haechi.model.errors import NodeCannot, UsageError
from haechi.model.marking import Tlp
from haechi.node import keys
from haechi.node.home import Home
from haechi.store.catalog import recipients
from haechi.store.files import fsync_path

HASHES: Final = "hashes.csv"
MARK: Final = ".haechi-feed"  # holds the recipient's UUID: one folder never serves two
PURPOSE: Final = "misp-feed"
_EVENT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")


class Exported(msgspec.Struct, kw_only=True):
    """What an export wrote."""

    recipient: str
    folder: str
    events: int = 0
    attributes: int = 0
    hashes: int = 0  # lines of hashes.csv
    removed: int = 0  # events that are no longer there


def export(
    home: Home,
    who: str,
    folder: Path,
    *,
    hashes: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Exported:
    """Write the feed of a recipient (name or UUID) into a folder; `hashes` for events that are TLP:CLEAR.

    Raises `NotFound` for no such recipient, `UsageError` for a folder that holds something else or another's feed,
    `NodeCannot` where it can't be written. `progress` is told events written and all.
    """
    with home.catalog().begin() as conn:
        recipient = recipients.find(conn, who)
        feed = Feed(conn, recipient, keys.secret(home, PURPOSE))
        done = Exported(recipient=recipient.uuid, folder=str(folder))
        try:
            _prepare(folder, recipient.uuid)
            heads = feed.heads()
            lines: list[str] = []
            for number, head in enumerate(heads):
                counted = _Counted(feed.items(conn, head.uuid), head, hashes)
                _write(folder / f"{head.uuid}.json", mispout.event(head, counted))
                done.attributes += counted.attributes
                lines += counted.lines
                progress(number + 1, len(heads))
            done.events, done.hashes = len(heads), len(lines)
            _write(folder / MANIFEST, [feed.manifest()])
            if hashes:
                _write(folder / HASHES, (f"{line}\n".encode() for line in lines))
            else:
                (folder / HASHES).unlink(missing_ok=True)
            done.removed = _remove(folder, {f"{head.uuid}.json" for head in heads})
            fsync_path(folder)
        except OSError as error:
            raise NodeCannot("file.unwritable", path=str(folder), cause=error.strerror) from error
    details = {"events": done.events, "attributes": done.attributes, "removed": done.removed, "hashes": done.hashes}
    home.audit().append("misp.export", subject=recipient.uuid, details=details)
    return done


class _Counted:
    """An event's items on their way into the file: counted and, where anyone may have them, hashed."""

    def __init__(self, found: Iterable[Items], head: Head, hashes: bool) -> None:
        self._found, self._head = found, head
        self._hashes = hashes and head.marking is Tlp.CLEAR
        self.attributes = 0
        self.lines: list[str] = []

    def __iter__(self) -> "_Counted":
        self._iterator = iter(self._found)
        return self

    def __next__(self) -> Items:
        one = next(self._iterator)
        self.attributes += len(one.attributes) + len(one.objects)
        if self._hashes:
            self.lines += mispout.hashes(one, self._head.uuid)
        return one


def _prepare(folder: Path, recipient: str) -> None:
    """Make the folder, or see that it is this recipient's feed."""
    mark = folder / MARK
    if folder.exists() and not folder.is_dir():
        raise UsageError("misp.folder_used", path=str(folder))
    if not mark.is_file():
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError("misp.folder_used", path=str(folder))
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(mark, [recipient.encode()])
    elif mark.read_text() != recipient:
        raise UsageError("misp.folder_used", path=str(folder))


def _write(path: Path, parts: Iterable[bytes]) -> None:
    """A file that is whole or not there, for its owner alone."""
    beside = path.with_name(f"{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _remove(folder: Path, kept: set[str]) -> int:
    """Delete events that aren't in the feed any more, and what a broken-off export left."""
    gone = 0
    for path in folder.iterdir():
        if path.name.endswith(".new"):
            path.unlink()
        elif _EVENT.fullmatch(path.name) and path.name not in kept:
            path.unlink()
            gone += 1
    return gone
