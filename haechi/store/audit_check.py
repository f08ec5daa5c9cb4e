"""Checks an audit log against its hash chain and its signed checkpoints, reading only.

What it finds: a line changed, removed, inserted or moved (the chain breaks there), a tail cut off or a chain written
anew (the newest checkpoint doesn't fit). What it can't find alone: log and checkpoints both put back to an earlier
state. Keep the newest checkpoint elsewhere and hand it over as `known`.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from haechi.messages.catalogue import Message
from haechi.model.errors import NodeCannot, NotVerified
from haechi.store.audit import (
    CHECKPOINTS,
    LOG,
    MAX_LINE,
    START,
    UNDECODABLE,
    Checkpoint,
    Entry,
    digest,
    fingerprint,
    signed_bytes,
)

_ELSEWHERE: Final = Message("audit.flaw.elsewhere")


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A log that holds: how many entries, the last one's hash, and up to where signatures cover it."""

    entries: int
    head: str  # hexadecimal; zeros for an empty log
    checkpoints: int
    signed: int  # the last entry that a checkpoint covers; those behind it hang on the chain alone
    torn: int = 0  # bytes of a line that a crash left unfinished: never acknowledged


def verify(
    folder: Path,
    public_key: Ed25519PublicKey,
    *,
    known: Iterable[Checkpoint] = (),
    earlier: Sequence[Ed25519PublicKey] = (),
) -> Verified:
    """Check the whole log in `folder`. Raises `NotVerified` with file, line and what doesn't hold.

    `earlier` are the keys that this one succeeded, oldest first: once a key has signed, none before it counts any more.
    `known` are checkpoints kept elsewhere: they must fit too. Appends of other processes go on meanwhile.
    """
    log, signed = folder / LOG, folder / CHECKPOINTS
    if not log.is_file():
        raise NodeCannot("audit.missing", path=str(log))
    log_size, signed_size = _sizes(log, signed)
    keys = (*earlier, public_key)
    elsewhere: dict[int, list[Checkpoint]] = {}
    for checkpoint in known:
        _check_signature(_ELSEWHERE, checkpoint, keys)
        elsewhere.setdefault(checkpoint.seq, []).append(checkpoint)

    checkpoints = _checkpoints(signed, signed_size, keys)
    due = next(checkpoints, None)
    entries, head, torn, count, newest = 0, START, 0, 0, 0
    for line, ended in _lines(log, log_size):
        if not ended:
            torn = len(line)
            break
        _check_entry(log, entries + 1, line, head)
        entries, head = entries + 1, digest(line)
        for checkpoint in elsewhere.pop(entries, ()):
            _check_head(log, entries, head, _ELSEWHERE, checkpoint)
        while due is not None and due[1].seq <= entries:
            _check_head(log, entries, head, f"{signed}:{due[0]}", due[1])
            count, newest, due = count + 1, entries, next(checkpoints, None)
    beyond = [*elsewhere, *((due[1].seq,) if due else ()), *(checkpoint.seq for _, checkpoint in checkpoints)]
    if beyond:
        cut = Message("audit.flaw.cut", {"signed": max(beyond), "entries": entries})
        raise _broken(log, entries + 1, cut)
    return Verified(entries=entries, head=head, checkpoints=count, signed=newest, torn=torn)


def _sizes(log: Path, signed: Path) -> tuple[int, int]:
    """Both files' lengths at one moment at which nobody appends."""
    try:
        with log.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return os.fstat(file.fileno()).st_size, signed.stat().st_size if signed.exists() else 0
    except OSError as error:
        raise NodeCannot("audit.not_read", path=str(log), cause=error.strerror) from error


def _lines(path: Path, size: int) -> Iterator[tuple[bytes, bool]]:
    """The lines of the first `size` bytes without their ends, and whether they have one."""
    with path.open("rb") as file:
        number = 0
        while size > 0:
            number += 1
            line = file.readline(min(size, MAX_LINE + 1))
            size -= len(line)
            if not line.endswith(b"\n") and size > 0:
                raise _broken(path, number, Message("audit.flaw.line_too_long", {"most": MAX_LINE}))
            yield line.removesuffix(b"\n"), line.endswith(b"\n")


def _check_entry(path: Path, number: int, line: bytes, head: str) -> None:
    try:
        entry = msgspec.json.decode(line, type=Entry)
        canonical = rfc8785.dumps(msgspec.to_builtins(entry)) == line
    except (*UNDECODABLE, rfc8785.CanonicalizationError) as error:
        raise _broken(path, number, Message("audit.flaw.no_entry", {"cause": str(error)})) from error
    if not canonical:
        raise _broken(path, number, Message("audit.flaw.changed"))
    if entry.seq != number:
        raise _broken(path, number, Message("audit.flaw.misplaced", {"found": entry.seq, "wanted": number}))
    if entry.prev != head and number == 1:
        raise _broken(path, number, Message("audit.flaw.start"))
    if entry.prev != head:
        raise _broken(path, number, Message("audit.flaw.chain", {"before": number - 1}))


def _check_head(path: Path, number: int, head: str, where: str | Message, checkpoint: Checkpoint) -> None:
    if checkpoint.seq != number:
        raise NotVerified("audit.broken", place=where, why=Message("audit.flaw.checkpoints_moved"))
    if checkpoint.head != head:
        raise _broken(path, number, Message("audit.flaw.not_signed", {"checkpoint": where}))


def _checkpoints(path: Path, size: int, keys: Sequence[Ed25519PublicKey]) -> Iterator[tuple[int, Checkpoint]]:
    newest = 0  # the place of the newest key that has signed
    for number, (line, ended) in enumerate(_lines(path, size) if size else (), start=1):
        if not ended:
            return
        try:
            checkpoint = msgspec.json.decode(line, type=Checkpoint)
        except UNDECODABLE as error:
            raise _broken(path, number, Message("audit.flaw.no_checkpoint", {"cause": str(error)})) from error
        newest += _check_signature(f"{path}:{number}", checkpoint, keys[newest:])
        yield number, checkpoint


def _check_signature(where: str | Message, checkpoint: Checkpoint, keys: Sequence[Ed25519PublicKey]) -> int:
    """The place among `keys` of the one that signed."""
    place = next((at for at, key in enumerate(keys) if fingerprint(key) == checkpoint.key), None)
    if place is None:
        other = Message("audit.flaw.other_key", {"key": checkpoint.key[:16]})
        raise NotVerified("audit.broken", place=where, why=other)
    try:
        signature = bytes.fromhex(checkpoint.signature)
        keys[place].verify(signature, signed_bytes(checkpoint.seq, checkpoint.head, checkpoint.at))
    except (ValueError, InvalidSignature, rfc8785.CanonicalizationError) as error:
        raise NotVerified("audit.broken", place=where, why=Message("audit.flaw.signature")) from error
    return place


def _broken(path: Path, number: int, why: Message) -> NotVerified:
    return NotVerified("audit.broken", place=f"{path}:{number}", why=why)
