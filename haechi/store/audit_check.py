"""Checks an audit log against its hash chain and its signed checkpoints, reading only.

What it finds: a line changed, removed, inserted or moved (the chain breaks there), a tail cut off or a chain written
anew (the newest checkpoint doesn't fit). What it can't find alone: log and checkpoints both put back to an earlier
state. Keep the newest checkpoint elsewhere and hand it over as `known`.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NoReturn

import msgspec
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

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

_ADVICE: Final = "Compare with a backup; what the log says from there on can't be relied on"
_ELSEWHERE: Final = "the checkpoint kept elsewhere"


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A log that holds: how many entries, the last one's hash, and up to where signatures cover it."""

    entries: int
    head: str  # hexadecimal; zeros for an empty log
    checkpoints: int
    signed: int  # the last entry that a checkpoint covers; those behind it hang on the chain alone
    torn: int = 0  # bytes of a line that a crash left unfinished: never acknowledged


def verify(folder: Path, public_key: Ed25519PublicKey, *, known: Iterable[Checkpoint] = ()) -> Verified:
    """Check the whole log in `folder`. Raises `NotVerified` with file, line and what doesn't hold.

    `known` are checkpoints kept elsewhere: they must fit too. Appends of other processes go on meanwhile.
    """
    log, signed = folder / LOG, folder / CHECKPOINTS
    if not log.is_file():
        raise NodeCannot(f"no audit log at {log}", advice="See 'haechi doctor'")
    log_size, signed_size = _sizes(log, signed)
    elsewhere: dict[int, list[Checkpoint]] = {}
    for checkpoint in known:
        _check_signature(_ELSEWHERE, checkpoint, public_key)
        elsewhere.setdefault(checkpoint.seq, []).append(checkpoint)

    checkpoints = _checkpoints(signed, signed_size, public_key)
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
        _fail(log, entries + 1, f"the tail is cut off: a checkpoint signed {max(beyond)} entries, {entries} are left")
    return Verified(entries=entries, head=head, checkpoints=count, signed=newest, torn=torn)


def _sizes(log: Path, signed: Path) -> tuple[int, int]:
    """Both files' lengths at one moment at which nobody appends."""
    try:
        with log.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            return os.fstat(file.fileno()).st_size, signed.stat().st_size if signed.exists() else 0
    except OSError as error:
        raise NodeCannot(f"the audit log {log} can't be read: {error.strerror}") from error


def _lines(path: Path, size: int) -> Iterator[tuple[bytes, bool]]:
    """The lines of the first `size` bytes without their ends, and whether they have one."""
    with path.open("rb") as file:
        number = 0
        while size > 0:
            number += 1
            line = file.readline(min(size, MAX_LINE + 1))
            size -= len(line)
            if not line.endswith(b"\n") and size > 0:
                _fail(path, number, f"the line is longer than {MAX_LINE} bytes")
            yield line.removesuffix(b"\n"), line.endswith(b"\n")


def _check_entry(path: Path, number: int, line: bytes, head: str) -> None:
    try:
        entry = msgspec.json.decode(line, type=Entry)
        canonical = rfc8785.dumps(msgspec.to_builtins(entry)) == line
    except (*UNDECODABLE, rfc8785.CanonicalizationError) as error:
        _fail(path, number, f"not an entry: {error}")
    if not canonical:
        _fail(path, number, "the entry was changed: it isn't in the form in which entries are written (RFC 8785)")
    if entry.seq != number:
        _fail(path, number, f"entry {entry.seq} stands where entry {number} should: lines were removed, added or moved")
    if entry.prev != head:
        before = f"line {number - 1}" if number > 1 else "its start"
        _fail(path, number, f"the chain breaks: {before} or this line was changed")


def _check_head(path: Path, number: int, head: str, where: str, checkpoint: Checkpoint) -> None:
    if checkpoint.seq != number:
        raise NotVerified(f"{where}: checkpoints were moved or added", advice=_ADVICE)
    if checkpoint.head != head:
        _fail(path, number, f"it isn't the entry that {where} signed: it or one before was written anew")


def _checkpoints(path: Path, size: int, public_key: Ed25519PublicKey) -> Iterator[tuple[int, Checkpoint]]:
    for number, (line, ended) in enumerate(_lines(path, size) if size else (), start=1):
        if not ended:
            return
        try:
            checkpoint = msgspec.json.decode(line, type=Checkpoint)
        except UNDECODABLE as error:
            _fail(path, number, f"not a checkpoint: {error}")
        _check_signature(f"{path}:{number}", checkpoint, public_key)
        yield number, checkpoint


def _check_signature(where: str, checkpoint: Checkpoint, public_key: Ed25519PublicKey) -> None:
    if checkpoint.key != fingerprint(public_key):
        raise NotVerified(f"{where}: signed by another key ({checkpoint.key[:16]})", advice=_ADVICE)
    try:
        signature = bytes.fromhex(checkpoint.signature)
        public_key.verify(signature, signed_bytes(checkpoint.seq, checkpoint.head, checkpoint.at))
    except (ValueError, InvalidSignature, rfc8785.CanonicalizationError) as error:
        raise NotVerified(f"{where}: the signature doesn't hold", advice=_ADVICE) from error


def _fail(path: Path, number: int, reason: str) -> NoReturn:
    raise NotVerified(f"{path}:{number}: {reason}", advice=_ADVICE)
