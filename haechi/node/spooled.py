"""A stream that must be read twice, kept in a file without a name while it is: nothing stays after a crash."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from haechi.model.errors import BadInput

MOST: Final = 512 << 20  # bytes
_BLOCK: Final = 1 << 20


@contextmanager
def spooled(file: BinaryIO, folder: Path) -> Iterator[Callable[[], Iterator[bytes]]]:
    """A function that gives the stream's blocks from its start at each call; `folder` holds the bytes meanwhile.

    Raises BadInput where there are more than `MOST`.
    """
    with tempfile.TemporaryFile(dir=folder) as kept:  # rights 0600, and unlinked at once
        size = 0
        while block := file.read(_BLOCK):
            size += len(block)
            if size > MOST:
                raise BadInput("json.large", size=size >> 20, most=MOST >> 20)
            kept.write(block)

        def blocks() -> Iterator[bytes]:
            kept.seek(0)
            while block := kept.read(_BLOCK):
                yield block

        yield blocks
