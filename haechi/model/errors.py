"""The few errors of the house, each named for what a caller can do about it.

Exit statuses follow: 1 problem in the input, 2 usage, 3 the node or a peer can't, 4 not verified.
"""

from haechi.model.location import Location


class HaechiError(Exception):
    """Base of all. `advice` is the sentence that says what to do next."""

    exit_status = 3

    def __init__(self, reason: str, *, advice: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        end = "" if self.reason.endswith("?") else "."
        return f"{self.reason}{end} {self.advice}" if self.advice else self.reason


class BadInput(HaechiError):
    """Something that came from outside can't be read. Names where, what and why."""

    exit_status = 1

    def __init__(self, reason: str, *, location: Location | None = None, advice: str = "") -> None:
        super().__init__(reason, advice=advice)
        self.location = location or Location()

    def __str__(self) -> str:
        where = str(self.location)
        return f"{where}: {super().__str__()}" if where else super().__str__()


class UsageError(HaechiError):
    """The call's words are off: call again, corrected."""

    exit_status = 2


class NotFound(HaechiError):
    """No such thing here."""

    exit_status = 1


class Conflict(HaechiError):
    """Another writer was first, or the same id came with other content."""


class NodeCannot(HaechiError):
    """This machine can't: disk, rights, lock, a library, a newer file version."""


class NotVerified(HaechiError):
    """A signature, a hash chain or a digest doesn't hold."""

    exit_status = 4


class MissingExtra(HaechiError):
    """An optional part isn't installed."""

    exit_status = 2

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} isn't installed", advice=f"Install it with: pip install 'haechi[{extra}]'")
