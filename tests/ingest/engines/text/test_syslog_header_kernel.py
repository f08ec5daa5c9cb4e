"""Syslog headers: where each part stands, and what a time leaves to be inferred."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.text.syslog_header_kernel import (
    DATA,
    HOST,
    KIND,
    MESSAGE,
    PID,
    PRIORITY,
    PROGRAM,
    SPANS,
    TIME,
    read_header,
    time_lacks,
)
from haechi.model.jit import Num, kernel


@kernel
def _read(buf: Num, n: Num, spans: Num) -> None:
    read_header(buf, np.int64(0), n, spans)


@kernel
def _lacks(buf: Num, n: Num) -> Num:
    return time_lacks(buf, np.int64(0), n)


def _bytes(text: bytes) -> np.ndarray:
    return np.frombuffer(text + bytes(64), np.uint8).copy()


def parts(line: bytes) -> tuple[int, tuple[bytes, ...]]:
    """(priority, time, host, program, pid, kind, data, message) of a line."""
    spans = np.zeros(64, np.int64)
    _read(_bytes(line), len(line), spans)
    places = (TIME, HOST, PROGRAM, PID, KIND, DATA, MESSAGE)
    return int(spans[PRIORITY]), tuple(line[spans[place] : spans[place + 1]] for place in places)


@pytest.mark.parametrize(
    ("line", "priority", "wanted"),
    [
        (b"<34>1 2026-03-10T00:00:01Z h app 12 ID [a b=\"c\"][d] m", 34, (b"2026-03-10T00:00:01Z", b"h", b"app", b"12", b"ID", b'[a b="c"][d]', b"m")),
        (b"<34>1 - h app - - - m", 34, (b"", b"h", b"app", b"", b"", b"", b"m")),
        (b'<34>1 2026-03-10T00:00:01Z h app - - [a b="x\\]y"] m', 34, (b"2026-03-10T00:00:01Z", b"h", b"app", b"", b"", b'[a b="x\\]y"]', b"m")),
        (b"<34> 2026-03-10T00:00:01Z h app 1 - [a] m", 34, (b"2026-03-10T00:00:01Z", b"h", b"app", b"1", b"", b"[a]", b"m")),
        (b"Mar 10 00:00:01 h app[1]: m", -1, (b"Mar 10 00:00:01", b"h", b"app", b"1", b"", b"", b"m")),
        (b"<999>Mar 10 00:00:01 h app: m", -1, (b"", b"", b"", b"", b"", b"", b"<999>Mar 10 00:00:01 h app: m")),
        (b"Mar 10 00:00:01 h CEF:0|a", -1, (b"Mar 10 00:00:01", b"h", b"", b"", b"", b"", b"CEF:0|a")),
        (b"Mar 10 00:00:01", -1, (b"Mar 10 00:00:01", b"", b"", b"", b"", b"", b"")),
        (b"Mar 10 00:00:01 h app[1", -1, (b"Mar 10 00:00:01", b"h", b"", b"", b"", b"", b"app[1")),
    ],
)  # fmt: skip
def test_parts(line: bytes, priority: int, wanted: tuple[bytes, ...]) -> None:
    assert parts(line) == (priority, wanted)


@given(st.binary(max_size=120))
def test_parts_lie_within_the_line(line: bytes) -> None:
    spans = np.zeros(64, np.int64)
    _read(_bytes(line), len(line), spans)
    assert all(0 <= at <= len(line) for k, at in enumerate(spans[:SPANS].tolist()) if k != PRIORITY)


@pytest.mark.parametrize(
    ("time", "lacks"),
    [(b"Mar 10 00:00:01", 1), (b"Mar 10 2026 00:00:01", 2), (b"Mar 10 00:00:01 GMT", 3), (b"2026-03-10T00:00:01", 2),
     (b"2026-03-10T00:00:01.5Z", 0), (b"1773100800.5", 0)],
)  # fmt: skip
def test_what_a_time_lacks(time: bytes, lacks: int) -> None:
    assert _lacks(_bytes(time), len(time)) == lacks
