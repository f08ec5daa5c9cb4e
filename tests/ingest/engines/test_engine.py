"""Every reader on random bytes and mutated real lines: never a crash, every line accounted for, good neighbours kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from haechi.ingest.engines.constant_kernel import fill_constants
from haechi.ingest.engines.constants import Constants, meaning_of
from haechi.ingest.engines.engine import Engine, engine_for
from haechi.ingest.engines.text.access_engine import AccessEngine
from haechi.ingest.engines.text.access_kernel import scan_access
from haechi.ingest.engines.text.cef_engine import CefEngine
from haechi.ingest.engines.text.cef_kernel import scan_cef
from haechi.ingest.engines.text.syslog_engine import SyslogEngine
from haechi.ingest.engines.text.syslog_kernel import scan_syslog
from haechi.ingest.normal_forms.finish_kernel import finish_rows
from haechi.ingest.reader import Reader
from haechi.ingest.readers import READERS, reader_named, recognise
from haechi.ingest.refusal import ARENA_FULL, OK
from haechi.messages.catalogue import text
from haechi.model.block import ARENA, POSITION, ROWS, Block, T
from haechi.model.errors import BadInput, UsageError
from tests.ingest.conftest import NOBODY, ROOT, UTC_RULE, Read, read_text

FIXTURES = {
    "suricata-eve": "eve/eve.json",
    "zeek-tsv": "zeek/conn.log",
    "zeek-json": "",
    "cef": "cef/firewall.cef",
    "access": "access/access.log",
    "syslog": "syslog/auth.log",
}
ZEEK_JSON = b'{"ts":1773100800.5,"uid":"Cabc1","id.orig_h":"192.0.2.7","id.orig_p":1,"id.resp_h":"192.0.2.8","conn_state":"SF","history":"S","duration":0.5}\n'


def sample(reader: Reader) -> bytes:
    """A few good lines of a format."""
    name = FIXTURES[reader.name]
    return (ROOT / "tests" / "data" / "ingest" / name).read_bytes() if name else ZEEK_JSON * 2


def test_every_reader_has_a_sample() -> None:
    assert {reader.name for reader in READERS} == set(FIXTURES)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_its_sample_is_recognised_and_read(read: Read, reader: Reader) -> None:
    found, why = recognise(sample(reader), "log")
    assert found is reader
    assert text(why)
    assert read(reader, sample(reader)).events
    assert not read(reader, sample(reader)).bad


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_it_is_described(reader: Reader) -> None:
    assert reader.link.startswith("https://")
    assert reader.title
    assert reader.version
    assert meaning_of(reader).activity.shape == meaning_of(reader).type_low.shape
    assert reader_named(reader.name) is reader


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(data=st.data())
def test_no_bytes_break_it(reader: Reader, data: st.DataObject) -> None:
    read_text(reader, data.draw(st.binary(max_size=400)))


def mutated(data: st.DataObject, text: bytearray) -> bytes:
    """The text with a few bytes put in, taken out, doubled or changed."""
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text) - 1))
        match data.draw(st.sampled_from(["set", "cut", "double", "number", "insert"])):
            case "set":
                text[at] = data.draw(st.sampled_from(b'\0\t\n\r "\\[]{}|=:,<>-0a\x80\xff'))
            case "cut":
                del text[at : at + data.draw(st.integers(1, 40))]
            case "double":
                text[at:at] = text[at : at + 40]
            case "number":
                text[at:at] = b"99999999999"
            case _:
                text[at:at] = data.draw(st.binary(max_size=4))
        if not text:
            break
    return bytes(text)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
@settings(max_examples=60)
@given(data=st.data())
def test_mutated_lines_break_nothing(reader: Reader, data: st.DataObject) -> None:
    read_text(reader, mutated(data, bytearray(sample(reader))))


@pytest.mark.parametrize(
    "reader", [r for r in READERS if r.engine not in ("zeek", "json")], ids=lambda reader: reader.name
)
@settings(max_examples=40)
@given(data=st.data())
def test_a_broken_line_leaves_its_neighbours(reader: Reader, data: st.DataObject) -> None:
    good = sample(reader).split(b"\n")[0] + b"\n"
    broken = data.draw(st.binary(max_size=200)).replace(b"\n", b"")
    found = read_text(reader, good + broken + b"\n" + good)
    assert found.events[0] == found.events[-1]
    assert len(found.events) >= 2


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_small_blocks_give_the_same(reader: Reader) -> None:
    text = sample(reader)
    body = text * 40 if reader.engine != "zeek" else text + text.split(b"\n", 8)[8].replace(b"#close", b"#x") * 40
    assert read_text(reader, body, rows=64).events == read_text(reader, body, rows=4096).events


def test_what_nobody_knows_is_said() -> None:
    with pytest.raises(
        BadInput, match="what.log: its format isn't recognised. Name it: --format with one of suricata-eve"
    ):
        recognise(b"nothing that is known\n", "what.log")
    with pytest.raises(BadInput, match="nothing in it"):
        recognise(b"\n\n", "empty.log")
    with pytest.raises(UsageError, match="there is no format 'x'"):
        reader_named("x")


def test_an_engine_is_one(read: Read) -> None:
    engine: Engine = engine_for(READERS[0], head=sample(READERS[0]))
    assert not engine.multiline
    assert engine.header_mark == b""


def test_zeek_columns_of_an_earlier_header() -> None:
    """A piece from the middle of a log is read with the header that stood before it."""
    log = (Path(ROOT) / "tests" / "data" / "ingest" / "zeek" / "conn.log").read_bytes()
    header = b"".join(line + b"\n" for line in log.split(b"\n") if line.startswith(b"#"))
    engine = engine_for(reader_named("zeek-tsv"))
    engine.take_header(header)
    assert engine.extra_keys.to_pylist()[-2:] == ["conn_state", "history"]


def test_each_text_format_has_its_engine() -> None:
    kinds = {name: type(engine_for(reader_named(name))) for name in ("access", "cef", "syslog")}
    assert kinds == {"access": AccessEngine, "cef": CefEngine, "syslog": SyslogEngine}


def test_constants_fill_what_a_row_leaves_open() -> None:
    block = Block(chunk=4096, rows=64)
    block.reset(0)
    block.a.state[ROWS] = 2
    Constants({"action": "blocked by the firewall", "user": "x"}).fill(block, 1)
    assert [block.text(T["action"], row) for row in (0, 1)] == [None, "blocked by the firewall"]
    assert block.text(T["user"], 1) == "x"
    Constants({"user": "y"}).fill(block, 0)
    assert [block.text(T["user"], row) for row in (0, 1)] == ["y", "x"]


def test_rows_that_a_constant_has_no_room_for_are_refused() -> None:
    block = Block(chunk=4096, rows=64)
    block.reset(0)
    block.a.state[ROWS], block.a.state[ARENA] = 2, len(block.a.buf) - 64
    Constants({"user": "x"}).fill(block, 1)
    assert block.a.error[:2].tolist() == [OK, ARENA_FULL]
    assert finish_rows(block.a, meaning_of(READERS[0]), UTC_RULE, NOBODY, 1) == 1


def test_an_engine_whose_words_have_no_room_waits_for_a_fresh_block() -> None:
    for name in ("cef", "syslog"):
        text = sample(reader_named(name))
        block, engine = Block(chunk=len(text), rows=64), engine_for(reader_named(name), head=text)
        block.a.buf[: len(text)] = np.frombuffer(text, np.uint8)
        block.reset(0)
        block.a.state[ARENA] = len(block.a.buf) - 64
        engine.scan(block, len(text), 64)
        assert (int(block.a.state[POSITION]), int(block.a.state[ROWS])) == (0, 0)


def test_a_log_name_that_every_row_carries_is_short() -> None:
    log = b"#separator \\x09\n#path\t" + b"x" * 60_000 + b"\n#fields\tts\n" + b"1521911720.6\n#fields\tts\n" * 500
    events = read_text(reader_named("zeek-tsv"), log).events
    assert [event["source_type"] for event in events] == ["x" * 64] * 500


def test_a_kernel_is_compiled_once() -> None:
    """A second signature, of an array laid out otherwise, would cost a reader's start some seconds more."""
    for reader in READERS:
        read_text(reader, sample(reader))
    kernels: tuple[Any, ...] = (scan_access, scan_cef, scan_syslog, fill_constants)
    assert [len(k.signatures) for k in kernels] == [1] * len(kernels)
