"""A slice of the ledger as one signed file, for two networks without a line between them.

The first line is the manifest, a signed word: from whom, for whom, which rows, the receipts, and the digest of all that
follows. Behind it, packed, stand the withdrawals and then the rows in order: a line of JSON, and behind that of a row that
shows an object the object's very bytes. All of it is checked before anything is taken.

The receiver's own receipts and confirmations travel back as its answer, one signed word.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, BinaryIO, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import receipt, signed
from haechi.exchange.sync import Row
from haechi.exchange.wire import COLLECTIONS, VERSIONS, Count, Hash, Name, Withdrawn
from haechi.model.canonical import digest as digest_of
from haechi.model.errors import BadInput, NotVerified
from haechi.model.merkle import Tree, leaf_of
from haechi.store.audit import UNDECODABLE

PURPOSE: Final = "haechi air gap slice 1"
ANSWER: Final = "haechi air gap answer 1"
OBJECT: Final = 64 << 20  # bytes of one object at most
_LINE: Final = 24 * VERSIONS  # bytes of a line: a withdrawal names so many rows at most
_WORDS: Final = 10_000  # confirmations in an answer

Key = Ed25519PublicKey


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A collection: how many of its rows are in the file, and the sender's signed receipt over all up to the last."""

    name: Name
    rows: Count
    receipt: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the file is. Parties are UUIDs, `to` is the receiver's key id, `at` microseconds UTC."""

    sender: str
    recipient: str
    to: str
    epoch: Count  # of the sender's ledger
    after: Count  # rows up to here are left out: the receiver's receipt showed them
    seq: Count  # the last row of the ledger
    withdrawals: Count  # how many, the first things in the file
    withdrawn: Count  # the last one's row; 0 for none
    parts: Annotated[list[Part], msgspec.Meta(max_length=COLLECTIONS)]
    bytes: Count  # behind this line, as packed
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]  # of these bytes
    at: Count
    succession: str = ""  # `exchange.succession`: the sender's last changes of key


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the receiver sends back: its signed receipts and confirmations. `recipient` is whom the answer is for."""

    sender: str
    recipient: str
    receipts: Annotated[list[str], msgspec.Meta(max_length=COLLECTIONS)]
    confirmations: Annotated[list[str], msgspec.Meta(max_length=_WORDS)]
    at: Count
    succession: str = ""


class _Line(msgspec.Struct, frozen=True, array_like=True):
    """A row as in the ledger; where it shows an object, its salt and how many bytes of it follow."""

    part: Count  # the collection, by its place in the manifest
    seq: Count
    date: Count
    leaf: Hash
    salt: Hash | None = None
    size: Annotated[int, msgspec.Meta(ge=0, le=OBJECT)] = 0


class Signer(msgspec.Struct, frozen=True):
    """What a file says of who signed it, before that is checked: the party, the key's id, its last changes of key."""

    purpose: str
    sender: str
    key: str
    succession: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Where the receiver stands with a collection: the last row it has, and the tree of all up to it."""

    seq: int
    tree: Tree


Item = Withdrawn | tuple[str, Row, bytes]  # a row with its collection and its leaf
Opened = Callable[[], BinaryIO]  # what is behind the manifest, unpacked, from its beginning


# Writing.


def withdrawal(one: Withdrawn) -> bytes:
    """A withdrawal as it stands in the file."""
    return msgspec.json.encode(one) + b"\n"


def row(part: int, seq: int, date: int, leaf: bytes, salt: bytes | None, body: bytes | None) -> bytes:
    """A row as it stands in the file; `salt` and `body` None where it shows no object."""
    if salt is None or body is None:
        return msgspec.json.encode(_Line(part, seq, date, leaf)) + b"\n"
    return msgspec.json.encode(_Line(part, seq, date, leaf, salt, len(body))) + b"\n" + body + b"\n"


def sign(manifest: Manifest, key: Ed25519PrivateKey) -> bytes:
    """The manifest as the file's first line."""
    return signed.sign(manifest, PURPOSE, key).encode() + b"\n"


def sign_answer(answer: Answer, key: Ed25519PrivateKey) -> bytes:
    """The answer as a whole file."""
    return signed.sign(answer, ANSWER, key).encode() + b"\n"


# Reading.


def first(
    line: bytes, *, us: str, key_ids: Sequence[str], key_of: Callable[[Signer], Key | None]
) -> tuple[Manifest | Answer, Key]:
    """What a file is by its first line, and the key that signed it: a peer's slice for us, or its answer to us.

    `us` is our party, `key_ids` our key and those before it, `key_of` gives the key of a confirmed peer. Raises
    `BadInput` for what is no such file, `NotVerified` where nobody whom we trust signed it, or not for us.
    """
    if len(line) > signed.MOST or not line.endswith(b"\n"):
        raise BadInput("airgap.no_file")
    try:
        word = line[:-1].decode()
        told = msgspec.json.decode(word, type=Signer)
    except UNDECODABLE:
        raise BadInput("airgap.no_file") from None
    key = key_of(told)
    if key is None:
        raise NotVerified("airgap.unknown", sender=told.sender[:64])
    if told.purpose == ANSWER:
        answer = signed.verify(word, Answer, ANSWER, key)
        if answer.recipient != us:
            raise NotVerified("airgap.other_node")
        return answer, key
    found = signed.verify(word, Manifest, PURPOSE, key)
    if found.recipient != us or found.to not in key_ids:
        raise NotVerified("airgap.other_node")
    return found, key


def items(file: BinaryIO, manifest: Manifest, *, checked: bool = False) -> Iterator[Item]:
    """The withdrawals, then the rows with their collections, in order, one at a time in memory.

    Each object is the one that its leaf stands for; `checked`: that was seen before, of this very file. Raises `BadInput` for what is cut or has no such shape,
    `NotVerified` for what is out of order, more or less than the manifest says, or another object.
    """
    last = 0
    for _ in range(manifest.withdrawals):
        taken = _line(file, Withdrawn)
        if not last < taken.seq <= manifest.seq or max(taken.of, default=0) >= taken.seq:
            raise NotVerified("airgap.order", seq=taken.seq)
        last = taken.seq
        yield taken
    if last != manifest.withdrawn:
        raise NotVerified("airgap.order", seq=last)
    last, date, left = manifest.after, 0, [part.rows for part in manifest.parts]
    for _ in range(sum(left)):
        line = _line(file, _Line)
        if not last < line.seq <= manifest.seq or line.date <= date or line.part >= len(left):
            raise NotVerified("airgap.order", seq=line.seq)
        last, date, left[line.part] = line.seq, line.date, left[line.part] - 1
        yield manifest.parts[line.part].name, _row(file, line, checked=checked), line.leaf
    if any(left):
        raise NotVerified("airgap.order", seq=last)
    if file.read(1):
        raise NotVerified("airgap.more")


def _line(file: BinaryIO, kind: Any) -> Any:
    line = file.readline(_LINE + 1)
    if not line.endswith(b"\n"):
        raise BadInput("airgap.cut")
    try:
        return msgspec.json.decode(line, type=kind)
    except UNDECODABLE as error:
        raise BadInput("sync.shape", cause=str(error)) from None


def _row(file: BinaryIO, line: _Line, *, checked: bool) -> Row:
    if line.salt is None:
        return Row(line.seq, line.date, line.leaf)
    body = file.read(line.size + 1)
    if len(body) != line.size + 1 or not body.endswith(b"\n"):
        raise BadInput("airgap.cut")
    body = body[:-1]
    if not checked and leaf_of(line.salt, digest_of(body)) != line.leaf:
        raise NotVerified("sync.forged", what="", seq=line.seq)
    return Row(line.seq, line.date, None, line.salt, body)


def common(
    opened: Opened, manifest: Manifest, had: Mapping[str, Sequence[tuple[int, bytes]]]
) -> dict[str, tuple[int, int]]:
    """Of each collection the last row, with its date, up to which the file and what we have are the same.

    For a sender whose ledger opened a new epoch; the file must have all rows.
    """
    found = dict.fromkeys(had, (0, 0))
    parted: set[str] = set()
    places = dict.fromkeys(had, 0)
    for item in items(opened(), manifest):
        if isinstance(item, Withdrawn) or item[0] not in had or item[0] in parted:
            continue
        name, one, leaf = item
        place = places[name]
        if place < len(had[name]) and had[name][place] == (one.seq, leaf):
            found[name], places[name] = (one.seq, one.date), place + 1
        else:
            parted.add(name)
    return found


def check(opened: Opened, manifest: Manifest, starts: Mapping[str, Start], key: Key) -> None:
    """Read all of it and see that it is what the sender's receipts say; nothing is kept.

    Our trees, grown by the rows that we lack, must come to the roots in the receipts: a row that is missing, altered,
    moved or from another file shows. Raises `NotVerified` and as `items`.
    """
    trees = {name: Tree(start.tree.size, start.tree.frontier) for name, start in starts.items()}
    for item in items(opened(), manifest):
        if not isinstance(item, Withdrawn) and item[0] in trees and item[1].seq > starts[item[0]].seq:
            trees[item[0]].add(item[2])
    for part in manifest.parts:
        said = receipt.verify(part.receipt, key)
        told = (said.role, said.sender, said.recipient, said.collection, said.epoch)
        if told != ("sender", manifest.sender, manifest.recipient, part.name, manifest.epoch):
            raise NotVerified("airgap.differs", collection=part.name)
        tree = trees.get(part.name)
        if tree is None or (said.size, said.root) != (tree.size, tree.root().hex()):
            raise NotVerified("airgap.differs", collection=part.name)
