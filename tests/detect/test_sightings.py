from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from haechi.detect.match import Matcher
from haechi.detect.sightings import MATCHER_VERSION
from haechi.model.event import LAKE_SCHEMA

Run = Callable[..., list[dict[str, Any]]]
LINE = (
    b'{"timestamp": "2026-09-21T10:00:00.123456+0900", "event_type": "dns", "src_ip": "198.51.100.7", "dest_ip": "192.0.2.1",'
    b' "dns": {"rrname": "WWW.Evil.com.", "answers": [{"rdata": "Sub.EVIL.com"}, {"rdata": "203.0.113.9"}]}}'
)
MAIL = (
    b'{"timestamp": "2026-09-21T10:00:01+0900", "event_type": "smtp",'
    b' "smtp": {"mail_from": "<a@b.example>", "rcpt_to": ["<Kim@Evil.com>"]}}'
)


def test_a_sighting_holds_our_own_text_and_the_records_bytes(sightings_of: Run) -> None:
    data = b"\n" + LINE + b"\n" + MAIL + b"\n"
    values = [("domain", "evil.com"), ("ipv4", "203.0.113.9"), ("ipv4-net", "192.0.2.0/24")]
    rows = sightings_of(values, data, base=1000, networks=[("192.0.2.0/24", 5), ("198.51.100.0/24", 6)])
    shown = {(r["matcher_id"], r["field"], r["value"]) for r in rows}
    assert shown == {
        (1, "domain", "www.evil.com"),
        (2, "answers", "203.0.113.9"),
        (3, "dst_addr", "192.0.2.1"),
        (1, "mail_to", "kim@evil.com"),
    }
    first = next(r for r in rows if r["field"] == "domain")
    assert first["raw"] == LINE
    assert (first["raw_offset"], first["raw_length"]) == (1001, len(LINE))
    assert first["events"] == [{"input_id": 3, "offset": 1001}]
    assert first["ts"] == first["last_ts"] == datetime(2026, 9, 21, 1, 0, 0, 123456, UTC)
    assert (first["ts_offset"], first["affected_id"]) == (540, 5)
    assert (first["matcher"], first["matcher_version"]) == ("value", MATCHER_VERSION)
    mail = next(r for r in rows if r["field"] == "mail_to")
    assert (mail["raw"], mail["affected_id"]) == (MAIL, None)


def test_one_event_and_three_values_give_three(sightings_of: Run) -> None:
    values = [("domain", "evil.com"), ("domain", "www.evil.com"), ("domain", "sub.evil.com"), ("domain", "other.com")]
    assert sorted(r["matcher_id"] for r in sightings_of(values, LINE + b"\n")) == [1, 2, 3]


def test_one_value_in_two_columns_gives_one_by_the_first_that_shows_it(sightings_of: Run) -> None:
    data = LINE.replace(b'"dest_ip": "192.0.2.1"', b'"dest_ip": "198.51.100.7"') + b"\n"
    (row,) = sightings_of([("ipv4", "198.51.100.7")], data)
    assert row["field"] == "src_addr"


def test_columns_are_the_lakes(sightings_of: Run) -> None:
    schemas: list[pa.Schema] = []
    sightings_of([("domain", "evil.com")], LINE + b"\n", schema_of=schemas)
    for field in schemas[0]:
        assert field.type == LAKE_SCHEMA.field(field.name).type, field.name


def test_a_matcher_starts_anew(sightings_of: Run) -> None:
    matcher = Matcher(2048)
    for _ in range(2):
        assert len(sightings_of([("domain", "evil.com")], LINE + b"\n", matcher=matcher)) == 1
