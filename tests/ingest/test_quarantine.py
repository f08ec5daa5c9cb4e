import numpy as np

from haechi.ingest.feed import Piece, Refused
from haechi.ingest.quarantine import KEPT, refused_by_feed, refused_records
from haechi.ingest.refusal import BAD_PORT, BRACKET, NO_TIME, REASON, TOO_LONG
from haechi.model.block import BAD, NUM, ROWS, TEXT, Block, N, T

DATA = b"first\n{broken\nthird\nfourth\n"


def block_of(data: bytes = DATA) -> Block:
    block = Block(chunk=max(4096, len(data) + 64), rows=64)
    block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
    block.reset(0)
    return block


def piece(*, known: bool = True, refused: tuple[Refused, ...] = ()) -> Piece:
    return Piece(5000, len(DATA), 5000 + len(DATA), known, b"", refused)


def refuse(block: Block, begin: int, n: int, code: int, field: int = -1) -> None:
    a, k = block.a, int(block.a.state[BAD])
    a.bad_at[k], a.bad_length[k], a.bad_code[k], a.bad_field[k] = begin, n, code, field
    a.state[BAD] = k + 1


def test_a_record_that_the_engine_refused() -> None:
    block = block_of()
    refuse(block, 6, 7, BRACKET, T["domain"])
    (found,) = refused_records(block, piece())
    assert (found.offset, found.length, found.line) == (5006, 7, 2)
    assert (found.reason, found.field, found.raw) == ("refused.bracket", "domain", b"{broken")
    assert next(refused_records(block, piece(known=False))).line is None


def test_a_row_that_the_finish_refused_names_field_and_value() -> None:
    block = block_of()
    a = block.a
    a.state[ROWS] = 3
    for row, (begin, n) in enumerate(((0, 5), (14, 5), (20, 6))):
        a.offset[row], a.length[row] = begin, n
    a.error[1], a.error_field[1] = BAD_PORT, len(TEXT) + N["dst_port"]
    a.num[N["dst_port"], 1] = 70_000
    a.error[2], a.error_field[2] = NO_TIME, T["time"]
    block.put_text(T["time"], 2, "yesterday")
    first, second = refused_records(block, piece())
    assert (first.line, first.field, first.value, first.raw) == (3, "dst_port", "70000", b"third")
    assert (second.line, second.field, second.value, second.raw) == (4, "time", "yesterday", b"fourth")


def test_refused_records_come_in_the_order_of_the_stream() -> None:
    block = block_of()
    refuse(block, 20, 6, BRACKET)
    refuse(block, 6, 7, BRACKET)
    block.a.state[ROWS] = 1
    block.a.offset[0], block.a.length[0] = 14, 5
    block.a.error[0], block.a.error_field[0] = NO_TIME, T["time"]
    assert [(r.offset, r.line) for r in refused_records(block, piece())] == [(5006, 2), (5014, 3), (5020, 4)]


def test_what_stood_in_no_block() -> None:
    (found,) = refused_by_feed(piece(refused=(Refused(7, 1 << 40, TOO_LONG, b"xxx"),)))
    assert (found.offset, found.length, found.reason, found.raw) == (7, 1 << 40, "refused.too-long", b"xxx")


def test_of_a_long_record_the_beginning_is_kept() -> None:
    block = block_of(b"x" * (KEPT + 1000) + b"\n")
    refuse(block, 0, KEPT + 1000, BRACKET)
    (found,) = refused_records(block, piece())
    assert (found.length, len(found.raw)) == (KEPT + 1000, KEPT)


def test_each_code_has_a_reason_of_its_own() -> None:
    assert len(set(REASON.values())) == len(REASON)
    assert 0 not in REASON
    assert {f for f in NUM if f in TEXT} == set(), "a field's number tells its table"
