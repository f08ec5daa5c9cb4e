"""Free-text logs by regular expressions of our own."""

import re
from datetime import datetime, timedelta

ADDRESS = rb"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:]+)"
SSHD = (
    rb"(?:Failed password|Invalid user|Received disconnect|Connection closed|Accepted publickey).* "
    + ADDRESS
    + rb" port [0-9]{4,5}"
)


def test_taiwan_writes_syslog_with_year_and_zone(small_day):
    for line in small_day["TW"].lines("sshd"):
        found = re.match(rb"<38>1 (\S+) gw-\S+ sshd [0-9]+ - - " + SSHD, line)
        assert found
        assert datetime.fromisoformat(found[1].decode()).utcoffset() == timedelta(hours=8)


def test_korea_writes_syslog_without(small_day):
    for line in small_day["KR"].lines("auth"):
        assert re.match(rb"Mar 1[01] [0-2][0-9]:[0-5][0-9]:[0-5][0-9] gw-\S+ sshd\[[0-9]+\]: " + SSHD, line)


def test_access_log_is_combined(small_day):
    form = re.compile(
        ADDRESS + rb' - - \[(1[01]/Mar/2026:\S+ \+0[89]00)\] "[A-Z]+ \S+ HTTP/1\.1" [0-9]{3} [0-9]+ "[^"]*" "[^"]+"'
    )
    for day in small_day.values():
        assert all(form.fullmatch(line) for line in day.lines("access"))


def test_firewall_speaks_cef_with_its_time_in_milliseconds(small_day):
    for day in small_day.values():
        for line in day.lines("firewall"):
            head, extension = line.split(b"|5|")
            assert head.count(b"|") == 5
            pairs = dict(pair.split(b"=", 1) for pair in extension.split())
            assert 1773100800_000 <= int(pairs[b"rt"]) < 1773187200_000
            assert {b"src", b"spt", b"dst", b"dpt", b"proto", b"act"} <= set(pairs)
