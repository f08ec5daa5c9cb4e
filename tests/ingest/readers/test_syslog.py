"""Syslog lines: headers of both standards, sshd and sudo understood, the rest kept; LogHub's own parse as the truth."""

import csv
import gzip
import io
import re
from pathlib import Path

import pytest

from haechi.ingest.readers.syslog import READER
from haechi.ingest.readers.syslog_messages import PROGRAMS
from haechi.ingest.refusal import CONTROL_CHARACTER, NO_TIME
from tests.ingest.conftest import Read

BSD = b"Mar 10 00:00:01 gw-1 sshd[812]: "


def test_the_fixture(read: Read, fixtures: Path) -> None:
    failed, accepted, sudo, systemd, data = read(READER, (fixtures / "syslog" / "auth.log").read_bytes()).events
    assert (failed["activity"], failed["source_type"], failed["app_proto"]) == ("auth", "sshd", "ssh")
    assert (failed["user"], failed["src_addr"], failed["src_port"]) == ("admin", "198.51.100.9", 40022)
    assert (failed["signature"], failed["action"]) == ("Failed login, invalid user", "failure")
    assert failed["extra"] == [("ts_inferred", "year,zone"), ("host", "gw-1"), ("pid", "812"), ("method", "password")]
    assert "ts_inferred" not in dict(accepted["extra"])
    assert (accepted["user"], accepted["src_addr"], accepted["action"]) == ("deploy", "2001:db8::9", "success")
    assert (accepted["ts"].isoformat(), accepted["ts_offset"]) == ("2026-03-09T16:00:02.500000+00:00", 480)
    assert accepted["severity"] == 1
    assert (sudo["user"], dict(sudo["extra"])["command"]) == ("alice", "/usr/bin/id -u")
    assert dict(sudo["extra"])["as_user"] == "root"
    assert (systemd["activity"], systemd["category"]) == ("other", "systemd")
    assert dict(systemd["extra"])["message"] == "Started Session 12 of User root."
    assert data["signature_id"] == "ID47"
    assert dict(data["extra"])["event"] == 'a "b" ]'
    assert dict(data["extra"])["class"] == "high"
    assert dict(data["extra"])["message"] == "An application event"
    assert data["severity"] == 2


def test_line_ends_and_marks_change_nothing(read: Read, fixtures: Path) -> None:
    plain = read(READER, (fixtures / "syslog" / "auth.log").read_bytes())
    assert read(READER, (fixtures / "syslog" / "auth-crlf-bom.log").read_bytes()).events == plain.events


def test_one_bad_record_leaves_its_neighbours(read: Read, fixtures: Path) -> None:
    found = read(READER, (fixtures / "syslog" / "one-bad.log").read_bytes())
    assert len(found.events) == 3
    assert [code for code, _ in found.bad] == [NO_TIME, CONTROL_CHARACTER]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (b"Failed password for root from 192.0.2.1 port 22 ssh2", {"user": "root", "src_addr": "192.0.2.1", "src_port": 22}),
        (b"Failed keyboard-interactive/pam for root from 2001:db8::1 port 22 ssh2", {"src_addr": "2001:db8::1"}),
        (b"Accepted password for a from 192.0.2.1 port 22 ssh2", {"action": "success", "user": "a"}),
        (b"Invalid user  from 192.0.2.1 port 5", {"src_addr": "192.0.2.1", "src_port": 5}),
        (b"Invalid user a b from 192.0.2.1", {"user": "a b", "src_addr": "192.0.2.1"}),
        (b"Connection closed by authenticating user root 192.0.2.1 port 9 [preauth]", {"user": "root", "src_port": 9}),
        (b"Connection closed by invalid user a b 192.0.2.1 port 9 [preauth]", {"user": "a b", "src_addr": "192.0.2.1"}),
        (b"Connection reset by 192.0.2.1 port 9", {"src_addr": "192.0.2.1", "src_port": 9}),
        (b"Disconnected from user root 192.0.2.1 port 9", {"user": "root", "src_addr": "192.0.2.1"}),
        (b"Received disconnect from 192.0.2.1 port 9:11: Bye Bye [preauth]", {"src_addr": "192.0.2.1", "src_port": 9}),
        (b"Received disconnect from 192.0.2.1: 11: Bye Bye [preauth]", {"src_addr": "192.0.2.1"}),
        (b"error: maximum authentication attempts exceeded for invalid user x from 192.0.2.1 port 9 ssh2 [preauth]", {"user": "x", "src_port": 9}),
        (b"Did not receive identification string from 192.0.2.1 port 9", {"src_addr": "192.0.2.1", "src_port": 9}),
        (b"reverse mapping checking getaddrinfo for h.example [192.0.2.1] failed - POSSIBLE BREAK-IN ATTEMPT!", {"src_addr": "192.0.2.1"}),
        (b"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1  user=root", {"user": "root", "src_addr": "192.0.2.1"}),
        (b"pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=192.0.2.1", {"src_addr": "192.0.2.1", "action": "failure"}),
        (b"message repeated 5 times: [ Failed password for root from 192.0.2.1 port 22 ssh2]", {"user": "root", "src_addr": "192.0.2.1"}),
    ],
)  # fmt: skip
def test_what_sshd_says(read: Read, message: bytes, wanted: dict[str, object]) -> None:
    (event,) = read(READER, BSD + message + b"\n").events
    assert {name: event.get(name) for name in wanted} == wanted
    assert (event["activity"], event["source_type"]) == ("auth", "sshd")


@pytest.mark.parametrize(
    "user", [b"x from 203.0.113.1 port 1 ssh2", b"root from 203.0.113.1 port 22", b"a port 7 from 203.0.113.1"]
)
@pytest.mark.parametrize(
    "form",
    [
        b"Failed password for invalid user %s from 192.0.2.1 port 4 ssh2",
        b"Invalid user %s from 192.0.2.1 port 4",
        b"Disconnected from invalid user %s 192.0.2.1 port 4 [preauth]",
    ],
)
def test_a_user_name_cannot_name_another_source(read: Read, form: bytes, user: bytes) -> None:
    (event,) = read(READER, BSD + form % user + b"\n").events
    assert (event["src_addr"], event["src_port"], event["user"]) == ("192.0.2.1", 4, user.decode())


def test_a_source_by_name_is_kept(read: Read) -> None:
    (event,) = read(READER, BSD + b"Failed password for root from host.example port 22 ssh2\n").events
    assert "src_addr" not in event
    assert dict(event["extra"])["src_host"] == "host.example"


@pytest.mark.parametrize(
    ("line", "host", "program", "message"),
    [
        (b"<13>Mar 10 00:00:01 gw-1 app: hello", "gw-1", "app", "hello"),
        (b"<13> Mar  1 00:00:01 gw-1 app[12]: hello", "gw-1", "app", "hello"),
        (b"Mar 10 2026 00:00:01 gw-1 app: hello", "gw-1", "app", "hello"),
        (b"Mar 10 00:00:01 /usr/sbin/cron[12]: hello", None, "/usr/sbin/cron", "hello"),
        (b"Mar 10 00:00:01 gw-1 no tag here", "gw-1", None, "no tag here"),
        (b"<13>1 2026-03-10T00:00:01Z gw-1 app 12 - - hello", "gw-1", "app", "hello"),
        (b"<13>1 2026-03-10T00:00:01Z - - - - - hello", None, None, "hello"),
        (b"<13>1 2026-03-10T00:00:01Z gw-1 app 12 - [broken hello", "gw-1", None, "app 12 - [broken hello"),
        (b"<13>Mar 10 00:00:01: %ASA-6-1: hello", None, None, "%ASA-6-1: hello"),
        (b"2026-03-10T00:00:01+09:00 gw-1 app: hello", "gw-1", "app", "hello"),
    ],
)
def test_headers(read: Read, line: bytes, host: str | None, program: str | None, message: str) -> None:
    (event,) = read(READER, line + b"\n").events
    extra = dict(event["extra"])
    assert (extra.get("host"), event.get("category"), extra["message"]) == (host, program, message)


@pytest.mark.parametrize(
    ("time", "inferred"),
    [
        (b"Mar 10 00:00:01", "year,zone"),
        (b"Mar 10 2026 00:00:01.5", "zone"),
        (b"2026-03-10T00:00:01.123456", "zone"),
        (b"2026-03-10T00:00:01.123456Z", None),
        (b"2026-03-10T00:00:01+09:00", None),
    ],
)
def test_what_was_inferred_of_a_time_is_said(read: Read, time: bytes, inferred: str | None) -> None:
    (event,) = read(READER, b"<13>" + time + b" gw-1 app: hello\n").events
    assert dict(event["extra"]).get("ts_inferred") == inferred


def test_many_names_of_parameters(read: Read) -> None:
    lines = [f'<13>1 2026-03-10T00:00:01Z h a - - [x k{n}="{n}" k{n}="again" host="h2"] m' for n in range(1500)]
    found = read(READER, "\n".join(lines).encode())
    assert len(found.events) == 1500
    extra = [dict(event["extra"]) for event in found.events]
    assert all(row["host"] == "h" and row["data.host"] == "h2" for row in extra[:900])
    assert extra[3]["k3"] == "3"
    assert extra[1499]["other_keys"] == "1499"


def test_every_template_is_reached_by_its_own_words(read: Read) -> None:
    for program in PROGRAMS:
        for template in program.templates:
            if template.pattern.startswith(("pam_unix", "PAM ", "authentication failure")):
                continue
            text = re.sub(r"\{host\}", "192.0.2.1", template.pattern.replace("{user+host}", "u 192.0.2.1"))
            text = re.sub(r"\{src_port\}", "22", text)
            text = re.sub(r"\{[^{}]+\}", "w", text)
            (event,) = read(READER, f"Mar 10 00:00:01 h {program.names[0]}[1]: {text}\n".encode()).events
            assert event.get("signature") == template.signature, template.pattern


def test_loghub(read: Read, real_logs: Path) -> None:
    folder = real_logs / "loghub-openssh"
    with gzip.open(folder / "OpenSSH_2k.log_structured.csv.gz", "rb") as file:
        truth = list(csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    found = read(READER, (folder / "OpenSSH_2k.log").read_bytes())
    assert not found.bad
    assert len(found.events) == len(truth) == 2000
    quad = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])")
    for event, line in zip(found.events, truth, strict=True):
        content = line["Content"]
        assert dict(event["extra"])["pid"] == line["Pid"]
        named = quad.findall(content.replace("[", " ").split("rhost=")[-1])
        if "check pass" not in content and "ignoring max" not in content:
            assert event.get("src_addr") == (named[-1] if named else None), content
        user = re.search(
            r"(?:Failed password|Failed none|Accepted password) for (?:invalid user )?(.*) from [\d.]+ port", content
        )
        if user:
            assert event.get("user") == (user[1] or None), content


def test_vendors_lines_are_kept(read: Read, real_logs: Path) -> None:
    for log in sorted((real_logs / "syslog-vendors").rglob("*.log")):
        found = read(READER, log.read_bytes())
        assert all(code == NO_TIME for code, _ in found.bad), log.name
        assert not [row for row in found.rows if "error" in row]
