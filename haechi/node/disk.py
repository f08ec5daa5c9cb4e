"""What the disk refused, whichever library met it, as the node's own error."""

from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import DeltaError
from sqlalchemy.exc import OperationalError

from haechi.model.errors import NodeCannot


@contextmanager
def disk_errors(what: str) -> Iterator[None]:
    """Raise NodeCannot where the body meets an OSError, or one that Delta or the database wraps; `what` was written."""
    try:
        yield
    except (OSError, DeltaError, OperationalError) as error:
        why = error.strerror if isinstance(error, OSError) else getattr(error, "orig", None)
        raise NodeCannot(
            f"{what} could not be written: {why or error}",
            advice="Make room, then run the same command: it goes on from what was committed",
        ) from error
