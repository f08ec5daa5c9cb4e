"""Cuts one input into pieces for the workers: whole lines, with their place in the stream. Bounded memory.

A line longer than a piece is refused as a whole and passed over; its first bytes are kept.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from haechi.ingest.document_kernel import flatten
from haechi.ingest.refusal import CUT_OFF, TOO_LONG
from haechi.ingest.source import Source
from haechi.model.block import PADDING, Block

TAIL = 4096  # bytes before a committed offset by which an input is known again
KEPT_OF_LONG = 65536  # bytes kept of a line that is longer than a piece
Bytes = npt.NDArray[np.uint8]

SHARES = 4  # of what is left of a log, one is a piece: two workers, and each has more than one to go
_STEP = 1 << 20
LIVE_SECONDS = 60  # a file written to this recently may still be in the middle of its last line


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that the feed itself refused: its place in the stream, its length and its first bytes."""

    offset: int
    length: int
    code: int
    raw: bytes


@dataclass(slots=True)
class Piece:
    """Bytes of one input, in a block's buffer: buf[:length] ends with a newline and stands at `base` in the stream."""

    base: int
    length: int
    end: int  # of the stream that counts as read once this piece is done
    lines_known: bool  # False where lines were joined (documents) or not counted from the start (resumed)
    header: bytes
    refused: tuple[Refused, ...] = ()
    last: bool = False
    tail: bytes = b""  # the up to 4 KiB before `end`, as they stand in the stream
    open_at: int | None = None  # where the input's last line begins, if nothing ends it


class Feed:
    """One input's pieces, in order. Not thread-safe: the caller holds a lock around `next`."""

    def __init__(self, source: Source, *, document: bool, multiline: bool, header_mark: bytes, now: int) -> None:
        self.source, self._document, self._mark, self._multiline = source, document, header_mark, multiline
        self._tail = b""
        self._carry = b""
        self._raw = self._before = b""
        self._lines_known = not document
        self._header = b""
        self._state = np.zeros(3, np.int64)
        self._done = False
        self._open_at: int | None = None
        self.left = 0  # bytes at the end of a live file that are no whole line yet
        self._live = (
            source.regular
            and not source.compression
            and abs(now - source.mtime)
            < LIVE_SECONDS * 1_000_000  # a time far ahead is a wrong clock's, not a writer's
        )
        self._bom = source.position == 0

    def resume_at(self, offset: int) -> bool:
        """Go on from an offset; False if the stream is shorter. Lines are no longer counted, headers are read again."""
        self._lines_known = self._lines_known and offset == 0
        self._bom = offset == 0
        if self._mark:
            self._gather_headers(offset)
        return self.source.skip_to(offset)

    @property
    def ended(self) -> bool:
        """True when the input's last byte is read."""
        return self._done

    def next(self, block: Block) -> Piece | None:
        """Fill the block's buffer with the next piece; None at the end."""
        if self._done:
            return None
        self._before = self._tail
        buf, size = block.a.buf, self._size(block.chunk)
        base = self.source.position - len(self._carry)
        have = len(self._carry)
        buf[:have] = np.frombuffer(self._carry, np.uint8)
        self._carry = b""
        have = self._fill(buf, have, size - 1)
        if size < block.chunk and have == size - 1 and not _last_newline(buf, have):
            size = block.chunk
            have = self._fill(buf, have, size - 1)
        mark = self._bom and have >= 3 and bytes(buf[:3]) == b"\xef\xbb\xbf"
        self._bom = False
        ended = have < size - 1
        # what `flatten` rewrites, what is given back, what the log is known again by
        kept = self._document or self._multiline or mark or (ended and have and buf[have - 1] != 10)
        raw = bytes(buf[:have]) if kept else b""
        if mark:
            buf[:3] = 32
        refused: list[Refused] = []
        cut = int(flatten(buf, 0, have, self._state)) if self._document else _last_newline(buf, have)
        if ended:
            cut = self._finish(buf, cut, have, base, refused)
        elif cut == 0:
            refused.append(self._pass_over(buf, have, base))
            have = cut = 0
        if not ended and have:
            self._carry = raw[cut:have] if raw else bytes(buf[cut:have])
        if self._document and self._carry:
            # It is read again from its beginning next time.
            self._state[:] = 0
        end = self.source.position - len(self._carry) - self.left
        if have:
            read = end - base
            self._tail = (self._tail + (raw[:read] if raw else bytes(buf[max(0, read - TAIL) : read])))[-TAIL:]
        length = cut
        if length and buf[length - 1] != 10:
            buf[length] = 10
            length += 1
        buf[length : length + PADDING] = 0
        if not length and not refused:
            return None
        piece = Piece(
            base, length, end, self._lines_known, self._header, tuple(refused), ended, self._tail, self._open_at
        )
        self._raw = raw
        if self._mark:
            self._note_headers(bytes(buf[:cut]))
        return piece

    def give_back(self, piece: Piece, unread: int) -> None:
        """The last `unread` bytes of the piece begin a record that the next piece ends, or the next run.

        Only where `multiline`, or of a piece with an `open_at`.
        """
        whole = piece.end - piece.base
        unread = min(unread, whole)
        self._carry = self._raw[whole - unread : whole] + self._carry
        piece.end -= unread
        self._tail = piece.tail = (self._before + self._raw[: whole - unread])[-TAIL:]

    def _size(self, chunk: int) -> int:
        """How large the next piece may be: towards a log's end smaller, so that all workers end at about the same time."""
        if self._document or self._multiline or self.source.compression or self.source.size is None:
            return chunk
        share = max((self.source.size - self.source.position) // SHARES, chunk // 4)
        return chunk if share <= len(self._carry) + 1 else min(chunk, share)

    def _fill(self, buf: Bytes, have: int, size: int) -> int:
        view = memoryview(buf.data)
        while have < size:
            count = self.source.readinto(view[have:size])
            if not count:
                self._done = True
                break
            have += count
        return have

    def _finish(self, buf: Bytes, cut: int, have: int, base: int, refused: list[Refused]) -> int:
        """The end of the input: a last line without newline is read, left for later, or refused as cut off."""
        rest = bytes(buf[cut:have])
        if not rest.strip(b" \t\r\n\0"):
            if self.source.cut_off and have:  # after a whole line: nothing to show, but more should have come
                refused.append(Refused(base + have, 0, CUT_OFF, b""))
                self._open_at = base + have
            return cut if self._document else have
        if not self._live or self._document:
            self._open_at = base + cut
        if self.source.cut_off or self._document:
            refused.append(Refused(base + cut, len(rest), CUT_OFF, rest[:KEPT_OF_LONG]))
            return cut
        if self._live:
            self.left = len(rest)
            return cut
        return have

    def _pass_over(self, buf: Bytes, have: int, base: int) -> Refused:
        """Skip a line that doesn't fit a piece; the bytes behind its end are the next piece's."""
        raw, length = bytes(buf[: min(have, KEPT_OF_LONG)]), have
        self._tail = bytes(buf[max(0, have - TAIL) : have])
        self._state[:] = 0
        while more := self.source.read(_STEP):
            end = more.find(b"\n")
            if end >= 0:
                length += end
                self._carry = more[end + 1 :]
                self._tail = (self._tail + more[: end + 1])[-TAIL:]
                break
            length += len(more)
            self._tail = (self._tail + more)[-TAIL:]
        else:
            self._done = True
            self._open_at = base
        carried, self._carry = self._carry, b""
        self.source.unread(carried)
        return Refused(base, length, TOO_LONG, raw)

    def _gather_headers(self, offset: int) -> None:
        """Read up to an offset for the header lines that stand before it; a log may name its columns anew at any line."""
        rest = b""
        while (left := offset - self.source.position) > 0 and (more := self.source.read(min(_STEP, left))):
            text = rest + more
            cut = text.rfind(b"\n") + 1
            self._note_headers(text[:cut])
            rest = text[cut:][:_STEP]

    def _note_headers(self, text: bytes) -> None:
        """Keep the header lines met so far: a later piece is read with the columns they name."""
        if b"#" in text and (text.startswith(b"#") or b"\n#" in text):  # the first test is the quick one
            lines = [line for line in text.split(b"\n") if line.startswith(b"#")]
            self._header = (self._header + b"\n".join(lines) + b"\n")[-(1 << 20) :]


def _last_newline(buf: Bytes, have: int) -> int:
    """The end of the last whole line in buf[:have]."""
    step = 4096
    at = have
    while at > 0:
        begin = max(0, at - step)
        found = np.flatnonzero(buf[begin:at] == 10)
        if len(found):
            return begin + int(found[-1]) + 1
        at = begin
        step *= 4
    return 0
