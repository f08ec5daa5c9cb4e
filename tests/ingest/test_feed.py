import gzip
import json
import os
import resource
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.feed import KEPT_OF_LONG, LIVE_SECONDS, TAIL, Feed, Piece, Refused
from haechi.ingest.refusal import CUT_OFF, TOO_LONG
from haechi.ingest.source import Source
from haechi.model.block import Block

NOW = 1_790_000_000_000_000


def fed(
    path: Path, data: bytes, *, chunk: int, document: bool = False, at: int = 0, age: int = 600, mark: bytes = b""
) -> tuple[list[tuple[int, bytes]], list[Refused], list[Piece], Feed]:
    """(offset, line) of all lines, the refusals, the pieces and the feed itself."""
    path.write_bytes(data)
    os.utime(path, (NOW / 1e6 - age,) * 2)
    source, block = Source(path), Block(chunk=chunk, rows=64)
    feed = Feed(source, document=document, multiline=False, header_mark=mark, now=NOW)
    assert feed.resume_at(at)
    lines: list[tuple[int, bytes]] = []
    refused: list[Refused] = []
    pieces: list[Piece] = []
    try:
        while (piece := feed.next(block)) is not None:
            text = bytes(block.a.buf[: piece.length])
            assert not text or text.endswith(b"\n")
            lines += [(piece.base + at, line) for at, line in split(text)]
            refused += piece.refused
            pieces.append(piece)
    finally:
        source.close()
    return lines, refused, pieces, feed


def split(data: bytes) -> list[tuple[int, bytes]]:
    found, at = [], 0
    for line in data.split(b"\n"):
        if line.strip():
            found.append((at, line))
        at += len(line) + 1
    return found


def check_tails(pieces: list[Piece], data: bytes) -> None:
    """By `end` and `tail` the input is known again: they must be the stream's own bytes."""
    last = 0
    for piece in pieces:
        assert piece.end > last
        last = piece.end
        assert 0 < len(piece.tail) <= TAIL
        assert data[: piece.end].endswith(piece.tail)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("feed") / "log"


lines_of = st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"\n", b" ")), max_size=40)


@given(lines=lines_of, chunk=st.integers(64, 400), newline=st.booleans(), ending=st.sampled_from([b"\n", b"\r\n"]))
def test_every_line_once_at_its_place(path: Path, lines: list[bytes], chunk: int, newline: bool, ending: bytes) -> None:
    data = ending.join(lines) + (ending if newline else b"")
    if data.startswith((b"\xef\xbb\xbf", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):  # a mark, gzip, zstd: read otherwise
        data = b"x" + data
    found, refused, pieces, feed = fed(path, data, chunk=chunk)
    assert found == split(data)
    assert refused == []
    assert feed.left == 0
    if pieces:
        assert pieces[-1].end == len(data)
    check_tails(pieces, data)


@given(lines=lines_of, chunk=st.integers(64, 400), data=st.data())
def test_going_on_from_any_piece_gives_the_rest(path: Path, lines: list[bytes], chunk: int, data: Any) -> None:
    text = b"".join(b"%d " % n + line + b"\n" for n, line in enumerate(lines))
    whole, _, pieces, _ = fed(path, text, chunk=chunk)
    if not pieces:
        return
    at = data.draw(st.sampled_from([piece.end for piece in pieces]))
    rest, _, later, _ = fed(path, text, chunk=chunk, at=at)
    assert rest == [line for line in whole if line[0] >= at]
    assert all(not piece.lines_known for piece in later)


@pytest.mark.parametrize("chunk", [64, 100, 4096])
def test_the_byte_order_mark_is_no_text_but_counts(path: Path, chunk: int) -> None:
    data = b"\xef\xbb\xbf" + b'{"a":1}\n' * 30
    found, _, pieces, _ = fed(path, data, chunk=chunk)
    assert found[0] == (0, b"   " + b'{"a":1}')
    assert found[1:] == split(data)[1:]
    check_tails(pieces, data)


def test_a_live_file_keeps_its_last_line_for_later(path: Path) -> None:
    data = b"one\ntwo\nthr"
    found, refused, pieces, feed = fed(path, data, chunk=4096, age=LIVE_SECONDS - 1)
    assert found == [(0, b"one"), (4, b"two")]
    assert (feed.left, pieces[-1].end, refused) == (3, 8, [])
    check_tails(pieces, data)
    found, _, pieces, feed = fed(path, data, chunk=4096, age=LIVE_SECONDS + 1)
    assert found[-1] == (8, b"thr")
    assert (feed.left, pieces[-1].end) == (0, len(data))


def test_a_file_from_the_future_is_not_live(path: Path) -> None:
    """Else its last line would never be read."""
    assert fed(path, b"one\ntwo", chunk=4096, age=-86_400)[0] == [(0, b"one"), (4, b"two")]


def test_an_empty_file_has_no_piece(path: Path) -> None:
    assert fed(path, b"", chunk=64)[:3] == ([], [], [])


def test_blank_ends_count_as_read(path: Path) -> None:
    data = b"one\n\n  \n\0\0"
    found, refused, pieces, _ = fed(path, data, chunk=4096, age=1)
    assert (found[0], refused, pieces[-1].end) == ((0, b"one"), [], len(data))


@pytest.mark.parametrize("place", ["first", "middle", "last", "only"])
@pytest.mark.parametrize("newline", [True, False])
@pytest.mark.parametrize("length", [256, 700, 70_000, 3_000_000])
def test_a_line_longer_than_a_piece_is_refused_as_a_whole(path: Path, place: str, newline: bool, length: int) -> None:
    if not newline and place not in ("last", "only"):
        return
    long, short = b"x" * length, [b"line %d" % n for n in range(30)]
    lines = {"first": [long, *short], "middle": [*short, long, *short], "last": [*short, long], "only": [long]}[place]
    data = b"\n".join(lines) + (b"\n" if newline else b"")
    found, refused, pieces, _ = fed(path, data, chunk=256)
    assert found == [line for line in split(data) if line[1] != long]
    at = data.index(long)
    assert [(r.offset, r.length, r.code, r.raw) for r in refused] == [
        (at, length, TOO_LONG, long[: len(refused[0].raw)])
    ]
    assert 0 < len(refused[0].raw) <= KEPT_OF_LONG
    assert pieces[-1].end == len(data)
    check_tails(pieces, data)


def test_thirty_megabytes_of_one_line_take_no_memory(path: Path) -> None:
    with path.open("wb") as file:
        file.write(b"one\n")
        file.truncate(30 << 20)
        file.seek(0, os.SEEK_END)
        file.write(b"\ntwo\n")
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    source, block = Source(path), Block(chunk=1 << 16, rows=64)
    feed = Feed(source, document=False, multiline=False, header_mark=b"", now=NOW)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pieces = []
    while (piece := feed.next(block)) is not None:
        pieces.append((piece.base, bytes(block.a.buf[: piece.length]).strip(b"\0"), [r.length for r in piece.refused]))
    source.close()
    assert pieces[0][:2] == (0, b"one\n")
    assert [length for piece in pieces for length in piece[2]] == [(30 << 20) - 4]
    assert pieces[-1][:2] == ((30 << 20) + 1, b"two\n")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 8 << 10


def test_a_cut_off_gzip_gives_its_good_lines_then_the_refusal(path: Path) -> None:
    lines = b"".join(b"line %d\n" % n for n in range(20_000))
    packed = gzip.compress(lines)
    found, refused, pieces, _ = fed(path, packed[: len(packed) // 2], chunk=4096)
    assert found == split(lines)[: len(found)]
    assert len(found) > 1000
    assert [r.code for r in refused] == [CUT_OFF]
    assert lines[refused[0].offset :].startswith(refused[0].raw)
    assert refused[0].offset == pieces[-1].open_at == found[-1][0] + len(found[-1][1]) + 1
    assert pieces[-1].end == refused[0].offset + refused[0].length
    check_tails(pieces, lines)


def test_a_gzip_cut_off_at_a_lines_end_is_refused_too(path: Path) -> None:
    """Every line read is whole, but what followed is missing: silence would hide that."""
    lines = b"line\n" * 1000
    found, refused, _, _ = fed(path, gzip.compress(lines)[:-4], chunk=1 << 16)
    assert len(found) == 1000
    assert [(r.code, r.offset, r.length) for r in refused] == [(CUT_OFF, len(lines), 0)]


@pytest.mark.parametrize("document", [False, True])
def test_what_nothing_ends_can_be_given_back(path: Path, document: bool) -> None:
    data = b'{"a":1}\n' * 50 + b'{"a":'
    path.write_bytes(data)
    os.utime(path, (NOW / 1e6 - 600,) * 2)
    source, block = Source(path), Block(chunk=4096, rows=64)
    feed = Feed(source, document=document, multiline=False, header_mark=b"", now=NOW)
    pieces = list(iter(lambda: feed.next(block), None))
    assert (pieces[-1].end, feed.ended) == (len(data), True)
    assert pieces[-1].open_at == len(data) - (6 if document else 5), "a document's record ends at its brace"
    feed.give_back(pieces[-1], 5)
    check_tails(pieces, data[:-5])
    assert feed.next(block) is None
    source.close()


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_going_on_takes_the_last_header_before_the_offset(path: Path, pack: Any) -> None:
    """However far down it stands, also where a line before it is longer than what is read at once."""
    data = b"#fields\ta\tb\n" + b"1\t2\n" * 30_000 + b"x" * (3 << 20) + b"\n#fields\tb\ta\n" + b"2\t1\n" * 30_000
    offset = len(data)
    data += b"2\t1\n#fields\tc\n3\n"
    path.write_bytes(pack(data))
    source, block = Source(path), Block(chunk=4096, rows=64)
    feed = Feed(source, document=False, multiline=False, header_mark=b"#fields", now=NOW)
    assert feed.resume_at(offset)
    piece = feed.next(block)
    source.close()
    assert piece is not None
    assert piece.header.split(b"\n")[:-1] == [b"#fields\ta\tb", b"#fields\tb\ta"]


def test_a_header_over_the_border_of_two_pieces_is_whole(path: Path) -> None:
    lines = [b"%03d" % n for n in range(40)]
    for at in range(1, 40):
        data = b"\n".join([*lines[:at], b"#fields a b", b"#types t u", *lines[at:]]) + b"\n"
        _, _, pieces, _ = fed(path, data, chunk=64, mark=b"#fields")
        before = data[: pieces[-1].base].splitlines(keepends=True)
        assert pieces[-1].header == b"".join(line for line in before if line.startswith(b"#")), at


@given(lines=st.lists(st.sampled_from([b"#fields a b", b"#close x", b"1 2", b"3 4 5 6", b"# c"]), max_size=60))
def test_pieces_carry_the_headers_that_stood_before_them(path: Path, lines: list[bytes]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    _, _, pieces, _ = fed(path, data, chunk=64, mark=b"#fields")
    for piece in pieces:
        before = data[: piece.base].split(b"\n")
        fields = [line for line in before if line.startswith(b"#fields")]
        assert piece.header.count(b"#fields") == len(fields)


records = st.lists(
    st.dictionaries(
        st.text(max_size=5), st.one_of(st.text(max_size=20), st.integers(), st.lists(st.text(max_size=5))), max_size=4
    ),
    max_size=12,
)
layout = st.sampled_from(["array", "pretty array", "pretty", "pretty apart"])


def document_of(found: list[dict[str, Any]], how: str) -> bytes:
    if how == "array":
        return json.dumps(found).encode()
    if how == "pretty array":
        return json.dumps(found, indent=2, ensure_ascii=False).encode(errors="replace")
    return ("\n" if how == "pretty" else "\n\n").join(json.dumps(r, indent=1) for r in found).encode() + b"\n"


def places(data: bytes, count: int) -> list[int]:
    """Where the outermost objects begin, by a plain scan."""
    found, depth, inside, escaped = [], 0, False, False
    for at, byte in enumerate(data):
        if inside:
            escaped, inside = (byte == 92 and not escaped), not (byte == 34 and not escaped)
        elif byte == 34:
            inside = True
        elif byte == 123:
            if depth == 0:
                found.append(at)
            depth += 1
        elif byte == 125:
            depth -= 1
    assert len(found) == count
    return found


@given(found=records, how=layout, room=st.integers(0, 300))
def test_documents_keep_their_records_and_places_at_every_size_of_piece(
    path: Path, found: list[dict[str, Any]], how: str, room: int
) -> None:
    data = document_of(found, how)
    longest = max([len(data) // max(1, len(found)), *(len(json.dumps(r, indent=2)) * 7 for r in found)], default=0)
    lines, refused, pieces, _ = fed(path, data, chunk=longest + 80 + room, document=True)
    assert refused == []
    decoder = json.JSONDecoder()
    read: list[tuple[int, Any]] = []
    for at, line in lines:
        text = line.decode()
        skip = 0
        while (begin := text.find("{", skip)) >= 0:
            value, skip = decoder.raw_decode(text, begin)
            read.append((at + len(text[:begin].encode()), value))
    assert [value for _, value in read] == json.loads(json.dumps(found))
    assert [at for at, _ in read] == places(data, len(found))
    assert all(not piece.lines_known for piece in pieces)


@pytest.mark.parametrize("tail", [b'{"a": [1, {"b": "x', b'{"a":'])
def test_a_document_that_ends_in_mid_record(path: Path, tail: bytes) -> None:
    data = b'[{"a": 1},\n{"a": 2},\n' + tail
    lines, refused, pieces, _ = fed(path, data, chunk=4096, document=True)
    assert [line.strip() for _, line in lines] == [b'{"a": 1}', b'{"a": 2}']
    assert [(r.code, r.raw.strip(b" \n")) for r in refused] == [(CUT_OFF, tail)]
    assert pieces[-1].end == len(data)
