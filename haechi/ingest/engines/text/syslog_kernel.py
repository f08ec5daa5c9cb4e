"""The scanner of syslog lines: header, then the program's templates; a message that none fits is kept whole in `extra`."""

import numpy as np

from haechi.ingest.engines.text.cell_kernel import EXTRA, NUMBER, fill_row, put
from haechi.ingest.engines.text.key_kernel import KeyTable
from haechi.ingest.engines.text.parameter_kernel import UNKNOWN_KEY, put_parameters
from haechi.ingest.engines.text.row_kernel import line_bounds, same_bytes
from haechi.ingest.engines.text.syslog_header_kernel import (
    DATA,
    HOST,
    KIND,
    MESSAGE,
    PID,
    PRIORITY,
    PROGRAM,
    TIME,
    put_inferred,
    read_header,
)
from haechi.ingest.engines.text.template_kernel import TemplateTable, find_program, match_template, put_captures
from haechi.ingest.refusal import ARENA_FULL, NO_TIME, OK
from haechi.model.block import BAD, BLANK, LINES, POSITION, ROWS, Arrays, N, T
from haechi.model.jit import Num, kernel, part

# As np.int64 and not as Python's int: Numba compiles a kernel's parts anew for each literal.
_TIME, _TYPE, _APP, _SIGNATURE, _SIGNATURE_ID, _ACTION, _CATEGORY = map(
    np.int64,
    [T[name] for name in ("time", "source_type", "app_proto", "signature", "signature_id", "action", "category")],
)
_SEVERITY = np.int64(NUMBER + N["severity"])
_REPEATED = np.frombuffer(b"message repeated  times: [ ", np.uint8)


@part
def _inside_repeated(buf: Num, begin: Num, end: Num, spans: Num) -> Num:
    """rsyslog's `message repeated 5 times: [ ... ]`: True, and the count and the message inside in spans[0:4]."""
    if end - begin < 30 or buf[begin] != 109 or not same_bytes(buf, begin, _REPEATED, np.int64(0), np.int64(17)):
        return False
    i = begin + 17
    while i < end and 48 <= buf[i] <= 57:
        i += 1
    if i == begin + 17 or i + 10 > end or not same_bytes(buf, i, _REPEATED, np.int64(17), np.int64(10)):
        return False
    spans[0], spans[1] = begin + 17, i
    spans[2], spans[3] = i + 10, end - 1 if buf[end - 1] == 93 else end
    return True


@kernel
def scan_syslog(
    a: Arrays, t: TemplateTable, k: KeyTable, cells: Num, keys: Num, words: Num, end: Num, max_rows: Num
) -> Num:
    """Scan from state[POSITION] to at most `end`, `max_rows` rows, an unknown key or a full block; returns the row count.

    `words` is where the constant texts stand in buf; INFERRED first; keys: numbers of the extra cells
    host, pid, repeated, ts_inferred.
    """
    buf, text, start, num, valid, state = a.buf, a.text, a.start, a.num, a.valid, a.state
    item, item_start, item_row, item_key = a.item, a.item_start, a.item_row, a.item_key
    program_low, program_high, programs, templates, segments = (
        t.program_low,
        t.program_high,
        t.program,
        t.template,
        t.segment,
    )
    spans, captured = a.work[0], a.work[1]
    i: Num = state[POSITION]
    row: Num = state[ROWS]
    bad: Num = state[BAD]
    lines: Num = state[LINES]
    blank: Num = state[BLANK]
    bad_capacity = a.bad_at.shape[0]
    while i < end and row < max_rows and bad < bad_capacity:
        code, begin, stop, newline = line_bounds(buf, i)
        field: Num = -1
        if stop == begin:
            lines += 1
            blank += 1
            i = newline + 1
            continue
        if code == OK:
            cells[0, 0] = 0
            read_header(buf, begin, stop, spans)
            if spans[TIME + 1] == spans[TIME]:
                code = NO_TIME
                field = _TIME
        if code == OK:
            put(cells, _TIME, spans[TIME], spans[TIME + 1] - spans[TIME])
            put_inferred(cells, buf, spans[TIME], spans[TIME + 1], keys[3], words)
            put(cells, EXTRA + keys[0], spans[HOST], spans[HOST + 1] - spans[HOST])
            put(cells, EXTRA + keys[1], spans[PID], spans[PID + 1] - spans[PID])
            program_at: Num = spans[PROGRAM]
            program_n: Num = spans[PROGRAM + 1] - program_at
            put(cells, _CATEGORY, program_at, program_n)
            put(cells, _SIGNATURE_ID, spans[KIND], spans[KIND + 1] - spans[KIND])
            if spans[PRIORITY] >= 0:
                put(cells, _SEVERITY, spans[PRIORITY] & 7, np.int64(1))
            message: Num = spans[MESSAGE]
            message_end: Num = spans[MESSAGE + 1]
            if spans[DATA + 1] > spans[DATA]:
                k.unknown[3] += 1
                code = put_parameters(
                    cells, buf, state, k.slot, k.text, k.length, k.target, k.seen, k.unknown,
                    spans[DATA], spans[DATA + 1], k.unknown[3],
                )  # fmt: skip
            if _inside_repeated(buf, message, message_end, captured):
                put(cells, EXTRA + keys[2], captured[0], captured[1] - captured[0])
                message, message_end = captured[2], captured[3]
            program: Num = find_program(buf, program_at, program_n, program_low, program_high, programs)
            number: Num = np.int64(-1)
            if program >= 0:
                number = match_template(
                    buf,
                    message,
                    message_end,
                    programs[program, 1],
                    programs[program, 2],
                    templates,
                    segments,
                    t.text,
                    captured,
                )
            if number >= 0:
                put_captures(cells, buf, templates[number, 0], templates[number, 1], segments, captured, t.host_key)
                put(cells, _SIGNATURE, words + templates[number, 2], templates[number, 3])
                put(cells, _ACTION, words + templates[number, 4], templates[number, 5])
                put(cells, _APP, words + programs[program, 5], programs[program, 6])
            else:
                program = np.int64(program_low.shape[0])
                put(cells, EXTRA + t.message_key, message, message_end - message)
            put(cells, _TYPE, words + programs[program, 3], programs[program, 4])
            if code == OK and not fill_row(
                cells, text, start, num, valid, buf, item, item_start, item_row, item_key, state, row
            ):
                code = ARENA_FULL
        if code == OK:
            a.offset[row] = begin
            a.length[row] = stop - begin
            row += 1
        else:
            if code == UNKNOWN_KEY or (code == ARENA_FULL and row > 0):
                break
            a.bad_at[bad] = begin
            a.bad_length[bad] = stop - begin
            a.bad_code[bad] = code
            a.bad_field[bad] = field
            bad += 1
        i = newline + 1
        lines += 1
    state[POSITION] = i
    state[ROWS] = row
    state[BAD] = bad
    state[LINES] = lines
    state[BLANK] = blank
    return row
