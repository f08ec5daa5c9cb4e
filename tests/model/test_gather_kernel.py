"""A column's strings side by side equal Arrow's own reading of the views."""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from haechi.model.block import Block, T
from haechi.model.gather_kernel import gather_text, text_bytes


@given(st.lists(st.none() | st.text(max_size=40), min_size=1, max_size=70))
def test_gathered_equals_the_views(texts: list[str | None]) -> None:
    block = Block(chunk=64, rows=128)
    block.reset(0)
    slot = T["domain"]
    for row, text in enumerate(texts):
        if text is not None:
            assert block.put_text(slot, row, text)
    a, rows = block.a, len(texts)
    offsets = np.empty(rows + 1, np.int32)
    size = text_bytes(a.text[slot], a.valid[slot], rows)
    data = np.empty(size + 16, np.uint8)
    gather_text(a.text[slot], a.start[slot], a.valid[slot], a.buf, rows, offsets, data)
    buffers = [pa.py_buffer(a.valid[slot]), pa.py_buffer(offsets), pa.py_buffer(data)]
    assert pa.Array.from_buffers(pa.string(), rows, buffers).to_pylist() == texts
    assert size == sum(len((text or "").encode()) for text in texts) == offsets[rows]
