"""Constant text cells: what a format implies and no line says."""

from haechi.ingest.text_kernel import is_valid, set_text
from haechi.model.jit import Num, kernel


@kernel
def fill_constants(
    text: Num, start: Num, valid: Num, buf: Num, slots: Num, lengths: Num, begin: Num, first_row: Num, rows: Num
) -> None:
    """Fill slots[k] of rows first_row .. rows with the k-th text, which stand one behind the other at `begin`."""
    for k in range(slots.shape[0]):
        for row in range(first_row, rows):
            if not is_valid(valid, slots[k], row):
                set_text(text, start, valid, buf, slots[k], row, begin, lengths[k])
        begin += lengths[k]
