"""Export to a file for a peer without a line to us: the same slice of the ledger, receipts and withdrawals as over one."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from haechi.exchange import airgap, receipt, succession, wire
from haechi.exchange.airgap import Manifest, Part
from haechi.exchange.receipt import Receipt
from haechi.exchange.sync import PULLED
from haechi.model.errors import UsageError
from haechi.model.merkle import Tree
from haechi.node import airgap_file, keys, sync
from haechi.node.home import Home
from haechi.store.audit import fingerprint
from haechi.store.catalog import ledger, ledger_leaves, receipts, recipients
from haechi.store.catalog.recipients import PEER, CollectionRow, RecipientRow


class Exported(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: for whom, the rows after one and up to another, withdrawals, bytes of the file."""

    peer: str
    uuid: str
    after: int
    seq: int
    rows: int
    withdrawals: int
    bytes: int


class _Written(msgspec.Struct, kw_only=True):
    rows: list[int]  # of each collection
    withdrawals: int = 0
    withdrawn: int = 0  # the last one's row


def export(
    home: Home, who: str, path: Path, *, every: bool = False, told: Callable[[int], None] = lambda _rows: None
) -> Exported:
    """Write what a peer is given and has not receipted yet into a new file; with `every` all of it.

    `told` hears how many rows are written. Raises `NotFound` for an unknown peer, `UsageError` for an unconfirmed one,
    an existing file, or nothing to write, `NodeCannot` where the disk can't.
    """
    peer = _confirmed(home, who)
    airgap_file.refuse_existing(path)
    sync.prepare(home)
    key, log, now = home.key(), home.audit(), home.clock.now()
    with tempfile.TemporaryFile(dir=home.cache_path) as body, home.catalog().connect() as conn:
        peer = recipients.get(conn, peer.id)
        slices = [
            one for one in recipients.collections(conn, peer.id) if one.name in PULLED
        ]  # one statement: one state
        seq = max(one.last_seq for one in slices)
        after = 0 if every else _receipted(conn, peer, slices)
        if after >= seq:
            raise UsageError("airgap.nothing", name=peer.name)
        written = _write(conn, peer, slices, after, seq, body, told)
        size, sha256 = airgap_file.digest(body)
        words = [receipt.sign(_receipt(home, peer, one, now), key) for one in slices]
        manifest = Manifest(
            sender=home.config.party_uuid,
            recipient=peer.uuid,
            to=fingerprint(Ed25519PublicKey.from_public_bytes(peer.key or b"")),
            epoch=peer.epoch,
            after=after,
            seq=seq,
            withdrawals=written.withdrawals,
            withdrawn=written.withdrawn,
            parts=[
                Part(name=one.name, rows=rows, receipt=word)
                for one, rows, word in zip(slices, written.rows, words, strict=True)
            ],
            bytes=size,
            sha256=sha256,
            at=now,
            succession=own_succession(home),
        )
        head = airgap.sign(manifest, key)
        rows = sum(written.rows)
        details = {"after": after, "seq": seq, "rows": rows, "withdrawals": written.withdrawals}
        log.append("airgap.export", subject=f"party:{peer.uuid}", details=details)
        airgap_file.write_new(path, head, body)
    return Exported(
        peer=peer.name,
        uuid=peer.uuid,
        after=after,
        seq=seq,
        rows=rows,
        withdrawals=written.withdrawals,
        bytes=len(head) + size,
    )


def own_succession(home: Home) -> str:
    """The node's last changes of key, as a file carries them."""
    return succession.header(keys.successions(home.path / "keys")).get(succession.FIELD, "")


def _confirmed(home: Home, who: str) -> RecipientRow:
    with home.catalog().connect() as conn:
        peer = recipients.find(conn, who)
    if peer.kind != PEER or peer.confirmed_at is None:
        raise UsageError("sync.unconfirmed", name=peer.name)
    return peer


def _receipted(conn: Connection, peer: RecipientRow, slices: Sequence[CollectionRow]) -> int:
    """The row up to which the peer's receipts agreed with our ledger; the last one where nothing is new."""
    agreed = {
        row.collection: msgspec.json.decode(row.ours, type=Receipt)
        for row in receipts.last(conn, peer.id)
        if row.direction == "sent" and row.agreed and row.epoch == peer.epoch
    }
    behind = [
        agreed[one.name].seq if one.name in agreed else 0
        for one in slices
        if one.size > (agreed[one.name].size if one.name in agreed else 0)
    ]
    return min(behind, default=max(one.last_seq for one in slices))


def _write(
    conn: Connection,
    peer: RecipientRow,
    slices: Sequence[CollectionRow],
    after: int,
    seq: int,
    body: BinaryIO,
    told: Callable[[int], None],
) -> _Written:
    """The withdrawals that aren't confirmed yet or come after `after`, then the rows after it, packed."""
    done = _Written(rows=[0] * len(slices))
    places = {one.id: place for place, one in enumerate(slices)}
    unconfirmed = receipts.first_unconfirmed(conn, peer.id)
    first = after if unconfirmed is None else min(after, unconfirmed - 1)
    with airgap_file.packing(body) as packed:
        for taken in _withdrawals(conn, peer, first, seq):
            packed.write(airgap.withdrawal(taken))
            done.withdrawals, done.withdrawn = done.withdrawals + 1, taken.seq
        for row in ledger.every(conn, peer.id, after=after):
            if row.seq > seq:  # came while we read
                break
            salt, object_ = (row.salt, row.body) if row.live else (None, None)
            place = places[row.collection_id]
            packed.write(airgap.row(place, row.seq, row.date_added, row.leaf, salt, object_))
            done.rows[place] += 1
            told(sum(done.rows))
    return done


def _withdrawals(conn: Connection, peer: RecipientRow, after: int, seq: int) -> Iterator[wire.Withdrawn]:
    while found := ledger_leaves.withdrawals(
        conn, peer.id, after=after, limit=wire.WITHDRAWN_AT_ONCE, versions=wire.VERSIONS
    ):
        for one in found:
            if one.seq > seq:
                return
            yield wire.Withdrawn(one.seq, one.of)
        after = found[-1].seq


def _receipt(home: Home, peer: RecipientRow, one: CollectionRow, now: int) -> Receipt:
    return Receipt(
        role="sender",
        sender=home.config.party_uuid,
        recipient=peer.uuid,
        collection=one.name,
        epoch=peer.epoch,
        seq=one.last_seq,
        size=one.size,
        root=Tree(one.size, one.frontier).root().hex(),
        at=now,
    )
