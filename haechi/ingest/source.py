"""The bytes of one log: plain, gzip or zstd told by content, read into a caller's buffer; never mapped.

A mapped file that is truncated while it is read kills the process (SIGBUS), and logs are rotated; so bytes are read.
"""

import os
import stat
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa

from haechi.model.errors import BadInput, NodeCannot
from haechi.model.location import Location

HEAD_LENGTH = 4096
_STEP = 1 << 20
_ZEROS = bytes(_STEP)


class Stream(Protocol):
    """Decompressed bytes, in order. `read` gives b"" at the end; `cut_off` says if a compressed stream ended early."""

    compression: str
    cut_off: bool

    def read(self, n: int) -> bytes: ...

    def readinto(self, target: memoryview) -> int: ...


class Plain:
    """Bytes as they are."""

    compression = ""
    cut_off = False

    def __init__(self, file: "_File", begun: bytes) -> None:
        self._file, self._begun = file, begun

    def read(self, n: int) -> bytes:
        """At most n bytes."""
        if self._begun:
            begun, self._begun = self._begun[:n], self._begun[n:]
            return begun
        return self._file.read(n)

    def readinto(self, target: memoryview) -> int:
        """At most len(target) bytes, without a copy in between."""
        if self._begun:
            return _copy(self.read(len(target)), target)
        return self._file.readinto(target)


class Gzip:
    """A gzip stream of one or more members (RFC 1952); what follows a damage is not read, what stood before is."""

    compression = "gzip"

    def __init__(self, file: "_File", begun: bytes) -> None:
        self._file, self._input = file, begun
        self._member = zlib.decompressobj(wbits=31)
        self._started = False
        self._left = b""  # what stood before a damage
        self.cut_off = False

    def read(self, n: int) -> bytes:
        """At most n bytes; the output of one call is bounded whatever the input claims."""
        while not self.cut_off:
            if not self._input:
                self._input = self._file.read(_STEP)
                if not self._input:
                    self.cut_off = self._started
                    return b""
            before = self._member.copy()
            try:
                out = self._member.decompress(self._input, n)
            except zlib.error:
                self.cut_off = True
                self._left = _until_damage(before, self._input)
                break
            self._started = True
            self._input = self._member.unconsumed_tail
            if self._member.eof:
                self._input = self._member.unused_data.lstrip(b"\0")
                self._member, self._started = zlib.decompressobj(wbits=31), False
            if out:
                return out
        out, self._left = self._left[:n], self._left[n:]
        return out

    def readinto(self, target: memoryview) -> int:
        """At most len(target) bytes."""
        return _copy(self.read(len(target)), target)


def _until_damage(member: "zlib._Decompress", packed: bytes) -> bytes:
    """What the bytes before a damage unpack to, at most 64 MiB: the call that meets it gives nothing at all."""
    found, length = [], 0
    for at in range(len(packed)):
        try:
            out = member.decompress(packed[at : at + 1])
        except zlib.error:
            break
        found.append(out)
        length += len(out)
        if length > 64 << 20:
            break
    return b"".join(found)


class Zstd:
    """A Zstandard stream (RFC 8878); what follows a damage is not read, what stood before is, up to the last whole block.

    The call that meets a damage has put what stands before it into the target and says only that it failed. A log
    holds no NUL, so in a target of zeros it shows how far it came.
    """

    compression = "zstd"

    def __init__(self, file: "_File", begun: bytes) -> None:
        self._stream = pa.CompressedInputStream(pa.PythonFile(_Packed(file, begun), mode="r"), "zstd")
        self.cut_off = False

    def read(self, n: int) -> bytes:
        """At most n bytes."""
        out = bytearray(min(n, _STEP))
        return bytes(out[: self.readinto(memoryview(out))])

    def readinto(self, target: memoryview) -> int:
        """At most len(target) bytes."""
        if self.cut_off:
            return 0
        target = target[:_STEP]
        target[:] = _ZEROS[: len(target)]
        try:
            count: int = self._stream.readinto(target)
        except OSError:
            self.cut_off = True
            count = len(bytes(target).rstrip(b"\0"))
        return count


def _copy(data: bytes, target: memoryview) -> int:
    target[: len(data)] = data
    return len(data)


class _File:
    """A file's own bytes, counted. What can't be read names the file."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.position = 0

    def read(self, n: int) -> bytes:
        """At most n bytes, b"" at the end."""
        with self._named():
            out = self._file.read(n) or b""
        self.position += len(out)
        return out

    def readinto(self, target: memoryview) -> int:
        """At most len(target) bytes, without a copy in between."""
        with self._named():
            count: int = self._file.readinto(target) or 0  # type: ignore[attr-defined]
        self.position += count
        return count

    def seek(self, offset: int) -> None:
        """Go to an offset."""
        self.position = self._file.seek(offset)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise NodeCannot("log.unread", path=self._name, cause=error.strerror) from None


class _Packed:
    """A compressed file for Arrow, in small steps: what a damaged step held before the damage is lost."""

    def __init__(self, file: _File, begun: bytes) -> None:
        self._file, self._begun = file, memoryview(begun)
        self.closed = False

    def read(self, n: int) -> bytes:
        if not self._begun:
            self._begun = memoryview(self._file.read(_STEP))
        step, self._begun = self._begun[: min(n, 4096)], self._begun[min(n, 4096) :]
        return bytes(step)

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def flush(self) -> None: ...


class Source:
    """An opened log. `head` holds up to 64 KiB of decompressed bytes for telling the format; reading starts at 0."""

    def __init__(self, path: Path | None, head_bytes: int = 65536) -> None:
        """Open a file, or standard input for None. Raises BadInput or NodeCannot with the path and what to do."""
        self.path = path
        self.name = "-" if path is None else str(path)
        self._opened = _open(path)
        self._file = _File(self._opened, self.name)
        status = os.fstat(self._opened.fileno())
        self.regular = path is not None and stat.S_ISREG(status.st_mode)  # else a pipe: it can be read only once
        self.mtime = int(status.st_mtime * 1_000_000)
        self.size: int | None = status.st_size if path is not None and status.st_size else None
        begun = self._file.read(65536)
        kind: type[Plain | Gzip | Zstd] = Plain
        if begun[:2] == b"\x1f\x8b":
            kind = Gzip
        elif begun[:4] == b"\x28\xb5\x2f\xfd":
            kind = Zstd
        self._stream: Stream = kind(self._file, begun)
        self.compression = self._stream.compression
        self.head = b""
        while len(self.head) < head_bytes and (more := self._stream.read(head_bytes - len(self.head))):
            self.head += more
        self._ahead = self.head
        self.position = 0

    @property
    def cut_off(self) -> bool:
        """True if the compressed stream ended before its end: what was read until there is good."""
        return self._stream.cut_off

    @property
    def stored_position(self) -> int:
        """How much of the file itself is read: of a compressed one in compressed bytes, as `size` counts them."""
        return self._file.position if self.compression else self.position

    def digest_of_first(self, n: int) -> bytes:
        """SHA-256 of the first n bytes (n <= 4096); of fewer if there are no more."""
        return sha256(self.head[:n]).digest()

    def read(self, n: int) -> bytes:
        """The next at most n decompressed bytes, b"" at the end."""
        if self._ahead:
            out, self._ahead = self._ahead[:n], self._ahead[n:]
        else:
            out = self._stream.read(n)
        self.position += len(out)
        return out

    def readinto(self, target: memoryview) -> int:
        """Fill the beginning of `target`; the number of bytes, 0 at the end."""
        if self._ahead:
            return _copy(self.read(len(target)), target)
        n = self._stream.readinto(target)
        self.position += n
        return n

    def unread(self, data: bytes) -> None:
        """Put bytes back: they come again at the next read."""
        self._ahead = data + self._ahead
        self.position -= len(data)

    def skip_to(self, offset: int) -> bool:
        """Go to an offset of the decompressed stream; False if the stream is shorter."""
        if not self.compression and self.regular:
            if offset > os.fstat(self._opened.fileno()).st_size:
                return False
            self._file.seek(offset)
            self._stream, self._ahead, self.position = Plain(self._file, b""), b"", offset
            return True
        while self.position < offset:
            if not self.read(min(_STEP, offset - self.position)):
                return False
        return True

    def close(self) -> None:
        """Close the file."""
        if self.path is not None:
            self._opened.close()


def _open(path: Path | None) -> BinaryIO:
    if path is None:
        return sys.stdin.buffer
    where = Location(path=str(path))
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BadInput("log.missing", location=where) from None
    except PermissionError:
        raise NodeCannot("log.no_permission", path=str(path)) from None
    except OSError as error:
        raise NodeCannot("log.unopened", path=str(path), cause=error.strerror) from None
    regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
    if not regular and not os.path.realpath(path).startswith(("/dev/fd/", "/proc/")):
        os.close(descriptor)
        raise BadInput("log.not_regular", location=where)
    os.set_blocking(descriptor, True)  # a shell's <(...) is a pipe: wait for its writer
    return os.fdopen(descriptor, "rb", buffering=0)
