"""Lines: their ends, marks and faults, against Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.text.row_kernel import line_bounds
from haechi.ingest.refusal import BAD_UTF8, CONTROL_CHARACTER, OK
from haechi.model.jit import Num, kernel

_MARK = b"\xef\xbb\xbf"


@kernel
def _bounds(buf: Num) -> Num:
    return line_bounds(buf, np.int64(0))


def _reference(text: bytes) -> tuple[int, int, int, int]:
    newline = text.index(b"\n")
    line = text[:newline]
    end = newline - 1 if line.endswith(b"\r") and len(line) > (3 if line.startswith(_MARK) else 0) else newline
    begin = 3 if line.startswith(_MARK) else 0
    if any(c < 32 and c != 9 for c in line[:-1] + line[-1:].replace(b"\r", b"")):
        return CONTROL_CHARACTER, begin, end, newline
    try:
        text[begin:end].decode()
    except UnicodeDecodeError:
        return BAD_UTF8, begin, end, newline
    return OK, begin, end, newline


@given(
    st.sampled_from([b"", _MARK]),
    st.one_of(st.binary(max_size=150), st.text(max_size=90).map(str.encode)),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_equals_python(mark: bytes, text: bytes, end: bytes) -> None:
    line = mark + text + end
    buf = np.frombuffer(line + b"next\x00\xff\n" + bytes(128), np.uint8).copy()
    assert tuple(int(x) for x in _bounds(buf)) == _reference(line)
