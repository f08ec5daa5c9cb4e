"""Who asks: a recipient whom the edge has recognised, how, and which of its collections this login may use."""

from dataclasses import dataclass, field

from haechi.store.catalog.recipients import CollectionRow, RecipientRow

BASIC, BEARER, CERTIFICATE, SIGNATURE = "basic", "bearer", "certificate", "signature"


@dataclass(frozen=True, slots=True)
class Caller:
    """A recognised caller. `collections` names those that the login is bound to; empty means all of the recipient's.

    `known` are the recipient's collections, where the edge has them at hand; empty: they are looked up.
    """

    recipient: RecipientRow
    how: str  # basic | bearer | certificate | signature
    collections: frozenset[str] = field(default_factory=frozenset)
    known: tuple[CollectionRow, ...] = ()

    @property
    def is_peer(self) -> bool:
        """Whether it is a Haechi node that signed its request."""
        return self.how == SIGNATURE

    def may_use(self, collection: str) -> bool:
        """Whether the login is bound to that collection."""
        return not self.collections or collection in self.collections
