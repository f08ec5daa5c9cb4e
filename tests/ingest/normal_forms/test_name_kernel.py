"""Which bytes a name, a URL's path and a mail address keep: the tables against the rules; the rest is in test_finish."""

import ada_url
import numpy as np
import pytest

from haechi.ingest.normal_forms import name_kernel
from haechi.model.jit import Num, kernel


@kernel
def _path(buf: Num, n: Num) -> Num:
    return name_kernel.plain_path(buf, np.int64(0), n)


def plain(path: str) -> bool:
    data = path.encode()
    return bool(_path(np.frombuffer(data + bytes(64), np.uint8).copy(), len(data)))


def test_a_byte_that_a_path_keeps_is_one_that_the_url_parser_leaves_alone() -> None:
    for code in range(0x20, 0x80):
        for path in (f"/a{chr(code)}b", f"/a?q={chr(code)}b"):
            if plain(path):
                assert ada_url.URL("http://h.example" + path).href == "http://h.example" + path, repr(path)


@pytest.mark.parametrize("path", ["/./a", "/../a", "/a/..", "/%2e/a", "/%2E%2e", "", "a", "/a#b", "/é"])
def test_what_the_parser_would_change_is_not_plain(path: str) -> None:
    assert not plain(path)


@pytest.mark.parametrize("path", ["/", "/a.b/c", "/%20", "/a?b=c&d=%2e"])
def test_what_is_plain(path: str) -> None:
    assert plain(path)
