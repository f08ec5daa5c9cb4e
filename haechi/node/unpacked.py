"""A file or standard input as plain bytes: gzip and zstd, told by content, are unpacked as they are read."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from haechi.model.errors import BadInput

if TYPE_CHECKING:
    from haechi.ingest.source import Source

MOST_UNPACKED = 2 << 30  # bytes of a compressed file: a few megabytes may be made to unpack to terabytes
STDIN = Path("-")


class Meter:
    """How many bytes are read of how many; the total is None where compression or standard input hides it."""

    def __init__(self, total: int | None, tell: Callable[[int, int | None], None]) -> None:
        self.total, self._tell, self._done = total, tell, 0

    def add(self, count: int) -> None:
        """So many more are read."""
        self._done += count
        self._tell(self._done, self.total)


class _Bytes(io.RawIOBase):
    """A source's bytes as a raw file."""

    def __init__(self, source: "Source", meter: Meter) -> None:
        self._source, self._meter = source, meter

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        source = self._source
        count = source.readinto(memoryview(target))
        if not count and source.cut_off:
            raise BadInput("unpacked.damaged")
        if source.compression and source.position > MOST_UNPACKED:
            raise BadInput("unpacked.too_large", most=MOST_UNPACKED >> 20)
        self._meter.add(count)
        return count


@contextmanager
def unpacked(path: Path, meter: Meter) -> Iterator[tuple[bytes, BinaryIO]]:
    """The first 64 KiB and all bytes of a file; `STDIN` is standard input.

    Raises `BadInput` where it is no regular file, and while it is read, where it is damaged or unpacks to too much.
    """
    from haechi.ingest.source import Source

    source = Source(None if path == STDIN else path)
    if source.compression:
        meter.total = None
    try:
        yield source.head, io.BufferedReader(_Bytes(source, meter))
    finally:
        source.close()
