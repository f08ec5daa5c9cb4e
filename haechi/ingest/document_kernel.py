"""JSON documents (an array of records, or records over several lines) as JSON lines, without moving a byte.

Line ends inside a record become spaces; the array's brackets and commas between records become spaces, and a line end is
put behind each record where one byte of space is free. So every record keeps its byte offset, and the scanner for
JSON lines reads it.
"""

import numpy as np

from haechi.model.jit import Num, kernel

DEPTH, IN_STRING, ESCAPED = range(3)


@kernel
def flatten(buf: Num, begin: Num, end: Num, state: Num) -> Num:
    """Rewrite buf[begin:end] in place; `state` goes on from chunk to chunk. Returns the end of the last whole record."""
    depth, in_string, escaped = state[DEPTH], state[IN_STRING], state[ESCAPED]
    whole = np.int64(begin)
    for i in range(begin, end):
        c = buf[i]
        if in_string:
            if escaped:
                escaped = 0
            elif c == 92:
                escaped = 1
            elif c == 34:
                in_string = 0
            continue
        if c == 34 and depth > 0:
            in_string = 1
        elif c == 123:
            depth += 1
        elif c == 125:
            if depth > 0:
                depth -= 1
                if depth == 0:
                    whole = i + 1
        elif depth == 0:
            if c == 91 or c == 93 or c == 44 or c == 13:
                buf[i] = 10 if i == whole else 32
        elif c == 10 or c == 13:
            buf[i] = 32
    state[DEPTH], state[IN_STRING], state[ESCAPED] = depth, in_string, escaped
    return whole
