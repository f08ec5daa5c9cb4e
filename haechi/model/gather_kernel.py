"""Strings of a block, which stand all over the log's bytes, side by side: what a Parquet encoder reads column by column."""

import numpy as np

from haechi.model.jit import Num, inlined, kernel, load64, store64

U = np.uint64
_LOW32 = np.uint64(0xFFFFFFFF)


@kernel
def text_bytes(views: Num, valid: Num, rows: Num) -> Num:
    """How many bytes the first `rows` strings of a column take together; `views` [rows, 2], `valid` a bitmap."""
    total = np.int64(0)
    for row in range(rows):
        if (valid[row >> 3] >> (row & 7)) & 1:
            total += np.int64(views[row, 0] & _LOW32)
    return total


@inlined
def _copy(buf: Num, begin: Num, n: Num, data: Num, at: Num) -> None:
    """Eight bytes at a time: up to seven more than `n` are read and written."""
    i = 0
    while i < n:
        store64(data, at + i, load64(buf, begin + i))
        i += 8


@kernel
def gather_slices(buf: Num, begin: Num, length: Num, offsets: Num, data: Num) -> None:
    """Copy the pieces buf[begin:begin + length] into `data` (with 16 bytes to spare) and their borders into `offsets`."""
    o = np.int64(0)
    for k in range(begin.shape[0]):
        offsets[k] = o
        _copy(buf, begin[k], length[k], data, o)
        o += length[k]
    offsets[begin.shape[0]] = o


@kernel
def gather_text(views: Num, start: Num, valid: Num, buf: Num, rows: Num, offsets: Num, data: Num) -> None:
    """Copy the column's strings into `data` (with 16 bytes to spare) and their borders into `offsets` [rows + 1].

    A string of at most twelve bytes comes from its view, where it may have been rewritten; a longer one from `buf`.
    """
    o = np.int64(0)
    for row in range(rows):
        offsets[row] = o
        if not (valid[row >> 3] >> (row & 7)) & 1:
            continue
        low, high = views[row, 0], views[row, 1]
        n = np.int64(low & _LOW32)
        if n <= 12:
            store64(data, o, (low >> U(32)) | (high << U(32)))
            store64(data, o + 8, high >> U(32))
        else:
            _copy(buf, np.int64(start[row]), n, data, o)
        o += n
    offsets[rows] = o
