"""RFC 5424 structured data: `[id name="value" ...]`, each parameter under its own name."""

import numpy as np

from haechi.ingest.engines.text.cell_kernel import put
from haechi.ingest.engines.text.key_kernel import LONGEST_KEY, MOST_KEYS, find_key
from haechi.ingest.refusal import ARENA_FULL, OK
from haechi.ingest.text_kernel import has_room
from haechi.model.block import ARENA
from haechi.model.jit import Num, part

UNKNOWN_KEY = 255  # no refusal: the scan stops, the caller learns the key and calls again


@part
def put_parameters(
    cells: Num, buf: Num, state: Num, slot: Num, key_text: Num, key_length: Num, target: Num, seen: Num, unknown: Num,
    begin: Num, end: Num, mark: Num,
) -> Num:  # fmt: skip
    """Note the parameters of buf[begin:end]; a code. The first of several with one name counts."""
    i = begin
    while i < end:
        # behind `[id` or a parameter: a space, a name, ="
        while i < end and buf[i] != 32 and buf[i] != 93:
            i += 1
        name = i + 1
        if i >= end or buf[i] == 93:
            i += 1
            continue
        i = name
        while i < end and buf[i] != 61 and buf[i] != 93 and buf[i] != 32:
            i += 1
        n = i - name
        if i + 1 >= end or buf[i] != 61 or buf[i + 1] != 34 or n > LONGEST_KEY or n == 0:
            continue
        value = i + 2
        i = value
        escapes = False
        while i < end and buf[i] != 34:
            if buf[i] == 92 and (buf[i + 1] == 34 or buf[i + 1] == 92 or buf[i + 1] == 93):
                escapes = True
                i += 1
            i += 1
        stop = i
        i += 1
        entry = find_key(buf, name, n, slot, key_text, key_length)
        if entry < 0:
            if unknown[2] < MOST_KEYS:
                unknown[0] = name
                unknown[1] = n
                return UNKNOWN_KEY
            entry = np.int64(MOST_KEYS - 1)
        if stop == value or seen[entry] == mark:
            continue
        seen[entry] = mark
        if escapes:
            if not has_room(buf, state, stop - value):
                return ARENA_FULL
            o = state[ARENA]
            first = o
            j = value
            while j < stop:
                if buf[j] == 92 and (buf[j + 1] == 34 or buf[j + 1] == 92 or buf[j + 1] == 93):
                    j += 1
                buf[o] = buf[j]
                o += 1
                j += 1
            state[ARENA] = o
            value, stop = first, o
        put(cells, target[entry], value, stop - value)
    return OK
