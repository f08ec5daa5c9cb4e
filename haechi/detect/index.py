"""The match index: one file, mapped into memory and shared by all processes; rebuilt, never migrated.

Layout: a JSON header of 64 KiB (format, generation, sections with type, shape and place), then the sections, each on a
64-byte border. The hash seed is drawn anew at each build and the file is mode 0600, for indicators come from outsiders.
"""

import ipaddress
import mmap
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from haechi.detect.index_kernel import ADDRESS, EXACT_TYPES, IndexArrays, fill_nets, fill_table, hash_values
from haechi.model.errors import NodeCannot

FORMAT = 2
_HEADER = 65536
# Sections of other types than uint64
_TYPES = {
    **dict.fromkeys(("at", "value_id", "valid_from", "valid_until", "prefix4", "run4", "prefix6", "run6"), "<i8"),
    **dict.fromkeys(("entry4", "entry6"), "<i4"),
    **dict.fromkeys(("data", "kind"), "|u1"),
    "exact_only": "|b1",
}
_OPEN_FROM, _OPEN_UNTIL = -(2**62), 2**62


class Header(msgspec.Struct):
    """What the file holds. `generation` is the catalog's at the time of building."""

    format: int
    generation: int
    values: int
    sections: dict[str, tuple[str, list[int], int]]  # name -> dtype, shape, offset


class Index(msgspec.Struct, frozen=True):
    """An opened index."""

    generation: int
    values: int
    arrays: IndexArrays


def build(values: pa.Table) -> dict[str, npt.NDArray[Any]]:
    """The sections of an index over `values` (value_id, type, text, valid_from, valid_until, exact)."""
    types = values["type"].combine_chunks().dictionary_encode()
    names = types.dictionary.to_pylist()
    code_of = np.array([EXACT_TYPES.index(n) if n in EXACT_TYPES else ADDRESS for n in names] or [ADDRESS], np.uint8)
    kind = code_of[types.indices.to_numpy(zero_copy_only=False)] if len(values) else np.empty(0, np.uint8)
    text = values["text"].combine_chunks().cast(pa.large_string())
    at = (
        np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
        if len(text)
        else np.zeros(1, np.int64)
    )
    data = np.frombuffer(text.buffers()[2], np.uint8) if len(text) and text.buffers()[2] else np.zeros(0, np.uint8)
    seeds = np.array([secrets.randbits(64) | 1 for _ in range(len(EXACT_TYPES) + 2)], np.uint64)
    exact = int((kind != ADDRESS).sum())
    slots = np.zeros(_power(max(16, exact * 2)), np.uint64)
    nets4, nets6 = _nets(kind, text)
    bloom = np.zeros(_power(max(16, (exact + len(nets6[0])) // 3)), np.uint64)
    hashes = np.zeros(len(kind), np.uint64)
    hash_values(np.concatenate([data, np.zeros(8, np.uint8)]), at, kind, seeds, hashes)
    fill_table(hashes, kind, slots, bloom)
    prefix4, run4, net4, entry4 = _runs(nets4)
    prefix6, run6, net6, entry6 = _runs(nets6)
    near4 = np.zeros(1 << 18, np.uint64)
    prefixes4 = np.repeat(prefix4, np.diff(run4)).astype(np.uint64)
    prefixes6 = np.repeat(prefix6, np.diff(run6))
    fill_nets(net4[:, 1].copy(), prefixes4, near4, net6[:, 0].copy(), net6[:, 1].copy(), prefixes6, seeds[-1], bloom)
    # Addresses are found by number; their text isn't needed to confirm a hit.
    keep = np.repeat(kind != ADDRESS, np.diff(at))
    lengths = np.where(kind != ADDRESS, np.diff(at), 0)
    return {
        "seeds": seeds,
        "slots": slots,
        "bloom": bloom,
        "data": data[at[0] : at[-1]][keep] if len(kind) else data,
        "at": np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)]),
        "kind": kind,
        "exact_only": np.asarray(
            values["exact"].combine_chunks().fill_null(False).to_numpy(zero_copy_only=False), np.bool_
        ),
        "value_id": values["value_id"].to_numpy().astype(np.int64),
        "valid_from": values["valid_from"].combine_chunks().fill_null(_OPEN_FROM).to_numpy().astype(np.int64),
        "valid_until": values["valid_until"].combine_chunks().fill_null(_OPEN_UNTIL).to_numpy().astype(np.int64),
        "near4": near4,
        "prefix4": prefix4,
        "run4": run4,
        "net4": net4[:, 1].copy(),
        "entry4": entry4,
        "prefix6": prefix6,
        "run6": run6,
        "net6_high": net6[:, 0].copy(),
        "net6_low": net6[:, 1].copy(),
        "entry6": entry6,
    }


def write(path: Path, sections: dict[str, npt.NDArray[Any]], generation: int) -> None:
    """Write the index beside `path` and move it there: readers see the old one or the new one."""
    place, table = _HEADER, {}
    for name, array in sections.items():
        place = (place + 63) // 64 * 64
        table[name] = (array.dtype.str, list(array.shape), place)
        place += array.nbytes
    header = msgspec.json.encode(
        Header(format=FORMAT, generation=generation, values=len(sections["kind"]), sections=table)
    )
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(header.ljust(_HEADER, b"\0"))
            for name, array in sections.items():
                file.seek(table[name][2])
                file.write(np.ascontiguousarray(array).data.cast("B") if array.nbytes else b"")
            file.truncate(place)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load(path: Path) -> Index | None:
    """Map the index; None if there is none or it is another format's (then it is built anew)."""
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise NodeCannot("detect.index_open", path=str(path))
            if os.fstat(file.fileno()).st_size < _HEADER:
                return None
            mapped = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    except FileNotFoundError:
        return None
    try:
        header = msgspec.json.decode(mapped[:_HEADER].rstrip(b"\0"), type=Header)
    except msgspec.DecodeError:
        return None
    if header.format != FORMAT or set(header.sections) != set(IndexArrays._fields):
        return None
    arrays = {}
    for name, (dtype, shape, offset) in header.sections.items():
        if dtype != _TYPES.get(name, "<u8") or len(shape) != 1 or shape[0] < 0 or offset < _HEADER or offset % 64:
            return None
        if offset + shape[0] * np.dtype(dtype).itemsize > len(mapped):
            return None
        if name in ("slots", "bloom") and shape[0] != _power(max(shape[0], 1)):
            return None
        arrays[name] = np.frombuffer(mapped, dtype, shape[0], offset)
    return Index(generation=header.generation, values=header.values, arrays=IndexArrays(**arrays))


def _power(n: int) -> int:
    return 1 << (n - 1).bit_length()


Nets = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int32]]  # prefix, (high, low), entry


def _nets(kind: npt.NDArray[np.uint8], text: pa.LargeStringArray) -> tuple[Nets, Nets]:
    """The address values as nets of both families; a range becomes the few nets that cover it exactly."""
    found4: list[tuple[int, int, int]] = []
    found6: list[tuple[int, int, int]] = []
    entries = np.flatnonzero(kind == ADDRESS)
    for entry, value in zip(entries.tolist(), text.take(pa.array(entries)).to_pylist(), strict=True):
        found = found6 if ":" in value else found4
        for prefix, address in _as_nets(value):
            found.append((prefix, address, entry))
    return _arrays(found4), _arrays(found6)


def _as_nets(value: str) -> Iterator[tuple[int, int]]:
    if "-" in value:
        first, last = value.split("-", 1)
        low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
        for net in ipaddress.summarize_address_range(low, high):
            yield net.prefixlen, int(net.network_address)
        return
    address, _, prefix = value.partition("/")
    if ":" in address:
        yield int(prefix or 128), int(ipaddress.IPv6Address(address))
    else:
        a, b, c, d = address.split(".")
        yield int(prefix or 32), int(a) << 24 | int(b) << 16 | int(c) << 8 | int(d)


def _arrays(found: list[tuple[int, int, int]]) -> Nets:
    prefix = np.array([f[0] for f in found], np.int64)
    words = np.empty((len(found), 2), np.uint64)
    words[:, 0] = [f[1] >> 64 for f in found]
    words[:, 1] = [f[1] & (2**64 - 1) for f in found]
    return prefix, words, np.array([f[2] for f in found], np.int32)


def _runs(
    nets: Nets,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Sorted by prefix length, then address: the lengths, where each one's run begins, the nets, their entries."""
    prefix, words, entry = nets
    order = np.lexsort((words[:, 1], words[:, 0], prefix))
    lengths, begins = np.unique(prefix[order], return_index=True)
    return lengths.astype(np.int64), np.append(begins, len(prefix)).astype(np.int64), words[order], entry[order]
