"""CEF: header and extension with their escapes, severities, times; what a field can't take is kept."""

from pathlib import Path

import pytest

from haechi.ingest.readers.cef import READER
from haechi.ingest.refusal import BAD_TIME, NO_TEMPLATE
from tests.ingest.conftest import Read

HEAD = b"Mar 10 00:00:01 fw-1 CEF:0|V|P|1|id|name|%s|%s\n"


def test_the_fixture(read: Read, fixtures: Path) -> None:
    denied, malware = read(READER, (fixtures / "cef" / "firewall.cef").read_bytes()).events
    assert (denied["source_type"], denied["signature_id"], denied["signature"]) == (
        "Border | Firewall",
        "100",
        "Connection denied",
    )
    assert (denied["src_addr"], denied["src_port"], denied["dst_addr"], denied["dst_port"]) == (
        "198.51.100.9",
        40000,
        "192.0.2.7",
        22,
    )
    assert (denied["proto"], denied["action"], denied["bytes_in"], denied["bytes_out"]) == ("tcp", "blocked", 10, 20)
    assert (denied["activity"], denied["severity"], denied["user"]) == ("alert", 4, "alice")
    assert denied["ts"].isoformat() == "2026-03-10T00:00:00.123000+00:00"
    extra = dict(denied["extra"])
    assert (extra["vendor"], extra["host"], extra["duser"]) == ("Synthetic", "fw-1", "bob")
    assert (extra["msg"], extra["cs1"], extra["cs1Label"]) == ("two words=one\nline", "value", "Rule")
    assert malware["md5"] == "44d88612fea8a8f36de82e1278abb02f"
    assert (malware["file_name"], malware["file_size"], malware["severity"]) == ("C:\\tmp\\a.exe", 68, 5)
    assert "src_addr" not in malware
    assert (dict(malware["extra"])["src"], dict(malware["extra"])["dpt"]) == ("not-an-address", "none")


def test_line_ends_and_marks_change_nothing(read: Read, fixtures: Path) -> None:
    plain = read(READER, (fixtures / "cef" / "firewall.cef").read_bytes())
    assert read(READER, (fixtures / "cef" / "firewall-crlf-bom.cef").read_bytes()).events == plain.events


def test_one_bad_record_leaves_its_neighbours(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "cef" / "one-bad.cef").read_bytes())
    assert len(found.events) == 2
    assert found.bad == [(NO_TEMPLATE, b"CEF:0|too|few")]


@pytest.mark.parametrize(
    ("written", "severity"),
    [("0", 1), ("1", 2), ("3", 2), ("4", 3), ("6", 3), ("7", 4), ("8", 4), ("9", 5), ("10", 5), ("Low", 2), ("Medium", 3),
     ("High", 4), ("Very-High", 5), ("Unknown", None), ("", None)],
)  # fmt: skip
def test_severities(read: Read, written: str, severity: int | None) -> None:
    assert read(READER, HEAD % (written.encode(), b"")).events[0].get("severity") == severity


@pytest.mark.parametrize(("size", "column"), [(32, "md5"), (40, "sha1"), (64, "sha256"), (128, "sha512"), (10, None)])
def test_a_hash_is_told_by_its_length(read: Read, size: int, column: str | None) -> None:
    event = read(READER, HEAD % (b"5", b"fileHash=" + b"a" * size)).events[0]
    assert event.get(column or "", None) == ("a" * size if column else None)
    assert ("fileHash" in dict(event["extra"])) == (column is None)


@pytest.mark.parametrize(
    ("extension", "wanted"),
    [
        (b"msg=a b c act=x", {"msg": "a b c"}),
        (b"msg=a=b act=x", {"msg": "a=b"}),
        (b"msg=trailing  ", {"msg": "trailing"}),
        (b"empty= msg=x", {"msg": "x"}),
        (b'msg="quoted"', {"msg": "quoted"}),
        (b"msg=a\\\\b\\|c", {"msg": "a\\b|c"}),
        ("msg=臺灣 해치".encode(), {"msg": "臺灣 해치"}),
        (b"msg=first msg=second", {"msg": "first"}),
    ],
)
def test_values(read: Read, extension: bytes, wanted: dict[str, str]) -> None:
    extra = dict(read(READER, HEAD % (b"5", extension)).events[0]["extra"])
    assert {k: extra.get(k) for k in wanted} == wanted
    assert "empty" not in extra


def test_the_events_own_time_comes_first(read: Read) -> None:
    for extension, second in (
        (b"end=1773100803000 start=1773100802000 rt=1773100801000", 1),
        (b"end=1773100803000", 3),
        (b"", 1),
    ):
        assert read(READER, HEAD % (b"5", extension)).events[0]["ts"].second == second


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (b"Mar 10 2026 09:00:01.250 KST", None),
        (b"Mar 10 2026 00:00:01.250 GMT", None),
        (b"Mar 10 2026 09:00:01.250 GMT+09:00", None),
        (b"Mar 10 2026 00:00:01.250", "zone"),
        (b"Mar 10 00:00:01.250", "year,zone"),
    ],
)
def test_times_as_cef_writes_them(read: Read, text: bytes, wanted: str | None) -> None:
    (event,) = read(READER, HEAD % (b"5", b"rt=" + text)).events
    assert event["ts"].isoformat() == "2026-03-10T00:00:01.250000+00:00"
    assert dict(event["extra"]).get("ts_inferred") == wanted


def test_a_zone_of_two_meanings_is_refused(read: Read) -> None:
    found = read(READER, HEAD % (b"5", b"rt=Mar 10 2026 00:00:01 CST"))
    assert [row["error"] for row in found.rows] == [BAD_TIME]


def test_real_lines_are_all_read(read: Read, real_logs: Path) -> None:
    for log in sorted((real_logs / "syslog-vendors" / "cef").glob("*.log")):
        text = log.read_bytes()
        found = read(READER, text)
        assert not found.bad
        assert len(found.events) == sum(1 for line in text.split(b"\n") if line.strip())
        assert all(event["source_type"] for event in found.events)
