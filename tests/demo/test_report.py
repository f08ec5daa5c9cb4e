"""Lines between processes."""

import msgspec
import pytest

from haechi.demo.report import Progress, decode, encode
from tests.demo.shared import BEGAN, ENDED


def test_a_line_is_read_as_it_was_written():
    line = Progress(country="TW", hour=6, doing="logs", events=7)
    assert decode(encode(line)) == line
    assert encode(line).endswith("}\n")


def test_anything_else_is_refused():
    with pytest.raises(msgspec.ValidationError):
        decode('{"type":"gossip"}')


def test_an_exchange_is_read_as_it_was_written():
    for line in (BEGAN, ENDED):
        assert decode(encode(line)) == line
