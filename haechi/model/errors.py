"""The few errors of the house, each named for what a caller can do about it.

An error carries the id of its texts and their arguments, never a sentence: `error.ID.reason` and, where there is
something to do, `error.ID.advice` stand in the message catalogue and are put in the reader's language when shown.
Exit statuses follow: 1 problem in the input, 2 usage, 3 the node or a peer can't, 4 not verified.
"""

from typing import Any, Self

from haechi.messages.catalogue import Message, catalogue, language, text
from haechi.model.location import Location


class HaechiError(Exception):
    """Base of all: `id` names the texts, `arguments` fill them in."""

    exit_status = 3

    def __init__(self, id: str, /, **arguments: Any) -> None:
        super().__init__(id)
        self.id = id
        self.arguments = arguments

    @property
    def message(self) -> Message:
        """The reason as a message that can be stored, or told inside another."""
        return Message(f"error.{self.id}.reason", self.arguments)

    @property
    def reason(self) -> str:
        """What is wrong, in the reader's language."""
        return str(self.message)

    @property
    def advice(self) -> str:
        """The sentence that says what to do next; "" where nothing can be said."""
        advice = f"error.{self.id}.advice"
        return text(advice, **self.arguments) if advice in catalogue(language()) else ""

    def __str__(self) -> str:
        reason, advice = self.reason, self.advice
        end = "" if reason.endswith("?") else "."
        return f"{reason}{end} {advice}" if advice else reason


class BadInput(HaechiError):
    """Something that came from outside can't be read. Names where, what and why."""

    exit_status = 1

    def __init__(self, id: str, /, *, location: Location | None = None, **arguments: Any) -> None:
        super().__init__(id, **arguments)
        self.location = location or Location()

    def at(self, location: Location) -> Self:
        """The same refusal, of a place that only the caller knows."""
        return type(self)(self.id, location=location, **self.arguments)

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
