"""Import of a file that a peer without a line to us wrote: checked whole, then taken to the same shelf as over a line.

Nothing of a file counts before its signature, its digest, its order and the sender's receipts over the trees that it would
make of ours were checked. A run that breaks off is simply called again.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.exchange import airgap, confirmation, peer_server, receipt, signed, succession, wire
from haechi.exchange.airgap import Answer, Manifest, Signer, Start
from haechi.exchange.caller import SIGNATURE, Caller
from haechi.exchange.confirmation import Confirmation
from haechi.exchange.message import Request
from haechi.exchange.sync import CHUNK, PULLED, Row, Side
from haechi.exchange.wire import Withdrawn
from haechi.model.errors import BadInput, NotVerified
from haechi.model.merkle import Tree
from haechi.node import airgap_file, peering
from haechi.node.airgap_export import own_succession
from haechi.node.home import Home
from haechi.node.receiving import Catalog
from haechi.store.audit import fingerprint
from haechi.store.catalog import receipts, recipients
from haechi.store.catalog.recipients import PEER, RecipientRow
from haechi.store.files import locked

_BYTES: Final = 64 << 20  # of objects taken in one commit
Told = Callable[[int, int], None]  # rows taken, of how many


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was taken. `answer`: the file was a peer's answer, whose receipts and confirmations were kept."""

    peer: str
    uuid: str
    answer: bool = False
    rows: int = 0
    objects: int = 0
    refused: int = 0
    withdrawn: int = 0
    receipts: int = 0
    confirmations: int = 0


def take(home: Home, path: Path, *, answer: Path | None = None, told: Told = lambda _done, _total: None) -> Imported:
    """Take in a peer's file, or its answer to one of ours; into `answer` go our receipts and confirmations for it.

    With `answer` a file that was taken before gives its answer anew. A refusal is audited, and then nothing was taken.
    Raises `BadInput` for what is cut or no such file, `NotVerified` where it is altered, not for us, old, not the next
    one, or by nobody whom we trust, `UsageError` for an answer's file that exists, `NodeCannot` where the disk can't.
    """
    if answer is not None:
        airgap_file.refuse_existing(answer)
    try:
        with airgap_file.copied(path, home.cache_path) as copy:
            return _take(home, copy, answer, told)
    except (BadInput, NotVerified) as error:
        home.audit().append("airgap.refused", subject=path.name, details={"why": error.id})
        raise


def _take(home: Home, copy: BinaryIO, answer: Path | None, told: Told) -> Imported:
    with home.catalog().connect() as conn:
        peers = {one.uuid: one for one in recipients.every(conn, PEER) if one.confirmed_at is not None}
    line = copy.readline(signed.MOST + 1)

    def key_of(said: Signer) -> Ed25519PublicKey | None:
        if said.sender not in peers:
            return None
        [peer] = peering.announced(home, [peers[said.sender]], {succession.FIELD: said.succession})
        peers[said.sender] = peer
        return peering.known_keys([peer]).get(said.key)

    found, key = airgap.first(line, us=home.config.party_uuid, key_ids=peering.own_ids(home), key_of=key_of)
    peer = peering.taken_over(home, peers[found.sender], fingerprint(key))
    if isinstance(found, Answer):
        if copy.read(1):
            raise NotVerified("airgap.more")
        return _take_answer(home, peer, found)
    _check_bytes(copy, found, len(line))
    with locked(home.cache_path / f"sync-{peer.uuid}.lock"):
        return _Import(home, peer, key, found, lambda: airgap_file.unpacking(copy, len(line))).run(answer, told)


def _check_bytes(copy: BinaryIO, manifest: Manifest, start: int) -> None:
    size, sha256 = airgap_file.digest(copy, start)
    if size < manifest.bytes:
        raise BadInput("airgap.cut")
    if size > manifest.bytes:
        raise NotVerified("airgap.more")
    if sha256 != manifest.sha256:
        raise NotVerified("airgap.altered")


class _Import:
    """One file on its way to a peer's shelf."""

    def __init__(
        self, home: Home, peer: RecipientRow, key: Ed25519PublicKey, manifest: Manifest, opened: airgap.Opened
    ) -> None:
        self._home, self._peer, self._key, self._manifest, self._opened = home, peer, key, manifest, opened
        self._shelf = Catalog(home, peer, Side(peer.uuid, key))
        self._confirmations: list[str] = []
        self._rows = self._objects = 0

    def run(self, answer: Path | None, told: Told) -> Imported:
        """Check, then take: withdrawals first, rows, receipts; they count as confirmed once the answer is on disk."""
        with self._shelf:
            return self._run(answer, told)

    def _run(self, answer: Path | None, told: Told) -> Imported:
        again = self._check(repeat=answer is not None)
        self._withdraw(0 if again else self._shelf.state().withdrawn_seq)
        self._take_rows(told)
        words = self._receipts()
        if answer is not None:
            self._write_answer(answer, words)
        manifest = self._manifest
        self._shelf.withdrawn(max(manifest.withdrawn, self._shelf.state().withdrawn_seq))
        done = Imported(
            peer=self._peer.name,
            uuid=self._peer.uuid,
            rows=self._rows,
            objects=self._objects,
            refused=self._shelf.refused,
            withdrawn=manifest.withdrawals,
            receipts=len(words),
            confirmations=len(self._confirmations),
        )
        details = {"seq": manifest.seq, "rows": done.rows, "refused": done.refused, "withdrawals": done.withdrawn}
        self._home.audit().append("airgap.import", subject=f"party:{self._peer.uuid}", details=details)
        return done

    def _check(self, *, repeat: bool) -> bool:
        """See that the file is whole, the next one and agrees, and follow the sender's epoch; whether we have it all."""
        manifest, known = self._manifest, self._shelf.state()
        cursors = {name: self._shelf.cursor(name) for name in PULLED}
        starts = {name: Start(cursor.seq, cursor.tree) for name, cursor in cursors.items()}
        if manifest.epoch < known.epoch:
            raise NotVerified("sync.epoch_back", known=known.epoch, epoch=manifest.epoch)
        if manifest.epoch > known.epoch and known.epoch and manifest.after:
            raise NotVerified("airgap.epoch", epoch=manifest.epoch)
        if manifest.after > known.seq:
            raise NotVerified("airgap.gap", after=manifest.after, seq=known.seq)
        if manifest.epoch > known.epoch:
            self._new_epoch(starts)
            return False
        said = [receipt.verify(part.receipt, self._key) for part in manifest.parts]
        old = all(one.collection in starts and one.size <= starts[one.collection].tree.size for one in said)
        old = old and manifest.withdrawn <= known.withdrawn_seq
        if old and not repeat:
            raise NotVerified("airgap.old")
        airgap.check(self._opened, manifest, starts, self._key)
        return old

    def _new_epoch(self, starts: Mapping[str, Start]) -> None:
        """Of a sender that was restored: what we have and its ledger hasn't any more is set aside."""
        manifest, withdrawn = self._manifest, self._shelf.state().withdrawn_seq
        had = {name: self._shelf.leaves(name, 0, start.seq) for name, start in starts.items() if start.seq}
        same = airgap.common(self._opened, manifest, had) if had else {}
        kept = {name: place for name, place in same.items() if place[0] < starts[name].seq}
        begun = {name: Start(kept[name][0], _tree(had[name], kept[name][0])) for name in kept}
        airgap.check(self._opened, manifest, {**starts, **begun}, self._key)
        self._shelf.epoch(manifest.epoch, kept, min([withdrawn, *(seq for seq, _ in kept.values())]))

    def _withdraw(self, done: int) -> None:
        """Apply and confirm the withdrawals after a row."""
        waiting: list[Withdrawn] = []
        for item in airgap.items(self._opened(), self._manifest, checked=True):
            if not isinstance(item, Withdrawn):
                break
            if item.seq > done:
                waiting.append(item)
            if len(waiting) == wire.WITHDRAWN_AT_ONCE:
                self._confirm(waiting)
                waiting = []
        self._confirm(waiting)

    def _confirm(self, taken: Sequence[Withdrawn]) -> None:
        if not taken:
            return
        cannot = self._shelf.withdraw(taken)
        said = Confirmation(
            sender=self._peer.uuid,
            recipient=self._home.config.party_uuid,
            seqs=[one.seq for one in taken],
            at=self._home.clock.now(),
            cannot=dict(cannot),
        )
        self._confirmations.append(confirmation.sign(said, self._home.key()))

    def _take_rows(self, told: Told) -> None:
        waiting: dict[str, list[Row]] = {name: [] for name in PULLED}
        had = {name: self._shelf.cursor(name).seq for name in PULLED}
        rows = size = 0
        for item in airgap.items(self._opened(), self._manifest, checked=True):
            if isinstance(item, Withdrawn) or item[1].seq <= had[item[0]]:
                continue
            name, row, _ = item
            waiting[name].append(row)
            rows, size = rows + 1, size + len(row.body or b"")
            if rows >= CHUNK or size >= _BYTES:
                self._flush(waiting, told)
                rows = size = 0
        self._flush(waiting, told)

    def _flush(self, waiting: dict[str, list[Row]], told: Told) -> None:
        for name, rows in waiting.items():
            if rows:
                self._shelf.take(name, rows)
                self._rows += len(rows)
                self._objects += sum(row.body is not None for row in rows)
                waiting[name] = []
        told(self._rows, sum(part.rows for part in self._manifest.parts))

    def _receipts(self) -> list[str]:
        """Our receipts beside the sender's, kept; they agree, for all was checked before."""
        words = []
        for part in self._manifest.parts:
            theirs, cursor = receipt.verify(part.receipt, self._key), self._shelf.cursor(part.name)
            ours = msgspec.structs.replace(
                theirs,
                role="recipient",
                seq=cursor.seq,
                size=cursor.tree.size,
                root=cursor.tree.root().hex(),
                at=self._home.clock.now(),
            )
            words.append(receipt.sign(ours, self._home.key()))
            self._shelf.receipts(words[-1], part.receipt, not receipt.differences(ours, theirs))
        return words

    def _write_answer(self, path: Path, words: list[str]) -> None:
        said = Answer(
            sender=self._home.config.party_uuid,
            recipient=self._peer.uuid,
            receipts=words,
            confirmations=self._confirmations,
            at=self._home.clock.now(),
            succession=own_succession(self._home),
        )
        airgap_file.write_new(path, airgap.sign_answer(said, self._home.key()))


def _tree(leaves: Sequence[tuple[int, bytes]], seq: int) -> Tree:
    tree = Tree()
    for at, leaf in leaves:
        if at <= seq:
            tree.add(leaf)
    return tree


def _take_answer(home: Home, peer: RecipientRow, answer: Answer) -> Imported:
    """Keep a peer's receipts and confirmations as if they had come over a line."""
    log, caller, us, now = home.audit(), Caller(peer, SIGNATURE), home.config.party_uuid, home.clock.now()
    with home.catalog().begin() as conn:
        if {row.theirs for row in receipts.last(conn, peer.id)}.issuperset(answer.receipts):
            raise NotVerified("airgap.old")
        asked: list[tuple[str, msgspec.Struct]] = [("receipts", wire.Receipts(answer.receipts))]
        asked += [("withdrawals", wire.Word(word)) for word in answer.confirmations]
        for resource, said in asked:
            request = Request("POST", f"/haechi/{resource}", {"content-type": wire.JSON}, msgspec.json.encode(said))
            found = peer_server.answer(request, caller, conn, us=us, key=home.key(), now=now, log=log)
            if found.status != 200:
                raise NotVerified("airgap.answer", status=found.status)
        log.append("airgap.answer", subject=f"party:{peer.uuid}", details={"confirmations": len(answer.confirmations)})
    return Imported(
        peer=peer.name,
        uuid=peer.uuid,
        answer=True,
        receipts=len(answer.receipts),
        confirmations=len(answer.confirmations),
    )
