"""What the disk refused, whichever library met it, as the node's own error."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from haechi.model.errors import NodeCannot

_LOCKED = re.compile("locked|lock timeout|lock not available")  # SQLite's words, PostgreSQL's


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Raise NodeCannot where the body meets an OSError, or one that Delta or the database wraps; `what` was written.

    A log that can't be read is told by `ingest.source`, which knows its name.
    """
    try:
        yield
    except OperationalError as error:
        if not _LOCKED.search(str(error.orig)):
            raise _unwritten(what, error.orig) from error
        raise NodeCannot(
            "another process keeps the catalog locked",
            advice="Try again when it is done: the same command goes on from what was committed",
        ) from error
    except (OSError, DeltaError) as error:
        raise _unwritten(what, (error.strerror if isinstance(error, OSError) else None) or error) from error


def _unwritten(what: str, why: object) -> NodeCannot:
    return NodeCannot(
        f"{what} could not be written: {why}",
        advice="Make room, then run the same command: it goes on from what was committed",
    )
