"""What two nodes say to each other beside TAXII 2.1, on the same API root, as JSON; times in microseconds UTC.

    GET  receipts                          Heads: the ledger's epoch and what each collection has
    POST receipts       Receipts           Receipts: the answerer's word at the same rows
    GET  withdrawals?after=SEQ             Withdrawals
    POST withdrawals    Word               {}: a confirmation, kept
    GET  leaves?collection=NAME&after=SEQ&upto=SEQ[&hidden=1][&digest=1]      Leaves, or a Digest of them

A page of objects carries `x_haechi_leaves` beside `objects`: of each its sequence, date and salt. Binary is base64.
"""

from typing import Annotated, Final

import msgspec

AT_ONCE: Final = 10_000  # rows in one answer
WITHDRAWN_AT_ONCE: Final = 1_000
COLLECTIONS: Final = 16  # that a slice may have
VERSIONS: Final = 10_000  # of one object that a withdrawal may name
JSON: Final = "application/json"
TAXII: Final = "application/taxii+json;version=2.1"

Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
Hash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern="^[a-z][a-z0-9-]*$")]


class Head(msgspec.Struct, frozen=True):
    """A collection of the slice: its TAXII id, how many rows, and the last one's sequence."""

    name: Name
    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f-]{36}$")]
    size: Count
    seq: Count


class Heads(msgspec.Struct, frozen=True):
    """The slice of the asker: epoch and last row of the ledger, and its collections."""

    epoch: Count
    seq: Count
    collections: Annotated[list[Head], msgspec.Meta(max_length=COLLECTIONS)]


class Receipts(msgspec.Struct, frozen=True):
    """Signed receipts, one for each collection."""

    receipts: Annotated[list[str], msgspec.Meta(max_length=COLLECTIONS)]


class Withdrawn(msgspec.Struct, frozen=True, array_like=True):
    """A withdrawal's row, and the rows of the object that it takes back, the last version's first."""

    seq: Count
    of: Annotated[list[Count], msgspec.Meta(max_length=VERSIONS)]


class Withdrawals(msgspec.Struct, frozen=True):
    """Withdrawals in order."""

    withdrawals: Annotated[list[Withdrawn], msgspec.Meta(max_length=WITHDRAWN_AT_ONCE)]
    more: bool


class Word(msgspec.Struct, frozen=True):
    """A signed confirmation."""

    confirmation: str


class Leaf(msgspec.Struct, frozen=True, array_like=True):
    """A row of the ledger without its object."""

    seq: Count
    date: Count
    leaf: Hash
    withdraws: bool


class Leaves(msgspec.Struct, frozen=True):
    """Rows in order."""

    leaves: Annotated[list[Leaf], msgspec.Meta(max_length=AT_ONCE)]
    more: bool


class Digest(msgspec.Struct, frozen=True):
    """How many rows there are in a range, and the Merkle root over just these."""

    count: Count
    root: Hash


class Salted(msgspec.Struct, frozen=True, array_like=True):
    """What stands beside an object of a page."""

    seq: Count
    date: Count
    salt: Hash


class Envelope(msgspec.Struct, frozen=True):
    """A TAXII envelope as a peer gets it (TAXII 2.1, 3.7); empty ones may lack every member."""

    more: bool = False
    objects: list[msgspec.Raw] = []
    x_haechi_leaves: list[Salted] = []
