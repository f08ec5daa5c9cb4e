"""What holds a value, against a catalog of both kinds."""

from ipaddress import ip_address

import pytest
from sqlalchemy import Engine, event

from haechi.model.indicator import ValueType as T
from haechi.model.source_object import SourceObject
from haechi.node.covering import Covering, host, nets, parents, span
from haechi.store.catalog.indicator_load import load, source_id

KNOWN = {
    T.IPV4: ["1.2.3.3"],
    T.IPV4_NET: ["1.2.3.0/29", "1.0.0.0/8", "9.9.9.0/24"],
    T.IPV4_RANGE: ["1.2.3.0-1.2.3.5", "1.2.2.255-1.2.4.0", "0.0.0.0-0.0.0.2"],
    T.IPV6_NET: ["2001:db8::/64"],
    T.IPV6_RANGE: ["2001:db8::1-2001:db8::5", "::1-2001:db8::2", "2001:db8::100-2001:db8::200"],
    T.DOMAIN: ["evil.example", "github.io", "b.evil.example"],
}


@pytest.fixture
def known(engine: Engine) -> Engine:
    with engine.begin() as conn:
        objects = [SourceObject(object_id="", values=KNOWN)]
        load(conn, source_id(conn, "s", None)[0], objects, at=1, list_name="l")
    return engine


@pytest.mark.parametrize(
    ("kind", "normal", "holders"),
    [
        (T.IPV4, "1.2.3.3", ["1.2.3.0/29", "1.0.0.0/8", "1.2.2.255-1.2.4.0", "1.2.3.0-1.2.3.5"]),
        (T.IPV4, "1.2.3.6", ["1.2.3.0/29", "1.0.0.0/8", "1.2.2.255-1.2.4.0"]),
        (T.IPV4, "1.2.4.0", ["1.0.0.0/8", "1.2.2.255-1.2.4.0"]),
        (T.IPV4, "0.0.0.2", ["0.0.0.0-0.0.0.2"]),
        (T.IPV4, "0.0.0.3", []),
        (T.IPV4_NET, "1.2.3.0/30", ["1.2.3.0/29", "1.0.0.0/8", "1.2.2.255-1.2.4.0", "1.2.3.0-1.2.3.5"]),
        (T.IPV4_NET, "1.2.3.0/29", ["1.0.0.0/8", "1.2.2.255-1.2.4.0"]),
        (T.IPV4_RANGE, "1.2.3.0-1.2.3.5", ["1.2.3.0/29", "1.0.0.0/8", "1.2.2.255-1.2.4.0"]),
        (T.IPV6, "2001:db8::2", ["2001:db8::/64", "2001:db8::1-2001:db8::5", "::1-2001:db8::2"]),
        (T.IPV6, "2001:db8::100", ["2001:db8::/64", "2001:db8::100-2001:db8::200"]),
        (T.DOMAIN, "a.b.evil.example", ["b.evil.example", "evil.example"]),
        (T.DOMAIN, "stranger.github.io", []),
        (T.URL, "https://github.io/x", ["github.io"]),
        (T.URL, "http://1.2.3.3:8080/x", ["1.2.3.3", "1.2.3.0/29", "1.0.0.0/8", "1.2.2.255-1.2.4.0", "1.2.3.0-1.2.3.5"]),
        (T.EMAIL, "kim@evil.example", ["evil.example"]),
        (T.MD5, "a" * 32, []),
    ],
)  # fmt: skip
def test_what_holds_a_value(known: Engine, kind: T, normal: str, holders: list[str]) -> None:
    with known.connect() as conn:
        assert [value.text for value in Covering().of(conn, kind, normal)] == holders


def test_an_address_costs_two_questions_once_the_ranges_are_read(known: Engine) -> None:
    asked: list[str] = []
    covering = Covering()
    with known.connect() as conn:
        covering.of(conn, T.IPV6, "2001:db8::1")
        event.listen(known, "before_cursor_execute", lambda *words: asked.append(words[2]))
        covering.of(conn, T.IPV6, "2001:db8::2")
    assert len(asked) == 2


def test_nets_and_parents_go_from_narrow_to_wide() -> None:
    one = ip_address("2001:db8::1")
    assert list(nets((one, one), [128, 64, 19])) == ["2001:db8::1/128", "2001:db8::/64", "2001::/19"]
    assert list(nets((ip_address("192.0.2.1"), ip_address("192.0.3.0")), [24, 23, 8])) == [
        "192.0.2.0/23",
        "192.0.0.0/8",
    ]
    assert [name for _, name in parents(T.DOMAIN, "a.b.example")] == ["b.example", "example"]
    assert list(parents(T.MD5, "a" * 32)) == []


def test_hosts_and_spans() -> None:
    assert host(T.URL, "http://[2001:db8::1]/") == (T.DOMAIN, "2001:db8::1"), "in URLs only IPv4 addresses are matched"
    assert host(T.DOMAIN, "evil.example") == (T.DOMAIN, "evil.example")
    assert span(T.DOMAIN, "evil.example") is None
