"""Changing the node's own key: the old key announces the new one, both sign, and every part goes over to it at once.

What hangs on the key: peers learn of the new one from the announcement that messages carry and drop the old one when
they first see the new one used; the audit log's checkpoints are signed by the new one from now on, the old ones stay
verifiable; secrets (ids, pseudonyms) don't change. The old private key is gone when this returns.

A crash leaves either the old key or the new one in place: the announcement of a change that broke off leads nowhere.
"""

import os

from haechi.exchange import succession
from haechi.exchange.succession import Said
from haechi.node import keys
from haechi.node.home import Home
from haechi.store.audit import fingerprint
from haechi.store.files import fsync_path, locked


def rotate(home: Home) -> Said:
    """Make a new key and announce it, in one process at a time. Raises `NodeCannot` where the folder can't be written."""
    folder = home.path / "keys"
    log = home.audit()
    with locked(folder / "rotation.lock"):
        old = home.key()
        keys.successions(folder)  # one that can't be read is told before anything changes
        if not (folder / keys.ROOT).exists():
            keys.write_private(folder / keys.ROOT, keys.extracted(old))
        (folder / keys.NEXT).unlink(missing_ok=True)
        new = keys.create(folder / keys.NEXT)
        said = succession.say(home.config.party_uuid, old, new, now=home.clock.now())
        _append(folder / keys.SUCCESSIONS, said.text)
        os.replace(folder / keys.NEXT, folder / keys.FILE)
        fsync_path(folder)
        details = {"old": fingerprint(said.old), "new": fingerprint(said.new)}
        log.append("node.rotate", subject=f"node--{home.config.node}", details=details)
    return said


def _append(path: "os.PathLike[str]", line: str) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(line.encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
