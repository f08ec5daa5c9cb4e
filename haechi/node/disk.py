"""What the disk refused, whichever library met it, as the node's own error."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from haechi.model.errors import NodeCannot

_LOCKED = re.compile("locked|lock timeout|lock not available")  # SQLite's words, PostgreSQL's


@contextmanager
def disk_errors(unwritten: str) -> Iterator[None]:
    """Raise NodeCannot where the body meets an OSError, or one that Delta or the database wraps.

    `unwritten` is the id of the error that names what was being written; it takes the cause.

    A log that can't be read is told by `ingest.source`, which knows its name.
    """
    try:
        yield
    except OperationalError as error:
        if not _LOCKED.search(str(error.orig)):
            raise NodeCannot(unwritten, cause=str(error.orig)) from error
        raise NodeCannot("disk.locked") from error
    except OSError as error:
        raise NodeCannot(unwritten, cause=error.strerror or str(error)) from error
    except DeltaError as error:
        raise NodeCannot(unwritten, cause=str(error)) from error
