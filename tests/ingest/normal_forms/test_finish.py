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
from haechi.model.block import ITEMS, ROWS, Block, L, T
from haechi.model.errors import BadInput


class Finished:
    """Records in their normal forms."""

    def __init__(self, *records: dict[str, Any], step: int = 1000) -> None:
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
    ("seen", "normal"),
    [
        ("<Kim@Example.COM>", "kim@example.com"),
        ('"Kim, Il" <kim@bücher.example>', "kim@xn--bcher-kva.example"),
        ("Kim <a@b.example> <kim@example.com>", "kim@example.com"),
        ("MAILER-DAEMON", "MAILER-DAEMON"),
        ("<>", "<>"),
    ],
)
def test_mail_addresses(seen: str, normal: str) -> None:
    found = Finished({"smtp": {"mail_from": seen, "rcpt_to": [seen, seen]}})
    assert found.text("mail_from") == normal
    assert [item.lower() for item in found.items("mail_to")] == [normal.lower()] * 2


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
