"""The node's audit log for those who ask: check it, read it."""

from haechi.node import keys
from haechi.node.home import Home
from haechi.store.audit import Checkpoint
from haechi.store.audit_check import Verified
from haechi.store.audit_check import verify as check


def verify(home: Home, known: tuple[Checkpoint, ...] = ()) -> Verified:
    """Check the home's whole log with its own key and those that it succeeded. Nothing is changed, torn lines are only counted.

    `known` are checkpoints kept elsewhere. Raises `NotVerified` with file and line.
    """
    public = home.key().public_key()
    return check(home.path / "audit", public, known=known, earlier=keys.earlier(home.path / "keys", public))
