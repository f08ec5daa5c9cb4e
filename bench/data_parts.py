"""Vectorised pieces of text: numbers, hex, addresses, times as Arrow string arrays."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute

# pyarrow's stubs have no word for joins of text with arrays of text
pc: Any = pyarrow.compute
Text: TypeAlias = Any

TLDS = ["com", "net", "org", "tw", "kr", "com.tw", "co.kr", "xyz", "top", "info"]
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def column(values: Sequence[str] | np.ndarray[Any, Any]) -> Text:
    """Values as text."""
    return pa.array(values).cast(pa.string())


def index(rows: np.ndarray[Any, Any]) -> Any:
    """Row numbers for `take`, or a mask."""
    return pa.array(rows)


def join(*parts: Text | str) -> Text:
    """Row by row concatenation; a plain string stands in every row."""
    return pc.binary_join_element_wise(*parts, "")


def pick(values: Sequence[str] | Text, rng: np.random.Generator, n: int) -> Text:
    """`n` values drawn at random."""
    table = values if isinstance(values, pa.Array) else pa.array(values)
    return table.take(index(rng.integers(0, len(table), n)))


def _fixed(chars: np.ndarray[Any, Any]) -> Text:
    """n x width ASCII codes -> n strings."""
    n, width = chars.shape
    offsets = (np.arange(n + 1) * width).astype(np.int32)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets.tobytes()), pa.py_buffer(chars.tobytes()))


def hex_text(rng: np.random.Generator, n: int, digits: int) -> Text:
    """`n` random strings of so many hex digits."""
    return _fixed(_HEX[rng.integers(0, 16, (n, digits), dtype=np.uint8)])


def ipv4_text(addresses: np.ndarray[Any, Any]) -> Text:
    """Integers -> dotted quads."""
    octets = [column((addresses >> shift) & 255) for shift in (24, 16, 8, 0)]
    return pc.binary_join_element_wise(*octets, ".")


def ipv6_text(prefix: str, rng: np.random.Generator, n: int, groups: int) -> Text:
    """`n` random addresses (or prefixes) below `prefix`; no group starts with 0, so each is in RFC 5952 form."""
    parts = []
    for _ in range(groups):
        digits = rng.integers(0, 16, (n, 4), dtype=np.uint8)
        digits[:, 0] = rng.integers(1, 16, n)
        parts.append(_fixed(_HEX[digits]))
    return pc.binary_join_element_wise(prefix, *parts, ":")


def time_text(micros: np.ndarray[Any, Any], zone: str) -> Text:
    """Microseconds of local time -> `2026-11-01T00:00:00.000000+0800`, as Suricata writes it."""
    local = pa.array(micros).cast(pa.timestamp("us"))
    return join(pc.strftime(local, format="%Y-%m-%dT%H:%M:%S"), zone)
