"""Zeek JSON: the log's name by `_path`, file or keys; the same events as the TSV of one capture."""

from pathlib import Path

import pytest

from haechi.ingest.readers import zeek, zeek_tsv
from haechi.ingest.readers.zeek_json import READER, log_of
from tests.ingest.conftest import Read


@pytest.mark.parametrize(
    ("head", "name", "log"),
    [
        (b'{"_path":"dns","ts":1}\n', "conn.log", "dns"),
        (b'{"_path":"dns","ts":1}\n{"_path":"conn","ts":1}\n', "x", ""),
        (b'{"ts":1,"uid":"a"}\n', "/var/log/http.00:00:00-01:00:00.log.gz", "http"),
        (b'{"ts":1,"uid":"a","conn_state":"SF","history":"S"}\n', "", "conn"),
        (b'{"ts":1,"uid":"a","what":2}\n', "", "zeek"),
        (b'{"ts":1,', "", "zeek"),
    ],
)
def test_which_log(head: bytes, name: str, log: str) -> None:
    assert log_of(head, name) == log


def test_a_stream_of_several_logs(read: Read) -> None:
    text = b'{"_path":"dns","ts":1.5,"uid":"a","query":"a.example"}\n{"_path":"http","ts":2,"uid":"b","host":"h.example","uri":"/"}\n'
    dns, http = read(READER, text).events
    assert (dns["source_type"], dns["activity"], dns["domain"]) == ("dns", "dns", "a.example")
    assert (http["source_type"], http["activity"], http["url"]) == ("http", "http", "/")


def test_every_kept_column_has_a_field_of_the_schema() -> None:
    for log in zeek.LOGS:
        paths = [field.path for field in zeek.fields_of(log)]
        assert len(paths) == len(set(paths)), log


@pytest.mark.parametrize("log", ["dce_rpc", "dpd", "ftp", "kerberos", "known_hosts", "ldap_search", "modbus", "notice",
                                 "ntlm", "rfb", "smb_mapping", "snmp", "software", "ssh"])  # fmt: skip
def test_the_same_events_as_the_tsv(read: Read, real_logs: Path, log: str) -> None:
    folder = real_logs / "zeek-wrccdc"
    tsv = read(zeek_tsv.READER, (folder / "default" / f"{log}.log").read_bytes(), name=f"{log}.log")
    json = read(READER, (folder / "json" / f"{log}.json").read_bytes(), name=f"{log}.json")
    assert not tsv.bad
    assert not json.bad
    assert sorted(map(str, tsv.events)) == sorted(map(str, json.events))


def test_real_logs_lose_nothing(read: Read, real_logs: Path) -> None:
    for log in sorted((real_logs / "zeek-zat" / "json").glob("*.log")):
        text = log.read_bytes()
        found = read(READER, text)
        assert {row["source_type"] for row in found.events} == {log.stem}
        assert len(found.events) == text.count(b"\n")
