"""Zeek TSV: the header rules the columns; escapes, unset, sets; real logs against an independent count."""

from pathlib import Path

import pytest

from haechi.ingest.readers.zeek_tsv import READER
from haechi.ingest.refusal import NUMBER_EXPECTED, TOO_FEW_FIELDS, TOO_MANY_FIELDS
from tests.ingest.conftest import Read


def test_a_connection(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "zeek" / "conn.log").read_bytes())
    first, second = found.events
    assert first["source_type"] == "conn"
    assert first["activity"] == "flow"
    assert (first["src_addr"], first["src_port"], first["dst_addr"], first["dst_port"]) == (
        "192.0.2.7",
        50000,
        "198.51.100.9",
        443,
    )
    assert (first["bytes_out"], first["bytes_in"], first["packets_out"], first["packets_in"]) == (517, 4096, 8, 10)
    assert first["duration"] == 1_500_000
    assert first["ts"].isoformat() == "2026-03-10T00:00:00.123456+00:00"
    assert first["extra"] == [("conn_state", "SF"), ("history", "ShADadFf")]
    assert "duration" not in second
    assert "app_proto" not in second


@pytest.mark.parametrize("name", ["conn-crlf-bom.log"])
def test_line_ends_and_marks_change_nothing(read: Read, fixtures: Path, name: str) -> None:
    plain = read(READER, (fixtures / "zeek" / "conn.log").read_bytes())
    other = read(READER, (fixtures / "zeek" / name).read_bytes())
    assert other.events == plain.events


def test_a_header_without_records_is_no_event(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "zeek" / "conn-empty.log").read_bytes())
    assert (found.rows, found.bad, found.blank) == ([], [], 8)


def test_one_bad_record_leaves_its_neighbours(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "zeek" / "conn-one-bad.log").read_bytes())
    assert [row["flow_id"] for row in found.events] == ["Cabc1", "Cabc2"]
    assert [code for code, _ in found.bad] == [NUMBER_EXPECTED]
    assert b"many" in found.bad[0][1]


def test_a_new_header_changes_the_columns(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "zeek" / "rotated.log").read_bytes())
    conn, dns = found.events
    assert (conn["source_type"], dns["source_type"]) == ("conn", "dns")
    assert dns["domain"] == "www.example.tw"
    assert dns["answers"] == ["198.51.100.9", "2001:db8::9", "a,b.example"]
    assert dns["extra"] == [("qtype_name", "A"), ("rcode_name", "NOERROR")]


HEADER = b"#separator \\x09\n#path\tconn\n#fields\tts\tuid\tservice\n#types\ttime\tstring\tstring\n"


def test_as_many_fields_as_columns(read: Read) -> None:
    found = read(READER, HEADER + b"1.5\ta\tb\n1.5\ta\n1.5\ta\tb\tc\n1.5\t-\t(empty)\n")
    assert [code for code, _ in found.bad] == [TOO_FEW_FIELDS, TOO_MANY_FIELDS]
    assert [set(row) & {"flow_id", "app_proto"} for row in found.events] == [{"flow_id", "app_proto"}, set()]


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"a\x09b", "a\tb"),
        (rb"a\\b", "a\\b"),
        (rb"\xed\x95\xb4\xec\xb9\x98", "해치"),
        (rb"bin\xff\x00", r"bin\xff\x00"),
        (rb"a\, b", r"a\, b"),
        (rb"cut\x4", r"cut\x4"),
    ],
)
def test_escapes(read: Read, written: bytes, text: str) -> None:
    assert read(READER, HEADER + b"1.5\ta\t" + written + b"\n").events[0]["app_proto"] == text


def test_another_separator(read: Read) -> None:
    text = HEADER.replace(b"\\x09", b"\\x2c").replace(b"\t", b",") + b"1.5,a,b c\n"
    assert read(READER, text).events[0]["app_proto"] == "b c"


def test_real_logs_lose_nothing(read: Read, real_logs: Path) -> None:
    for log in sorted((real_logs / "zeek-zat" / "tsv").glob("*.log")):
        text = log.read_bytes()
        wanted = [line for line in text.split(b"\n") if line and not line.startswith(b"#")]
        found = read(READER, text, name=log.name)
        assert not found.bad
        assert len(found.events) == len(wanted), log.name
        source = [line.split(b"\t")[0].decode() for line in wanted]
        assert [f"{row['ts'].timestamp():.6f}" for row in found.events] == [f"{float(ts):.6f}" for ts in source]
