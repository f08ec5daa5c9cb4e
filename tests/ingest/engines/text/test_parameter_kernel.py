"""Structured data against a regular expression."""

import re
import string

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.delimited.delimited_table import ExtraKeys
from haechi.ingest.engines.text.cell_kernel import EXTRA, MOST_CELLS
from haechi.ingest.engines.text.key_kernel import KeyTable
from haechi.ingest.engines.text.keys import Keys
from haechi.ingest.engines.text.parameter_kernel import UNKNOWN_KEY, put_parameters
from haechi.ingest.refusal import OK
from haechi.model.block import ARENA, ITEMS
from haechi.model.jit import Num, kernel

ROOM = 4096


@kernel
def _put(cells: Num, buf: Num, state: Num, k: KeyTable, n: Num) -> Num:
    k.unknown[3] += 1
    return put_parameters(
        cells, buf, state, k.slot, k.text, k.length, k.target, k.seen, k.unknown, np.int64(0), n, k.unknown[3]
    )


_name = st.text(string.ascii_letters + string.digits + "._-", min_size=1, max_size=12)
_value = st.text(st.characters(min_codepoint=32, max_codepoint=0x3000, exclude_categories=["Cs"]), max_size=20)


def _written(name: str, value: str) -> str:
    escaped = re.sub(r'(["\\\]])', r"\\\1", value)
    return f' {name}="{escaped}"'


@given(st.lists(st.tuples(_name, st.lists(st.tuples(_name, _value), max_size=4)), min_size=1, max_size=3))
def test_equals_a_regular_expression(elements: list[tuple[str, list[tuple[str, str]]]]) -> None:
    text = "".join(f"[{name}{''.join(_written(k, v) for k, v in pairs)}]" for name, pairs in elements)
    wanted: dict[str, str] = {}
    for k, v in re.findall(r' ([\w.-]+)="((?:[^"\\]|\\.)*)"', text):
        if v:
            wanted.setdefault(k, re.sub(r'\\(["\\\]])', r"\1", v))
    data = text.encode()
    buf = np.zeros(len(data) + ROOM, np.uint8)
    buf[: len(data)] = np.frombuffer(data, np.uint8)
    state = np.zeros(ITEMS + 3, np.int64)
    extra = ExtraKeys()
    keys, cells = Keys({}, extra), np.zeros((MOST_CELLS, 3), np.int64)
    while True:
        cells[0, 0], state[ARENA] = 0, len(data) + 64
        code = _put(cells, buf, state, keys.table, len(data))
        if code != UNKNOWN_KEY or not keys.learn(buf):
            break
    assert code == OK
    names = list(extra.numbers)
    found = {names[t - EXTRA]: buf[at : at + n].tobytes().decode() for t, at, n in cells[1 : cells[0, 0] + 1].tolist()}
    assert found == wanted
