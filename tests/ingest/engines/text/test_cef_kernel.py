"""Where a CEF record begins in a line."""

import numpy as np
import pytest

from haechi.ingest.engines.text.cef_kernel import KEY_BYTE, find_cef
from haechi.model.jit import Num, kernel


@kernel
def _find(buf: Num, n: Num) -> Num:
    return find_cef(buf, np.int64(0), n)


@pytest.mark.parametrize(
    ("line", "rest"),
    [
        (b"CEF:0|a|b", b"a|b"),
        (b"CEF: 1.2|a|b", b"a|b"),
        (b"<1>Mar 10 00:00:01 h CEF:0|a|b", b"a|b"),
        (b"CEF:x then CEF:0|a|b", b"a|b"),
        (b"CEF:0", None),
        (b"cef:0|a", None),
        (b"", None),
    ],
)
def test_where_it_begins(line: bytes, rest: bytes | None) -> None:
    at = int(_find(np.frombuffer(line + bytes(64), np.uint8).copy(), len(line)))
    assert (line[at:] if at >= 0 else None) == rest


def test_what_a_key_is_made_of() -> None:
    assert all(KEY_BYTE[c] for c in b"cs1Label.x_-[0]")
    assert not any(KEY_BYTE[c] for c in b' =|\\"\x00')
