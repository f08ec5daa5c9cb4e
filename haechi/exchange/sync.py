"""Pulling a peer's slice for us, as a state machine without I/O: it gives requests, takes answers, fills a shelf.

Withdrawals come first. Then each collection by date, page by page: dates grow strictly, so a page never skips or repeats.
Rows that no page shows (superseded, withdrawn, withdrawals) are asked for as bare leaves, so that our Merkle tree grows by
the same leaves as the peer's. At the end both sides sign a receipt over equal rows; where they differ, halving the range
finds the rows, which are named and fetched again. A chunk that was taken is never asked for again.

Order, dates, shape and size of every answer are checked; what an answer says is believed only as far as the receipts
agree. A peer that contradicts itself is named (`NotVerified`) and what was taken stays.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.exchange import confirmation, receipt, wire
from haechi.exchange.confirmation import Confirmation
from haechi.exchange.message import Request, Response
from haechi.exchange.receipt import Receipt
from haechi.messages.catalogue import Message
from haechi.model.canonical import digest as digest_of
from haechi.model.errors import BadInput, NodeCannot, NotVerified
from haechi.model.merkle import leaf_of
from haechi.store.audit import UNDECODABLE
from haechi.store.catalog.received import Cursor, State
from haechi.store.catalog.recipients import INDICATORS, SIGHTINGS

PULLED: Final = (INDICATORS, SIGHTINGS)
PAGE: Final = 10_000  # objects asked for at once; the peer may give fewer
CHUNK: Final = 40_000  # rows taken in one commit
_FEW: Final = 1_000  # rows that are compared one by one
_MOST_DIFFERENT: Final = 100_000  # rows that are repaired in one sync; the next one goes on
_TRIES: Final = 3  # receipts asked for, with a repair between each two
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_T = TypeVar("_T")
_S = TypeVar("_S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it came. `salt` and `body` None: it shows no object, `leaf` is the peer's; else `leaf` is None."""

    seq: int
    date: int
    leaf: bytes | None = None
    salt: bytes | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """A party and the key that it signs by."""

    uuid: str
    key: Ed25519PublicKey


class Shelf(Protocol):
    """Where what is pulled is kept. Each call that writes is whole or not done at all, and durable when it returns.

    But for `take`, which may still be under way: any other call, and the next `take`, waits for it and raises what it met.
    """

    def state(self) -> State: ...
    def cursor(self, collection: str) -> Cursor: ...
    def take(self, collection: str, rows: Sequence[Row]) -> None: ...
    def withdraw(self, withdrawals: Sequence[wire.Withdrawn]) -> Mapping[str, int]: ...
    def withdrawn(self, seq: int) -> None: ...
    def epoch(self, epoch: int, kept: Mapping[str, tuple[int, int]], withdrawn: int) -> None: ...
    def digest(self, collection: str, after: int, upto: int) -> tuple[int, bytes]: ...
    def leaves(self, collection: str, after: int, upto: int) -> list[tuple[int, bytes]]: ...
    def repair(self, collection: str, rows: Sequence[Row], gone: Sequence[int]) -> Sequence[str]: ...
    def receipts(self, ours: str, theirs: str, agreed: bool) -> None: ...


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a collection stands at the end: rows, root, whether both say the same, and why not."""

    collection: str
    size: int
    root: str
    agreed: bool
    reasons: tuple[Message, ...] = ()


@dataclass(slots=True)
class Pulled:
    """What a pull did. `missing` names what a mismatch had lost and was fetched again, `unknown` rows the peer lacks."""

    withdrawn: int = 0
    rows: int = 0
    objects: int = 0
    missing: list[str] = field(default_factory=list)
    unknown: list[int] = field(default_factory=list)
    agreements: list[Agreement] = field(default_factory=list)

    @property
    def agreed(self) -> bool:
        return all(one.agreed for one in self.agreements)


Talk = Generator[Request, Response, _T]


class Pull:
    """One pull from one peer. `root` is the path of its API root; `now` gives microseconds UTC."""

    def __init__(
        self,
        *,
        peer: Side,
        us: str,
        key: Ed25519PrivateKey,
        shelf: Shelf,
        now: Callable[[], int],
        root: str = "/haechi/",
        page: int = PAGE,
        chunk: int = CHUNK,
    ) -> None:
        self._peer, self._us, self._key, self._shelf, self._now = peer, us, key, shelf, now
        self._root, self._page, self._chunk = root, page, chunk
        self._ids: dict[str, str] = {}
        self._epoch, self._last = 0, 0
        self._withdraws = 0  # the last withdrawal whose leaf we have seen
        self.done = Pulled()

    def run(self) -> Talk[Pulled]:
        """The conversation; what was taken when it breaks off is kept, and the next run goes on from there.

        Raises `NotVerified` for a peer that contradicts itself, `BadInput` for what is no answer, `NodeCannot` where the
        peer refuses.
        """
        heads = yield from self._ask(self._get("receipts"), wire.Heads)
        self._epoch, self._ids = heads.epoch, {head.name: head.id for head in heads.collections}
        self._last = heads.seq
        yield from self._check_epoch(heads)
        yield from self._withdrawals()
        for head in heads.collections:
            if head.name in PULLED:
                yield from self._collection(head)
        if self._withdraws > self._shelf.state().withdrawn_seq:  # came while we read
            yield from self._withdrawals()
        yield from self._settle([head.name for head in heads.collections if head.name in PULLED])
        return self.done

    # Requests and answers.

    def _get(self, resource: str, **query: int | str) -> Request:
        asked = "&".join(f"{name}={value}" for name, value in query.items())
        target = f"{self._root}{resource}{'?' if asked else ''}{asked}"
        return Request("GET", target, {"accept": wire.TAXII if "/" in resource else wire.JSON})

    def _post(self, resource: str, said: msgspec.Struct) -> Request:
        headers = {"accept": wire.JSON, "content-type": wire.JSON}
        return Request("POST", self._root + resource, headers, msgspec.json.encode(said))

    def _objects(self, collection: str, after: int, limit: int) -> Request:
        query: dict[str, int | str] = {"limit": limit}
        if after:
            shown = (_EPOCH + timedelta(microseconds=after)).isoformat(timespec="microseconds")
            query["added_after"] = shown.replace("+00:00", "Z")
        return self._get(f"collections/{self._ids[collection]}/objects/", **query)

    def _ask(self, request: Request, kind: type[_S]) -> Talk[_S]:
        response = yield request
        if response.status != 200:
            raise NodeCannot("sync.status", status=response.status)
        try:
            return msgspec.json.decode(response.body, type=kind)
        except UNDECODABLE as error:
            raise BadInput("sync.shape", cause=str(error)) from None

    # The ledger's epoch.

    def _check_epoch(self, heads: wire.Heads) -> Talk[None]:
        """A peer that was restored opens a new epoch: compare what we have with what its ledger has now."""
        known = self._shelf.state()
        if heads.epoch < known.epoch:
            raise NotVerified("sync.epoch_back", known=known.epoch, epoch=heads.epoch)
        if heads.epoch == known.epoch:
            return
        kept: dict[str, tuple[int, int]] = {}
        withdrawn = known.withdrawn_seq
        for name in PULLED if known.epoch else ():
            cursor = self._shelf.cursor(name)
            if cursor.seq and name in self._ids:
                same = yield from self._same_until(name, cursor.seq)
                if same < cursor.seq:
                    date = yield from self._date_of(name, same)
                    kept[name] = (same, date)
                    withdrawn = min(withdrawn, same)
        self._shelf.epoch(heads.epoch, kept, withdrawn)

    def _same_until(self, name: str, seq: int) -> Talk[int]:
        """The last sequence up to which both have the same rows."""
        low, high = 0, seq
        if (yield from self._equal(name, 0, seq)):
            return seq
        while high - low > 1:
            middle = (low + high) // 2
            if (yield from self._equal(name, low, middle)):
                low = middle
            else:
                high = middle
        return low

    def _date_of(self, name: str, seq: int) -> Talk[int]:
        """The date of the last row up to a sequence; 0 where there is none."""
        if not seq:
            return 0
        mine = self._shelf.leaves(name, 0, seq)
        if not mine:
            return 0
        found = yield from self._ask(
            self._get("leaves", collection=name, after=mine[-1][0] - 1, upto=mine[-1][0]), wire.Leaves
        )
        return found.leaves[0].date if found.leaves else 0

    # Withdrawals.

    def _withdrawals(self) -> Talk[None]:
        """Apply what was withdrawn since, and confirm it, a part at a time."""
        after, more = self._shelf.state().withdrawn_seq, True
        while more:
            found = yield from self._ask(self._get("withdrawals", after=after), wire.Withdrawals)
            seqs = [one.seq for one in found.withdrawals]
            ill = any(max(one.of, default=0) >= one.seq for one in found.withdrawals)
            if ill or seqs != sorted(set(seqs)) or (seqs and seqs[0] <= after):
                raise NotVerified("sync.order", what="withdrawals", seq=seqs[0])
            if found.more and not seqs:
                raise NotVerified("sync.no_end", what="withdrawals")
            # Beyond the last row that we know of: of this moment, or made up. If it is true it comes again.
            known = [one for one in found.withdrawals if one.seq <= max(self._last, self._withdraws)]
            if known:
                yield from self._apply(known)
                after = known[-1].seq
            more = found.more and len(known) == len(seqs)

    def _apply(self, withdrawals: Sequence[wire.Withdrawn]) -> Talk[None]:
        """Delete, then give our word on it, then take note that it is done: broken off in between it is done again."""
        seqs = [one.seq for one in withdrawals]
        cannot = dict(self._shelf.withdraw(withdrawals))
        said = Confirmation(sender=self._peer.uuid, recipient=self._us, seqs=seqs, at=self._now(), cannot=cannot)
        response = yield self._post("withdrawals", wire.Word(confirmation.sign(said, self._key)))
        if response.status != 200:
            raise NodeCannot("sync.status", status=response.status)
        self._shelf.withdrawn(seqs[-1])
        self.done.withdrawn += len(seqs)

    # Objects.

    def _collection(self, head: wire.Head) -> Talk[None]:
        """Page after page from where we are."""
        cursor = self._shelf.cursor(head.name)
        seq, date, waiting = cursor.seq, cursor.date, list[Row]()
        more = True
        while more:
            page = yield from self._ask(self._objects(head.name, date, self._page), wire.Envelope)
            more, shown = page.more, _shown(page, self._page)
            last = shown[-1].seq if shown else seq
            if more and last <= seq:
                raise NotVerified("sync.no_end", what=head.name)
            hidden = yield from self._leaves(head.name, seq, last if more else max(last, head.seq), hidden=1)
            self._withdraws = max([self._withdraws, *(one.seq for one in hidden if one.withdraws)])
            rows = _merged(head.name, shown, hidden, seq, date)
            if rows:
                seq, date = rows[-1].seq, rows[-1].date
            waiting += rows
            if waiting and (len(waiting) >= self._chunk or not more):
                self._shelf.take(head.name, waiting)
                self.done.rows += len(waiting)
                self.done.objects += sum(row.body is not None for row in waiting)
                waiting = []

    def _leaves(self, name: str, after: int, upto: int, *, hidden: int) -> Talk[list[wire.Leaf]]:
        """The rows in a range, all or those that no page shows; their number is bounded by the range's length."""
        found: list[wire.Leaf] = []
        while after < upto:
            asked = self._get("leaves", collection=name, after=after, upto=upto, hidden=hidden)
            answer = yield from self._ask(asked, wire.Leaves)
            seqs = [one.seq for one in answer.leaves]
            if seqs and (seqs != sorted(set(seqs)) or seqs[0] <= after or seqs[-1] > upto):
                raise NotVerified("sync.order", what=name, seq=seqs[0])
            found += answer.leaves
            if not answer.more:
                break
            if not seqs:
                raise NotVerified("sync.no_end", what=name)
            after = seqs[-1]
        return found

    # Receipts.

    def _settle(self, names: Sequence[str]) -> Talk[None]:
        """Lay both sides' receipts side by side; repair what differs and ask again."""
        for tries in range(_TRIES):
            self.done.agreements = yield from self._exchange(names)
            differing = [one.collection for one in self.done.agreements if not one.agreed]
            if not differing or tries == _TRIES - 1:
                break
            repaired = False
            for name in differing:
                repaired |= yield from self._repair(name)
            if not repaired:  # equal rows, another root: its word contradicts its own ledger
                lie = Message("sync.lie", {"peer": self._peer.uuid})
                self.done.agreements = [
                    one if one.agreed else replace(one, reasons=(*one.reasons, lie)) for one in self.done.agreements
                ]
                break

    def _exchange(self, names: Sequence[str]) -> Talk[list[Agreement]]:
        """Our receipts for theirs; both are kept."""
        ours = [self._ours(name) for name in names]
        words = [receipt.sign(one, self._key) for one in ours]
        answer = yield from self._ask(self._post("receipts", wire.Receipts(words)), wire.Receipts)
        if len(answer.receipts) != len(words):
            raise BadInput("sync.receipts", sent=len(words), got=len(answer.receipts))
        found = []
        for mine, word, their in zip(ours, words, answer.receipts, strict=True):
            reasons = receipt.differences(mine, receipt.verify(their, self._peer.key))
            self._shelf.receipts(word, their, not reasons)
            found.append(Agreement(mine.collection, mine.size, mine.root, not reasons, reasons))
        return found

    def _ours(self, name: str) -> Receipt:
        cursor = self._shelf.cursor(name)
        return Receipt(
            role="recipient",
            sender=self._peer.uuid,
            recipient=self._us,
            collection=name,
            epoch=self._epoch,
            seq=cursor.seq,
            size=cursor.tree.size,
            root=cursor.tree.root().hex(),
            at=self._now(),
        )

    def _repair(self, name: str) -> Talk[bool]:
        """Find the rows that differ and fetch them again; whether there were any."""
        theirs, gone = yield from self._different(name, self._shelf.cursor(name).seq)
        if not theirs and not gone:
            return False
        rows = yield from self._again(name, theirs)
        self.done.missing += self._shelf.repair(name, rows, gone)
        self.done.unknown += gone
        return True

    def _different(self, name: str, upto: int) -> Talk[tuple[list[wire.Leaf], list[int]]]:
        """By halving: the peer's rows that we lack or have otherwise, and ours that it doesn't have."""
        theirs: list[wire.Leaf] = []
        gone: list[int] = []
        ranges = [(0, upto)]
        while ranges and len(theirs) + len(gone) < _MOST_DIFFERENT:
            low, high = ranges.pop()
            digest = yield from self._ask(self._digest(name, low, high), wire.Digest)
            mine = self._shelf.digest(name, low, high)
            if (digest.count, digest.root) == mine:
                continue
            if max(digest.count, mine[0]) > _FEW:
                middle = (low + high) // 2
                ranges += [(middle, high), (low, middle)]
                continue
            have = dict(self._shelf.leaves(name, low, high))
            listed = yield from self._leaves(name, low, high, hidden=0)
            theirs += [one for one in listed if have.pop(one.seq, None) != one.leaf]
            gone += have
        return theirs, gone

    def _digest(self, name: str, after: int, upto: int) -> Request:
        return self._get("leaves", collection=name, after=after, upto=upto, digest=1)

    def _equal(self, name: str, after: int, upto: int) -> Talk[bool]:
        digest = yield from self._ask(self._digest(name, after, upto), wire.Digest)
        return (digest.count, digest.root) == self._shelf.digest(name, after, upto)

    def _again(self, name: str, wanted: Sequence[wire.Leaf]) -> Talk[list[Row]]:
        """The objects of these rows where a page shows them; each must be what its leaf says."""
        found: list[Row] = []
        place = 0
        while place < len(wanted):
            limit = min(self._page, len(wanted) - place)
            asked = self._objects(name, wanted[place].date - 1, limit)
            page = yield from self._ask(asked, wire.Envelope)
            shown = {row.seq: row for row in _shown(page, limit)}
            last = max(shown, default=0) if page.more else wanted[-1].seq
            for leaf in wanted[place:]:
                if leaf.seq > max(last, wanted[place].seq):
                    break
                found.append(_as_listed(name, leaf, shown.get(leaf.seq)))
            place = len(found)
        return found


def _shown(page: wire.Envelope, most: int) -> list[Row]:
    if len(page.objects) != len(page.x_haechi_leaves) or len(page.objects) > most:
        raise BadInput("sync.leaves", objects=len(page.objects), leaves=len(page.x_haechi_leaves))
    return [
        Row(beside.seq, beside.date, None, beside.salt, bytes(raw))
        for beside, raw in zip(page.x_haechi_leaves, page.objects, strict=True)
    ]


def _merged(name: str, shown: Sequence[Row], hidden: Sequence[wire.Leaf], seq: int, date: int) -> list[Row]:
    """Shown and hidden rows in order; of one that was hidden while we read, the object counts."""
    known = {row.seq for row in shown}
    bare = (Row(one.seq, one.date, one.leaf) for one in hidden if one.seq not in known)
    rows = sorted((*shown, *bare), key=lambda row: row.seq) if hidden else list(shown)
    for row in rows:
        if row.seq <= seq or row.date <= date:
            raise NotVerified("sync.order", what=name, seq=row.seq)
        seq, date = row.seq, row.date
    return rows


def _as_listed(name: str, leaf: wire.Leaf, row: Row | None) -> Row:
    if row is None or row.salt is None or row.body is None:
        return Row(leaf.seq, leaf.date, leaf.leaf)
    if leaf_of(row.salt, digest_of(row.body)) != leaf.leaf:
        raise NotVerified("sync.forged", what=name, seq=leaf.seq)
    return row


def converse(pull: Pull, send: Callable[[Request], Response]) -> Pulled:
    """Play a pull over a transport, to its end."""
    talk = pull.run()
    request = next(talk)
    while True:
        try:
            request = talk.send(send(request))
        except StopIteration as end:
            done: Pulled = end.value
            return done
