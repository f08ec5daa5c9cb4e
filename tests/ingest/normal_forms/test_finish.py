"""Cells that take the slow way; times, addresses and digests are held in test_finish_kernel and the readers' tests."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.ingest.engines.engine import engine_for
from haechi.ingest.normal_forms.finish import Finisher, _mailbox
from haechi.ingest.normal_forms.rules import party_table, time_rule
from haechi.ingest.readers import eve
from haechi.ingest.refusal import ARENA_FULL, NUMBER_RANGE, OK
from haechi.model.block import ARENA, ITEMS, ROWS, TEXT, Block, L, N, T
from haechi.model.errors import BadInput


class Finished:
    """Records in their normal forms."""

    def __init__(self, *records: dict[str, Any], step: int = 1000, full: bool = False) -> None:
        base = {"timestamp": "2026-09-21T10:00:00Z", "event_type": "x"}
        data = b"".join(json.dumps({**base, **r}, ensure_ascii=False).encode() + b"\n" for r in records)
        self.block = Block(chunk=len(data) + 64, rows=256)
        self.block.a.buf[: len(data)] = np.frombuffer(data, np.uint8)
        self.block.a.buf[len(data) : len(data) + 128] = 0
        self.block.reset(0)
        engine = engine_for(eve.READER)
        self.finisher = Finisher(engine.meaning, time_rule("", newest=2**61, oldest=0, latest=2**61), party_table([]))
        state = self.block.a.state
        while True:
            first = int(state[ROWS])
            engine.scan(self.block, len(data), first + step)
            if full:
                state[ARENA] = len(self.block.a.buf) - 65
            self.finisher.finish(self.block, first)
            if int(state[ROWS]) == first or int(state[ROWS]) >= len(records):
                break

    def text(self, slot: str, row: int = 0) -> str | None:
        return self.block.text(T[slot], row)

    def items(self, which: str) -> list[str]:
        count = int(self.block.a.state[ITEMS + L[which]])
        return [self.block.item(L[which], k) for k in range(count)]


@pytest.mark.parametrize(
    ("seen", "normal"),
    [
        ("www.example.com", "www.example.com"),
        ("WWW.Example.COM.", "www.example.com"),
        ("Bücher.Example", "xn--bcher-kva.example"),
        ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
        ("xn--BCHER-kva.example", "xn--bcher-kva.example"),
        ("host name.example", "host name.example"),
        ("example.com:8080", "example.com:8080"),
        ("a!b.BAD.test.", "a!b.bad.test"),  # no name, but its end may be one that is known
        ("a b.Bad.test", "a b.bad.test"),
        ("X" * 64 + ".Bad.Test.", "x" * 64 + ".bad.test"),
    ],
)
def test_names(seen: str, normal: str) -> None:
    found = Finished({"dns": {"rrname": seen}, "tls": {"sni": seen}})
    assert found.text("domain") == found.text("sni") == normal


@pytest.mark.parametrize(
    ("host", "url", "normal"),
    [
        ("a.example", "/x", "http://a.example/x"),
        ("A.example", "/x/../y?q=1", "http://a.example/y?q=1"),
        ("a.example", "/é", "http://a.example/%C3%A9"),
        ("a.example", "http://B.example:80/z#f", "http://b.example/z"),
        ("0x7f.1", "/", "http://127.0.0.1/"),
        (None, "/alone", "/alone"),
    ],
)
def test_urls(host: str | None, url: str, normal: str) -> None:
    http = {"url": url} if host is None else {"hostname": host, "url": url}
    assert Finished({"http": http}).text("url") == normal


@pytest.mark.parametrize(
    ("record", "normal"),
    [
        ({"dest_port": 80}, "http://a.example/x"),
        ({"dest_port": 8081}, "http://a.example:8081/x"),
        ({"dest_port": 443}, "http://a.example:443/x"),  # Suricata's http events are of what was plain
        ({"dest_port": 80, "http_port": 65535}, "http://a.example:65535/x"),
        ({"dest_port": 3128, "http_port": 80}, "http://a.example/x"),
        ({"http_port": 70000}, "http://a.example/x"),
        ({"hostname": "203.0.113.9", "http_port": 34567}, "http://203.0.113.9:34567/x"),
        ({"hostname": "a.example:7", "dest_port": 8081}, "http://a.example:7/x"),
        ({"hostname": "[2001:DB8::1]", "dest_port": 8081}, "http://[2001:db8::1]:8081/x"),
        ({"hostname": "bücher.example", "http_port": 81}, "http://xn--bcher-kva.example:81/x"),
        # An alert or a file may be of the answer: its destination is the client.
        ({"event_type": "fileinfo", "dest_port": 51000}, "http://a.example/x"),
        ({"event_type": "fileinfo", "dest_port": 51000, "http_port": 8080}, "http://a.example:8080/x"),
    ],
)
def test_a_urls_port(record: dict[str, Any], normal: str) -> None:
    http = {"hostname": "a.example", "url": "/x"}
    http |= {key: record.pop(key) for key in ("hostname", "http_port") if key in record}
    assert Finished({"event_type": "http", "http": http, **record}).text("url") == normal


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Evil.example:8080/a", "evil.example"),
        ("https://kim@192.0.2.1/", "192.0.2.1"),
        ("http://bücher.example", "xn--bcher-kva.example"),
        ("/a", None),
        ("evil.example:443", None),
    ],
)
def test_a_whole_urls_host_is_the_rows_name(url: str, host: str | None) -> None:
    assert Finished({"http": {"url": url}}).text("domain") == host
    assert Finished({"http": {"url": url}, "dns": {"rrname": "other.example"}}).text("domain") == "other.example"


def test_after_a_leap_second_the_day_is_the_dates() -> None:
    times = ["2026-10-31T23:59:60.000000Z", "2026-11-01T00:00:01.000000Z", "2026-11-01T00:00:02.000000Z"]
    again = ["2026-10-31T23:59:60.000000Z", "2026-10-31T23:59:59.000000Z"]
    found = Finished(*({"timestamp": at} for at in times + again))
    shown = [int(us) // 1_000_000 - 1_793_491_200 for us in found.block.a.num[N["ts"], :5]]
    assert shown == [0, 1, 2, 0, -1]


def test_a_number_that_its_column_does_not_hold() -> None:
    found = Finished(*({"http": {"status": number}} for number in (99_999_999_999, 2**31 - 1, -(2**31) - 1)))
    codes = found.block.a.error[:3].tolist()
    assert codes == [NUMBER_RANGE, OK, NUMBER_RANGE]
    assert found.block.a.error_field[0] == len(TEXT) + N["http_status"]
    assert found.finisher.refused == 2


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"dns": {"rrname": "WWW.Bad.Example"}}, "domain"),
        ({"dns": {"rrname": "bücher.example"}}, "domain"),
        ({"event_type": "http", "http": {"hostname": "a.example", "url": "/x"}}, "url"),
        ({"http": {"url": "http://a.example/é"}}, "url"),
        ({"smtp": {"mail_from": "Kim@Bad.Example"}}, "mail_from"),
        ({"tls": {"fingerprint": "AB:" * 19 + "AB"}}, "cert"),
        ({"src_ip": "2001:DB8::1"}, "src_addr"),
        ({"dns": {"answers": [{"rdata": "WWW.Bad.Example"}]}}, None),
        ({"dns": {"answers": [{"rdata": "bücher.example"}]}}, None),
    ],
)
def test_what_the_arena_has_no_room_for_is_refused(record: dict[str, Any], field: str | None) -> None:
    """Left as the log says it, it would not be matched, and nobody would know."""
    found = Finished(record, {}, full=True)
    assert found.block.a.error[:2].tolist() == [ARENA_FULL, OK]
    assert found.block.a.error_field[0] == (-1 if field is None else T[field])
    assert found.finisher.refused == 1


@pytest.mark.parametrize(
    ("seen", "normal"),
    [
        ("<Kim@Example.COM>", "kim@example.com"),
        ('"Kim, Il" <kim@bücher.example>', "kim@xn--bcher-kva.example"),
        ("Kim <a@b.example> <kim@example.com>", "kim@example.com"),
        ("MAILER-DAEMON", "mailer-daemon"),
        ("<>", "<>"),
    ],
)
def test_mail_addresses(seen: str, normal: str) -> None:
    found = Finished({"smtp": {"mail_from": seen, "rcpt_to": [seen, seen]}})
    assert found.text("mail_from") == normal
    assert found.items("mail_to") == [normal] * 2


_mail_like = st.text(st.sampled_from("abZ09.-_+@<>. ü'\"xn"), min_size=1, max_size=24) | st.from_regex(
    r"\A<?[A-Za-z0-9.+_-]{1,12}@[A-Za-z0-9-]{1,9}(\.[A-Za-z0-9-]{0,5}){0,2}>?\Z"
)


@given(st.lists(_mail_like, min_size=1, max_size=30))
def test_what_the_kernel_takes_for_plain_is_what_the_rules_give(seen: list[str]) -> None:
    found = Finished(*({"smtp": {"mail_from": text, "rcpt_to": [text]}} for text in seen))
    for row, text in enumerate(seen):
        try:
            expected = _mailbox(text)
        except BadInput:
            continue  # it can't match, whatever is kept of it
        assert found.text("mail_from", row) == expected
        assert found.items("mail_to")[row] == expected


def test_list_elements_keep_their_order_and_rows() -> None:
    answers = ["B.example.", "192.0.2.1", "bücher.example", "::1", "c"]
    found = Finished(
        {"dns": {"answers": [{"rdata": a} for a in answers]}}, {"dns": {"answers": [{"rdata": "last.example"}]}}, step=1
    )
    assert found.items("answers") == ["b.example", "192.0.2.1", "xn--bcher-kva.example", "::1", "c", "last.example"]
    columns = found.block.columns(2)
    assert columns["answers"].to_pylist() == [found.items("answers")[:5], ["last.example"]]


def test_the_slow_share_is_counted() -> None:
    found = Finished(
        {"dns": {"rrname": "a.example"}},
        {"dns": {"rrname": "bücher.example"}},
        {"smtp": {"rcpt_to": ["Kim <a@b.c>", "<a@b.c>"]}},
    )
    assert found.finisher.slow == 2
    assert found.finisher.refused == 0


def test_refused_rows_are_counted_and_the_block_may_begin_anew() -> None:
    found = Finished({"dest_port": 70_000}, {"src_ip": "1.2.3"}, {"dest_port": 1})
    assert found.finisher.refused == 2
    found.finisher.reset()
    assert found.finisher.refused == 0
