"""Blocks of whole lines into lines."""

from collections.abc import Iterable, Iterator


def numbered(blocks: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """Every line with its number from 1, its line end included. A block ends with a whole line, the last may not."""
    number = 0
    for block in blocks:
        for line in block.splitlines(keepends=True) if b"\r" not in block else _lines(block):
            number += 1
            yield number, line


def _lines(block: bytes) -> Iterator[bytes]:
    # bytes.splitlines also cuts at a lone carriage return, which is no line end here.
    start = 0
    while start < len(block):
        end = block.find(b"\n", start) + 1 or len(block)
        yield block[start:end]
        start = end
