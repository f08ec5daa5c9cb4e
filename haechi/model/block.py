"""Some thousand events as plain arrays: `ingest` fills them, `detect` matches them while they are in cache.

A `Block` owns the arrays for up to `rows` events of one chunk of input. Kernels see them as `Arrays`, a named tuple.
Strings are Arrow string views (16 bytes: length and either the bytes or a prefix and the place) over `buf`, which
holds the chunk's bytes and, behind them, an arena for the few strings that had to be rewritten. So nothing is copied.

Order of work on a range of rows: an engine (JSON, delimited, template) writes text and num slots as found in the log;
`ingest.finish` turns them into normal forms (time, addresses, domain, URL, digests) and marks what can't be; `detect`
matches; `columns` gives Arrow arrays of the event schema, without copying.
"""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi.model.event import Activity
from haechi.model.gather_kernel import gather_text, text_bytes

# Text slots: event columns of type string, then "time" (the timestamp's text, not stored).
TEXT: tuple[str, ...] = (
    "source_type", "src_addr", "dst_addr", "proto", "app_proto", "flow_id", "domain", "url", "sni", "ja3", "ja4",
    "cert", "md5", "sha1", "sha256", "sha512", "file_name", "mail_from", "user", "http_method", "user_agent",
    "signature_id", "signature", "category", "action", "time",
)  # fmt: skip
# Number slots: int64. "ts" and "ts_offset" are filled by `finish`; durations are microseconds; "url_port" is the port
# that belongs into the URL (not stored).
NUM: tuple[str, ...] = (
    "ts", "ts_offset", "src_port", "dst_port", "file_size", "http_status", "severity", "bytes_out", "bytes_in",
    "packets_out", "packets_in", "duration", "url_port",
)  # fmt: skip
LIST: tuple[str, ...] = ("answers", "mail_to", "extra")

ACTIVITIES: tuple[str, ...] = tuple(a.value for a in Activity)

T = {name: slot for slot, name in enumerate(TEXT)}
N = {name: slot for slot, name in enumerate(NUM)}
L = {name: slot for slot, name in enumerate(LIST)}

PADDING = 128  # bytes behind the chunk that vector loads may read

# Places in `state`
# SLOW: cells for the slow path; FULL: 1 + the text slot of this row that the arena had no room for, else 0;
# ITEMS + list slot: items of that list
POSITION, ROWS, ARENA, BAD, LINES, BLANK, SLOW, FULL, ITEMS = range(9)

U8, I16, I32, I64, U64 = np.uint8, np.int16, np.int32, np.int64, np.uint64


class Arrays(NamedTuple):
    """What kernels see. `cap` is the number of rows the block holds; offsets are positions in `buf`."""

    buf: npt.NDArray[np.uint8]  # [bytes] chunk, padding, arena
    text: npt.NDArray[np.uint64]  # [TEXT, cap, 2] Arrow string views
    start: npt.NDArray[np.int32]  # [TEXT, cap] where the string's bytes stand in buf, also for inlined views
    num: npt.NDArray[np.int64]  # [NUM, cap]
    valid: npt.NDArray[np.uint8]  # [TEXT + NUM, cap / 8] Arrow validity bitmaps
    item: npt.NDArray[np.uint64]  # [LIST, items, 2] views of list elements, in row order
    item_start: npt.NDArray[np.int32]  # [LIST, items]
    item_row: npt.NDArray[np.int32]  # [LIST, items]
    item_addr: npt.NDArray[np.uint64]  # [items, 3] of `answers`: family (0, 4, 6), high, low
    item_key: npt.NDArray[np.int16]  # [items] key number of an `extra` element
    addr: npt.NDArray[np.uint64]  # [2, cap, 2] source and destination as (high, low); IPv4 in low
    family: npt.NDArray[np.uint8]  # [2, cap] 0 none, 4, 6
    activity: npt.NDArray[np.uint8]  # [cap] index into ACTIVITIES
    party: npt.NDArray[np.int32]  # [cap] affected party, 0 none
    offset: npt.NDArray[np.int64]  # [cap] where the record begins in buf
    length: npt.NDArray[np.int32]  # [cap] its length in bytes
    error: npt.NDArray[np.uint8]  # [cap] 0, or the refusal's code: the row is left out and quarantined
    error_field: npt.NDArray[np.int16]  # [cap] text slot, or len(TEXT) + num slot; -1 none
    bad_at: npt.NDArray[np.int64]  # [cap] records that the engine refused: where they begin
    bad_length: npt.NDArray[np.int32]  # [cap]
    bad_code: npt.NDArray[np.uint8]  # [cap]
    bad_field: npt.NDArray[np.int16]  # [cap]
    slow_row: npt.NDArray[np.int32]  # [all that may come] cells whose normal form needs Unicode or URL rules
    slow_slot: npt.NDArray[np.int16]  # [as slow_row]
    work: npt.NDArray[np.int64]  # [3, 64] an engine's own scratch space
    state: npt.NDArray[np.int64]  # [ITEMS + LIST] counters, see above


class Block:
    """The arrays for one chunk of at most `chunk` bytes and `rows` rows; used again for the next one."""

    def __init__(self, *, chunk: int, rows: int) -> None:
        rows = (rows + 63) // 64 * 64
        self.chunk, self.rows, items = chunk, rows, rows * 4
        self.a = Arrays(
            buf=np.empty(chunk + PADDING + 2 * chunk + 65536, U8),
            text=np.zeros((len(TEXT), rows, 2), U64),  # Arrow's casts look at the views of null cells too
            start=np.empty((len(TEXT), rows), I32),
            num=np.empty((len(NUM), rows), I64),
            valid=np.zeros((len(TEXT) + len(NUM), rows // 8), U8),
            item=np.zeros((len(LIST), items, 2), U64),
            item_start=np.empty((len(LIST), items), I32),
            item_row=np.empty((len(LIST), items), I32),
            item_addr=np.empty((items, 3), U64),
            item_key=np.empty(items, I16),
            addr=np.empty((2, rows, 2), U64),
            family=np.zeros((2, rows), U8),
            activity=np.zeros(rows, U8),
            party=np.zeros(rows, I32),
            offset=np.empty(rows, I64),
            length=np.empty(rows, I32),
            error=np.zeros(rows, U8),
            error_field=np.empty(rows, I16),
            bad_at=np.empty(rows, I64),
            bad_length=np.empty(rows, I32),
            bad_code=np.empty(rows, U8),
            bad_field=np.empty(rows, I16),
            # Four text cells of a row and the elements of two lists: untouched, it takes no memory.
            slow_row=np.empty(rows * 4 + items * 2, I32),
            slow_slot=np.empty(rows * 4 + items * 2, I16),
            work=np.zeros((3, 64), I64),
            state=np.zeros(ITEMS + len(LIST), I64),
        )
        self.extra_keys: pa.Array = pa.array([], pa.string())
        self._buffer = pa.py_buffer(self.a.buf)

    def reset(self, position: int) -> None:
        """Forget the rows; the chunk's bytes stay, reading goes on at `position`."""
        a = self.a
        a.valid[:] = 0
        a.error[:] = 0
        a.state[:] = 0
        a.state[POSITION] = position
        a.state[ARENA] = self.chunk + PADDING

    def is_half_full(self) -> bool:
        """True if more than half of the arena is taken: time to write the block and to go on in an empty one."""
        return 2 * int(self.a.state[ARENA]) > self.chunk + PADDING + len(self.a.buf)

    def lay(self, data: npt.NDArray[np.uint8]) -> int:
        """Put bytes into the arena, where they stay until the block is reset: where they begin, or -1 if it is full."""
        begin, end = int(self.a.state[ARENA]), int(self.a.state[ARENA]) + len(data)
        if end + 64 > len(self.a.buf):
            return -1
        self.a.buf[begin:end] = data
        self.a.state[ARENA] = end
        return begin

    def text(self, slot: int, row: int) -> str | None:
        """The text of one cell, for slow paths and tests."""
        if not self.a.valid[slot, row >> 3] >> (row & 7) & 1:
            return None
        begin = int(self.a.start[slot, row])
        return bytes(self.a.buf[begin : begin + int(self.a.text[slot, row, 0] & U64(0xFFFFFFFF))]).decode()

    def put_text(self, slot: int, row: int, text: str) -> bool:
        """Rewrite one cell, for slow paths; False when the arena is full."""
        if not self._put(text, self.a.text[slot, row], self.a.start[slot], row):
            return False
        self.a.valid[slot, row >> 3] |= U8(1 << (row & 7))
        return True

    def item(self, which: int, number: int) -> str:
        """The text of one list element, for slow paths and tests."""
        begin, n = int(self.a.item_start[which, number]), int(self.a.item[which, number, 0] & U64(0xFFFFFFFF))
        return bytes(self.a.buf[begin : begin + n]).decode()

    def put_item(self, which: int, number: int, text: str) -> bool:
        """Rewrite one list element, for slow paths; False when the arena is full."""
        return self._put(text, self.a.item[which, number], self.a.item_start[which], number)

    def _put(self, text: str, view: npt.NDArray[np.uint64], start: npt.NDArray[np.int32], place: int) -> bool:
        encoded = text.encode()
        begin, n = self.lay(np.frombuffer(encoded, U8)), len(encoded)
        if begin < 0:
            return False
        start[place] = begin
        inlined = n <= 12
        body = encoded.ljust(12, b"\0") if inlined else encoded[:4] + bytes(4) + begin.to_bytes(4, "little")
        view[0] = n | int.from_bytes(body[:4], "little") << 32
        view[1] = int.from_bytes(body[4:12], "little")
        return True

    def columns(self, rows: int) -> dict[str, pa.Array]:
        """The first `rows` rows as Arrow arrays; columns that are null throughout are left out.

        Holds: ts and duration in microseconds, numbers int64, strings, lists and `extra` as map, activity as dictionary.
        Numbers are views of this block's memory, valid until it is reset.
        """
        a, found = self.a, {}
        for name, slot in T.items():
            if name != "time" and a.valid[slot].any():
                found[name] = self._strings(slot, rows)
        for name, slot in N.items():
            if name != "url_port" and a.valid[len(TEXT) + slot].any():
                buffers = [pa.py_buffer(a.valid[len(TEXT) + slot]), pa.py_buffer(a.num[slot])]
                kind = pa.timestamp("us", tz="UTC") if name == "ts" else pa.int64()
                found[name] = pa.Array.from_buffers(kind, rows, buffers)
        for name, slot in L.items():
            if count := int(a.state[ITEMS + slot]):
                found[name] = self._list(name, slot, count, rows)
        found["activity"] = pa.DictionaryArray.from_arrays(
            pa.array(a.activity[:rows].view(np.int8)), pa.array(ACTIVITIES)
        )
        found["affected_id"] = pa.array(a.party[:rows], mask=a.party[:rows] == 0)
        found["raw_offset"] = pa.array(a.offset[:rows])
        found["raw_length"] = pa.array(a.length[:rows])
        return found

    def _strings(self, slot: int, rows: int) -> pa.StringArray:
        a, valid = self.a, self.a.valid[slot]
        offsets = np.empty(rows + 1, I32)
        data = np.empty(text_bytes(a.text[slot], valid, rows) + 16, U8)
        gather_text(a.text[slot], a.start[slot], valid, a.buf, rows, offsets, data)
        buffers = [pa.py_buffer(valid[: (rows + 7) // 8].copy()), pa.py_buffer(offsets), pa.py_buffer(data)]
        return pa.Array.from_buffers(pa.string(), rows, buffers)

    def _list(self, name: str, slot: int, count: int, rows: int) -> pa.Array:
        a = self.a
        per_row = np.bincount(a.item_row[slot, :count], minlength=rows)
        offsets = np.zeros(rows + 1, I32)
        np.cumsum(per_row, out=offsets[1:])
        values: Any = pa.Array.from_buffers(
            pa.string_view(), count, [None, pa.py_buffer(a.item[slot]), self._buffer]
        ).cast(pa.string())
        # A null list where the row has none: Arrow marks it by a null offset.
        offset_array = pa.array(offsets, mask=np.append(per_row == 0, False))
        if name == "extra":
            keys = self.extra_keys.take(pa.array(a.item_key[:count]))
            return pa.MapArray.from_arrays(offset_array, keys, values)
        return pa.ListArray.from_arrays(offset_array, values)
