"""Access logs: common, combined, vhost; escapes; requests that are none."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.readers.access import READER
from haechi.ingest.refusal import NO_TEMPLATE
from tests.ingest.conftest import Read, read_text

TIME = b"[10/Mar/2026:13:55:36 +0900]"


def test_the_fixture(read: Read, fixtures: Path) -> None:
    plain, six, vhost, named = read(READER, (fixtures / "access" / "access.log").read_bytes()).events
    assert (plain["src_addr"], plain["user"], plain["url"]) == ("192.0.2.7", "frank", "/a.gif")
    assert (plain["http_method"], plain["http_status"], plain["bytes_in"]) == ("GET", 200, 2326)
    assert (plain["activity"], plain["source_type"], plain["ts_offset"]) == ("http", "access", 540)
    assert plain["ts"].isoformat() == "2026-03-10T04:55:36+00:00"
    assert (six["src_addr"], six["url"], six["user_agent"]) == ("2001:db8::1", '/a?b="x"', 'Mozilla/5.0 "q" 台')
    assert "bytes_in" not in six
    assert dict(six["extra"])["referrer"] == "http://r.example/"
    assert (vhost["domain"], vhost["dst_port"], vhost["src_addr"]) == ("www.example.tw", 443, "192.0.2.8")
    assert vhost["url"] == "https://www.example.tw/x"
    assert dict(named["extra"]) == {"src_host": "host.example", "request": r"\x16\x03\x01"}
    assert "http_method" not in named


def test_line_ends_and_marks_change_nothing(read: Read, fixtures: Path) -> None:
    plain = read(READER, (fixtures / "access" / "access.log").read_bytes())
    assert read(READER, (fixtures / "access" / "access-crlf-bom.log").read_bytes()).events == plain.events


def test_one_bad_record_leaves_its_neighbours(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "access" / "one-bad.log").read_bytes())
    assert len(found.events) == 2
    assert [code for code, _ in found.bad] == [NO_TEMPLATE]


@pytest.mark.parametrize(
    "line",
    [b"", b"-", b"a b c", b"1.2.3.4 - - " + TIME, b'1.2.3.4 - - ' + TIME + b' "GET / HTTP/1.1" x 5',
     b'1.2.3.4 - - ' + TIME + b' "GET / HTTP/1.1\\" 200 5', TIME + b' "GET / HTTP/1.1" 200 5'],
)  # fmt: skip
def test_what_is_no_access_line(read: Read, line: bytes) -> None:
    found = read(READER, line + b"\n")
    assert not found.events


# An own reading by one regular expression, of lines without escapes.
_REFERENCE = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([A-Z]+) (\S+) (HTTP/[\d.]+)" (\d+|-) (\d+|-)(?: "([^"]*)" "([^"]*)")?$'
)
_word = st.text(st.sampled_from("abcXYZ019/?=&.%:[]-"), min_size=1, max_size=30)


@given(
    address=st.ip_addresses().map(str),
    user=st.sampled_from(["-", "frank"]),
    method=st.sampled_from(["GET", "POST", "PROPFIND"]),
    path=_word.map(lambda text: "/" + text),
    status=st.integers(100, 599),
    size=st.one_of(st.just("-"), st.integers(0, 2**40).map(str)),
    tail=st.one_of(st.none(), st.tuples(_word, st.text(st.sampled_from("abc ;()/.0"), min_size=1))),
)
def test_equals_a_regular_expression(
    address: str, user: str, method: str, path: str, status: int, size: str, tail: tuple[str, str] | None
) -> None:
    line = f'{address} - {user} {TIME.decode()} "{method} {path} HTTP/1.1" {status} {size}'
    line += f' "{tail[0]}" "{tail[1]}"' if tail else ""
    found = _REFERENCE.match(line)
    assert found
    (event,) = read_text(READER, line.encode(), finish=False).rows
    assert event["src_addr"] == found[1]
    assert event.get("user", "-") == found[3]
    assert (event["http_method"], event["url"], event["http_status"]) == (found[5], found[6], int(found[8]))
    assert event.get("bytes_in") == (None if found[9] == "-" else int(found[9]))
    assert event.get("user_agent", "-") == (found[11] or "-")
    assert dict(event.get("extra", ())).get("referrer", "-") == (found[10] or "-")
