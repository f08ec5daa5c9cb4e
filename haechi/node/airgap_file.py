"""The files that are carried: written whole or not at all, copied before they are looked at, packed by zstd."""

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from haechi.model.errors import BadInput, NodeCannot, UsageError
from haechi.store.files import fsync_path

if TYPE_CHECKING:
    import pyarrow as pa

_COPY: Final = 1 << 20  # bytes at a time


def packing(file: BinaryIO) -> "pa.NativeFile":
    """A stream to write to that packs into a file; close it, and the file stays open."""
    import pyarrow as pa

    return pa.CompressedOutputStream(pa.PythonFile(_Kept(file), mode="w"), "zstd")


def unpacking(file: BinaryIO, start: int) -> BinaryIO:
    """What `packing` wrote behind a place of a file, from its beginning."""
    import pyarrow as pa

    file.seek(start)
    return io.BufferedReader(_Raw(pa.CompressedInputStream(pa.PythonFile(_Kept(file), mode="r"), "zstd")), _COPY)


@contextmanager
def copied(path: Path, folder: Path) -> Iterator[BinaryIO]:
    """A copy of a file without a name: what was checked is what is taken, whoever else can write to the medium."""
    with tempfile.TemporaryFile(dir=folder) as copy:
        try:
            with path.open("rb") as file:
                while part := file.read(_COPY):
                    copy.write(part)
            copy.seek(0)
        except OSError as error:
            raise NodeCannot("airgap.read", path=str(path), cause=error.strerror or "") from error
        yield copy


def digest(file: BinaryIO, start: int = 0) -> tuple[int, str]:
    """How many bytes of a file stand behind a place, and their SHA-256; the file stands at that place then."""
    file.flush()
    size = file.seek(0, io.SEEK_END) - start
    file.seek(start)
    hashed = hashlib.sha256()
    while part := file.read(_COPY):
        hashed.update(part)
    file.seek(start)
    return size, hashed.hexdigest()


def refuse_existing(path: Path) -> None:
    """`UsageError` for a file that is there already: none is ever overwritten."""
    if path.exists():
        raise UsageError("airgap.exists", path=str(path))


def write_new(path: Path, head: bytes, body: BinaryIO | None = None) -> None:
    """A new file, its owner's alone, on disk when this returns; nothing is left of one that fails."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise UsageError("airgap.exists", path=str(path)) from error
    except OSError as error:
        raise NodeCannot("airgap.write", path=str(path), cause=error.strerror or "") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(head)
            while body is not None and (part := body.read(_COPY)):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        fsync_path(path.parent)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise NodeCannot("airgap.write", path=str(path), cause=error.strerror or "") from error
        raise


class _Raw(io.RawIOBase):
    """Arrow's unpacking stream as a raw file; what isn't packed so, or is cut, is `BadInput`."""

    def __init__(self, stream: "pa.NativeFile") -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            found = self._stream.read(len(buffer))
        except OSError as error:
            raise BadInput("airgap.cut") from error
        buffer[: len(found)] = found
        return len(found)


class _Kept:
    """A file that Arrow may read and write, and not close."""

    closed = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None: ...

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False
