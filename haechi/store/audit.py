"""The audit log: who did what, when. Append-only, hash-chained, signed at checkpoints.

`log.jsonl` holds one entry a line, RFC 8785 JSON; `prev` is the SHA-256 of the line before, so a changed, removed,
inserted or moved line breaks the chain. `checkpoints.jsonl` holds an Ed25519 signature over each entry's (sequence, head,
time), so nobody without the key can cut the log's tail or write the chain anew. `verify` in `store.audit_check` checks both.

An entry is fsynced, its signature only written: signing costs 0.1 ms, a second fsync would cost as much as the first. A
power cut may lose signatures of the last seconds, never an entry; the next one covers them again.

Entries never hold secrets, nor a deterministic id of a value that may have to be deleted: a UUIDv5 of an address is
found in minutes. An entry is on disk when `append` returns.
"""

import fcntl
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from haechi.model.clock import Clock
from haechi.model.errors import NodeCannot, NotVerified
from haechi.store.files import fsync_path

LOG: Final = "log.jsonl"
CHECKPOINTS: Final = "checkpoints.jsonl"
START: Final = "0" * 64  # what stands for the hash before the first entry
MAX_LINE: Final = 65_536  # bytes

UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)  # what msgspec raises for spoilt JSON
_PURPOSE: Final = "haechi audit checkpoint 1"  # a signature made for this can serve as no other
_SECRET = re.compile(
    r"passw|passphrase|secret|token|credential|private|authori[sz]ation|cookie|api.?key", re.IGNORECASE
)
_PASSWORD_IN_URL = re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s@]*:[^/\s@]+@", re.IGNORECASE)
_NAMED_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[35][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that was done. `at` is microseconds UTC, `seq` counts from 1, `prev` is hexadecimal."""

    seq: int
    at: int
    actor: str
    action: str  # noun.verb: parties.add, indicators.expire
    subject: str  # what it was done to: an id of ours or a name
    details: dict[str, Any]
    prev: str


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """That the log had `seq` entries at time `at` and the last one's hash was `head`, signed by `key`."""

    seq: int
    head: str
    at: int
    key: str  # SHA-256 of the raw public key
    signature: str  # Ed25519, hexadecimal, over `signed_bytes`


Key = Ed25519PrivateKey | Callable[[], Ed25519PrivateKey]


class AuditLog:
    """Appends to one log; any number of processes may do so side by side.

    `key` signs; a function that gives it is asked at each entry, under the lock: the key may change meanwhile. `torn`
    is the file that holds what a crash had left of a line, where `open` found some.
    """

    def __init__(self, folder: Path, *, key: Key, clock: Clock, actor: str) -> None:
        self.folder, self.actor = folder, actor
        self.torn: Path | None = None
        self._key, self._clock = key, clock

    @classmethod
    def open(cls, folder: Path, *, key: Key, clock: Clock, actor: str) -> "AuditLog":
        """The log in `folder`, made where it isn't there. What a crash tore is moved aside and an entry says so.

        In a folder that can't be written to nothing is made or moved: the log can be read.
        """
        log = cls(folder, key=key, clock=clock, actor=actor)
        if os.access(folder, os.W_OK) or not (folder / LOG).exists():
            with log._locked() as file:
                log._mend(file)
        return log

    def append(
        self, action: str, *, subject: str = "", details: Mapping[str, Any] | None = None, actor: str | None = None
    ) -> Entry:
        """Write one entry; it is on disk when this returns. Waits while another process appends.

        `details` holds strings, integers, booleans, null, lists and objects of these. Passwords in URLs and UUIDs
        made from names are left out. Raises `ValueError` for a key that names a secret, `NotVerified` where the log's
        last line is no entry, `NodeCannot` where the disk can't.
        """
        with self._locked() as file:
            self._mend(file)
            return self._write(file, action, subject, details or {}, actor or self.actor)

    def checkpoint(self) -> Checkpoint | None:
        """Sign the log as it is now, on disk when this returns; None where it is empty."""
        with self._locked() as file:
            self._mend(file)
            last = _last_line(file)
            return None if last is None else self._sign(_decode(self.folder, last).seq, digest(last), flush=True)

    def entries(self) -> Iterator[Entry]:
        """The entries in order, unchecked: `store.audit_check.verify` checks them."""
        with (self.folder / LOG).open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield _decode(self.folder, line[:-1])

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        """The log's file under an exclusive lock, held for one append."""
        path = self.folder / LOG
        try:
            with _open_private(path) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise NodeCannot("audit.not_written", path=str(path), cause=error.strerror) from error

    def _write(self, file: BinaryIO, action: str, subject: str, details: Mapping[str, Any], actor: str) -> Entry:
        last = _last_line(file)
        seq = 1 if last is None else _decode(self.folder, last).seq + 1
        entry = Entry(
            seq=seq,
            at=self._clock.now(),
            actor=actor,
            action=action,
            subject=_clean(subject),
            details=_clean(dict(details)),
            prev=START if last is None else digest(last),
        )
        line = rfc8785.dumps(msgspec.to_builtins(entry))
        if len(line) >= MAX_LINE:
            raise ValueError(f"an audit entry of {len(line)} bytes: details are for ids and counts")
        _append(file, line)
        self._sign(seq, digest(line))
        return entry

    def _sign(self, seq: int, head: str, *, flush: bool = False) -> Checkpoint:
        at, key = self._clock.now(), self._key() if callable(self._key) else self._key
        signature = key.sign(signed_bytes(seq, head, at)).hex()
        made = Checkpoint(seq=seq, head=head, at=at, key=fingerprint(key.public_key()), signature=signature)
        with _open_private(self.folder / CHECKPOINTS) as file:
            _cut_torn(file, self.folder)
            _append(file, rfc8785.dumps(msgspec.to_builtins(made)), flush=flush)
        return made

    def _mend(self, file: BinaryIO) -> None:
        """Under the lock no line is being written: one without its end was never acknowledged."""
        cut = _cut_torn(file, self.folder)
        if cut is not None:
            self.torn = cut
            details = {"file": cut.name, "bytes": cut.stat().st_size}
            self._write(file, "audit.torn", LOG, details, self.actor)


def digest(line: bytes) -> str:
    """The hash of an entry: SHA-256 of its line without the line end, hexadecimal."""
    return hashlib.sha256(line).hexdigest()


def fingerprint(key: Ed25519PublicKey) -> str:
    """SHA-256 of the raw public key, hexadecimal."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()


def signed_bytes(seq: int, head: str, at: int) -> bytes:
    """What a checkpoint's signature covers."""
    return rfc8785.dumps({"purpose": _PURPOSE, "seq": seq, "head": head, "at": at})


def _decode(folder: Path, line: bytes) -> Entry:
    try:
        return msgspec.json.decode(line, type=Entry)
    except UNDECODABLE as error:
        raise NotVerified("audit.no_entry", path=str(folder / LOG), cause=str(error)) from error


def _open_private(path: Path) -> BinaryIO:
    """A file to append to and read, made with rights 0600 and its folder fsynced where it is new."""
    new = not path.exists()
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600), "r+b", buffering=0)
    if new:
        fsync_path(path.parent)
    return file


def _append(file: BinaryIO, line: bytes, *, flush: bool = True) -> None:
    """One line, on disk when this returns if it is to be flushed; a write that fails midway leaves nothing."""
    before = os.fstat(file.fileno()).st_size
    try:
        left = memoryview(line + b"\n")
        while left:
            left = left[os.write(file.fileno(), left) :]
        if flush:
            os.fsync(file.fileno())
    except OSError:
        os.ftruncate(file.fileno(), before)
        raise


def _last_line(file: BinaryIO) -> bytes | None:
    """The last line without its end; None where the file is empty."""
    size = os.fstat(file.fileno()).st_size
    if size == 0:
        return None
    tail = os.pread(file.fileno(), MAX_LINE + 1, max(0, size - MAX_LINE - 1))
    return tail[:-1].rpartition(b"\n")[2]


def _cut_torn(file: BinaryIO, folder: Path) -> Path | None:
    """Move what stands behind the last line end into a file of its own."""
    size = os.fstat(file.fileno()).st_size
    tail = os.pread(file.fileno(), MAX_LINE + 1, max(0, size - MAX_LINE - 1))
    torn = tail.rpartition(b"\n")[2]
    if not torn:
        return None
    kept = size - len(torn)
    aside = folder / f"torn-{kept}-{hashlib.sha256(torn).hexdigest()[:8]}"
    with _open_private(aside) as copy:
        os.ftruncate(copy.fileno(), 0)
        os.write(copy.fileno(), torn)
        os.fsync(copy.fileno())
    os.ftruncate(file.fileno(), kept)
    os.fsync(file.fileno())
    return aside


def _clean(value: Any) -> Any:
    """The value without passwords in URLs and UUIDs made from names; `ValueError` for a key that names a secret."""
    if isinstance(value, str):
        return _NAMED_UUID.sub("(left out)", _PASSWORD_IN_URL.sub(r"\1(left out)@", value))
    if isinstance(value, Mapping):
        for key in value:
            if _SECRET.search(key):
                raise ValueError(f"{key!r} names a secret: audit entries hold none")
        return {key: _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(each) for each in value]
    return value
