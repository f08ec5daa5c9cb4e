"""EVE lines by Python's own JSON parser."""

import ipaddress
import json
from collections import Counter
from typing import Any


def test_every_line_is_json_with_what_suricata_writes(small_day):
    for country, day in small_day.items():
        events = [json.loads(line) for line in day.lines("eve")]
        assert len(events) == day.summary.events // 2
        for event in events:
            assert event["timestamp"].endswith({"TW": "+0800", "KR": "+0900"}[country])
            assert 1024 <= event["src_port"] < 65536 or event["event_type"] == "fileinfo"
            assert 0 < event["dest_port"] < 65536
            for name in ("src_ip", "dest_ip"):
                assert str(ipaddress.ip_address(event[name])) == event[name]
        kinds = Counter(event["event_type"] for event in events)
        assert set(kinds) == {"alert", "dns", "http", "tls", "flow", "fileinfo"}


def test_types_have_their_fields(small_day):
    by_type: dict[str, dict[str, Any]] = {}
    for line in small_day["TW"].lines("eve"):
        event = json.loads(line)
        by_type.setdefault(event["event_type"], event)
    assert {"signature_id", "signature", "severity"} <= set(by_type["alert"]["alert"])
    assert by_type["dns"]["dns"]["rrname"]
    assert {"hostname", "url", "status"} <= set(by_type["http"]["http"])
    assert len(by_type["tls"]["tls"]["fingerprint"]) == 59
    assert len(by_type["tls"]["tls"]["ja3"]["hash"]) == 32
    assert len(by_type["fileinfo"]["fileinfo"]["sha256"]) == 64
