"""Matching equals a slow, obvious reference, from the log's bytes on."""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from haechi.detect.index_kernel import EXACT_TYPES
from haechi.detect.match import FIELDS, PLAN
from haechi.model import normal
from haechi.model.block import TEXT
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.suffix import is_public_suffix

Run = Callable[..., list[dict[str, Any]]]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
T0 = 1_760_000_000_000_000


def moment(at: int) -> str:
    return (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")


def record(*, at: int = T0, **fields: Any) -> dict[str, Any]:
    return {"timestamp": moment(at), "event_type": "alert", **fields}


# The reference: one indicator against one record, in plain Python.


def observed(rec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(kind, normal form) of all that a record shows; kinds: address, name, or an exact value type."""
    for key in ("src_ip", "dest_ip"):
        if key in rec:
            yield "address", rec[key]
    http = rec.get("http", {})
    asked = [name for name in (rec.get("dns", {}).get("rrname"), http.get("hostname")) if name is not None]
    if not asked and "://" in http.get("url", ""):
        asked = [normal.url(http["url"]).split("/")[2].partition(":")[0]]
    for name in [*asked, *([rec["tls"]["sni"]] if "sni" in rec.get("tls", {}) else [])]:
        yield from host(name)
    for answer in rec.get("dns", {}).get("answers", []):
        text = answer["rdata"]
        try:
            ipaddress.ip_address(text)
            yield "address", text
        except ValueError:
            yield "name", written(text)
    if "url" in http:
        yield "url", whole_url(rec)
    smtp = rec.get("smtp", {})
    for mail in ([smtp["mail_from"]] if "mail_from" in smtp else []) + smtp.get("rcpt_to", []):
        address = normal.email(mail)
        yield "email", address
        yield "name", address.rpartition("@")[2]
    for kind in ("md5", "sha1", "sha256"):
        if kind in rec.get("fileinfo", {}):
            yield kind, rec["fileinfo"][kind].lower()
    tls = rec.get("tls", {})
    if "ja3" in tls:
        yield "ja3", tls["ja3"]["hash"].lower()
    if "ja4" in tls:
        yield "ja4", tls["ja4"].lower()
    if "fingerprint" in tls:
        yield "cert", normal.cert(tls["fingerprint"])


def whole_url(rec: dict[str, Any]) -> str:
    """The URL as it was asked for: the port is the Host header's, or the one that a request went to."""
    http = rec["http"]
    if "://" in http["url"]:
        return normal.url(http["url"])
    port = http.get("http_port", rec.get("dest_port") if rec["event_type"] == "http" else None)
    return normal.url(f"http://{http['hostname']}{'' if port is None else f':{port}'}{http['url']}")


def host(text: str) -> Iterator[tuple[str, str]]:
    try:
        yield "address", str(ipaddress.IPv4Address(text))
    except ValueError:
        yield "name", written(text)


def written(text: str) -> str:
    """A name's normal form; of what is none the text in lower case, without the root's dot."""
    try:
        return normal.domain(text)
    except BadInput:
        return text.lower().removesuffix(".")


def holds(type: str, text: str, kind: str, seen: str) -> bool:
    if type.startswith("ipv"):
        if kind != "address":
            return False
        address: Any = ipaddress.ip_address(seen)
        address = getattr(address, "ipv4_mapped", None) or address
        if "-" in text:
            first, last = map(ipaddress.ip_address, text.split("-"))
            return address.version == first.version and int(first) <= int(address) <= int(last)
        net = ipaddress.ip_network(text)
        return address.version == net.version and address in net
    if type == "domain":
        if kind != "name":
            return False
        return seen == text or (seen.endswith("." + text) and not is_public_suffix(text))
    return type == kind and seen == text


def expected(indicators: list[tuple[Any, ...]], records: list[dict[str, Any]]) -> set[tuple[int, int]]:
    """(record number, value id) of every hit."""
    found = set()
    for number, rec in enumerate(records):
        seen = list(observed(rec))
        at = (datetime.fromisoformat(rec["timestamp"]) - EPOCH) // timedelta(microseconds=1)
        for id, (type, text, begins, ends) in enumerate(((*i, None, None)[:4] for i in indicators), 1):
            if (begins is None or begins <= at) and (ends is None or at < ends):
                found |= {(number, id) for kind, one in seen if holds(str(type), text, kind, one)}
    return found


def hits(rows: list[dict[str, Any]]) -> set[tuple[int, int]]:
    found = [(row["at"], row["matcher_id"]) for row in rows]
    assert len(found) == len(set(found)), "one event and one value give one sighting"
    return set(found)


# Small worlds, so that things meet.

four = st.builds(lambda n: str(ipaddress.IPv4Address(0xC0000200 + n)), st.integers(-3, 300))
six = st.builds(
    lambda n, high: str(ipaddress.IPv6Address((0x20010DB8 << 96) + (high << 64) + n)),
    st.one_of(st.integers(0, 40), st.just(2**64 - 1)),
    st.integers(0, 3),
)
mapped = four.map(lambda a: f"::ffff:{a}")
label = st.sampled_from(["evil", "notevil", "sub", "a", "xn--bcher-kva", "_dmarc", "x" * 63])
suffix = st.sampled_from(["com", "co.kr", "github.io", "example", "com.tw", "xn--kpry57d"])
plain_name = st.builds(lambda labels, end: ".".join([*labels, end]), st.lists(label, max_size=3), suffix)
name = st.one_of(
    plain_name,
    plain_name.map(str.upper),
    plain_name.map(lambda n: n + "."),
    st.sampled_from(["bücher.example", "例.台灣", "EVIL。com"]),
)
no_name = st.builds(
    lambda odd, n: odd + n, st.sampled_from(["a!b.", "A b.", "$.", "x" * 64 + "."]), name.filter(str.isascii)
)
host_name = st.one_of(name, name, four, no_name)
path = st.sampled_from(["/", "/a", "/a/../b", "/A?q=1", "/%7ea", "/é", "/a b", "/x#frag", "/./"])
port = st.sampled_from([80, 443, 8080, 1, 65535])
hexes = {n: st.sampled_from([c * n for c in "0aA9f"]) for n in (32, 40, 64)}
ja4_text = st.sampled_from(
    [
        "t13d1516h2_8daaf6152771_e5627efa2ab1",
        "T13D1516H2_8daaf6152771_e5627efa2ab1",
        "q13d0312h3_55b375c5d22e_06cda9e17597",
    ]
)
local = st.sampled_from(["kim", "KIM", "a.b+c", "root"])
mail = st.builds(
    lambda who, host, form: form.format(f"{who}@{host}"), local, plain_name, st.sampled_from(["{}", "<{}>"])
)
colons = hexes[40].map(lambda h: ":".join(h[i : i + 2] for i in range(0, 40, 2)))


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


records = st.builds(
    lambda at, ips, parts: record(at=at, **ips, **{k: v for k, v in parts.items() if v}),
    st.integers(T0 - 2, T0 + 2),
    optional(
        src_ip=st.one_of(four, six, mapped),
        dest_ip=st.one_of(four, six),
        event_type=st.sampled_from(["http", "alert", "fileinfo"]),
        dest_port=port,
    ),
    st.one_of(
        st.fixed_dictionaries({"dns": optional(rrname=host_name, answers=st.lists(st.one_of(four, six, plain_name, no_name).map(lambda t: {"rdata": t}), max_size=4))}),
        st.fixed_dictionaries({"http": st.one_of(optional(hostname=host_name), st.fixed_dictionaries({"hostname": plain_name, "url": path}, optional={"http_port": port}), st.builds(lambda n, p: {"url": f"HTTP://{n}:80{p}"}, plain_name, path))}),
        st.fixed_dictionaries({"tls": optional(sni=host_name, ja3=st.builds(lambda h: {"hash": h}, hexes[32]), ja4=ja4_text, fingerprint=st.one_of(hexes[40], colons))}),
        st.fixed_dictionaries({"fileinfo": optional(md5=hexes[32], sha1=hexes[40], sha256=hexes[64])}),
        st.fixed_dictionaries({"smtp": optional(mail_from=mail, rcpt_to=st.lists(mail, max_size=3))}),
    ),
)  # fmt: skip


def _typed(text: str) -> tuple[str, str]:
    type, shown = normal.address(text)
    return str(type), shown


nets4 = st.builds(lambda a, bits: _typed(f"{a}/{bits}"), four, st.integers(8, 32))
nets6 = st.builds(
    lambda a, bits: _typed(f"{a}/{bits}"), six, st.sampled_from([19, 32, 48, 63, 64, 65, 96, 120, 127, 128])
)


def _range(a: str, b: str) -> tuple[str, str]:
    first, last = sorted((ipaddress.ip_address(a), ipaddress.ip_address(b)), key=int)
    return _typed(f"{first}-{last}")


indicators = st.one_of(
    nets4,
    nets6,
    four.map(_typed),
    six.map(_typed),
    st.builds(_range, four, four),
    st.builds(
        lambda a, n: _range(a, str(ipaddress.IPv6Address(min(int(ipaddress.IPv6Address(a)) + n, 2**128 - 1)))),
        six,
        st.integers(0, 3000),
    ),
    name.map(lambda n: ("domain", normal.domain(n))),
    suffix.map(lambda s: ("domain", s)),
    st.builds(lambda n, p: ("url", normal.url(f"http://{n}{p}")), plain_name, path),
    st.builds(lambda n, at, p: ("url", normal.url(f"http://{n}:{at}{p}")), plain_name, port, path),
    mail.map(lambda m: ("email", normal.email(m))),
    hexes[32].flatmap(lambda h: st.sampled_from([("md5", h.lower()), ("ja3", h.lower()), ("cert", h.lower())])),
    hexes[40].flatmap(lambda h: st.sampled_from([("sha1", h.lower()), ("cert", h.lower())])),
    hexes[64].map(lambda h: ("sha256", h.lower())),
    ja4_text.map(lambda t: ("ja4", t.lower())),
)
bound = st.one_of(st.none(), st.integers(T0 - 2, T0 + 2))
windowed = st.builds(lambda i, begins, ends: (*i, begins, ends), indicators, bound, bound)
values = st.lists(st.one_of(indicators, indicators, windowed), max_size=40, unique_by=lambda i: i[:2])


@settings(max_examples=80)
@given(values=values, logged=st.lists(records, min_size=1, max_size=30), step=st.sampled_from([1, 7, 1024]))
def test_matching_equals_the_reference(sightings_of: Run, values, logged, step) -> None:
    assert hits(sightings_of(values, logged, step=step)) == expected(values, logged)


@pytest.mark.slow
@settings(max_examples=5000)
@given(values=values, logged=st.lists(records, min_size=1, max_size=60), step=st.sampled_from([1, 7, 1024]))
def test_matching_equals_the_reference_thoroughly(sightings_of: Run, values, logged, step) -> None:
    assert hits(sightings_of(values, logged, step=step)) == expected(values, logged)


def borders(text: str) -> list[str]:
    if "-" in text:
        first, last = (int(ipaddress.ip_address(part)) for part in text.split("-"))
        kind = type(ipaddress.ip_address(text.split("-", maxsplit=1)[0]))
    else:
        net = ipaddress.ip_network(text)
        first, last, kind = int(net.network_address), int(net.broadcast_address), type(net.network_address)
    return [
        str(kind(n))
        for n in (first - 1, first, last, last + 1)
        if 0 <= n < 2 ** (32 if kind is ipaddress.IPv4Address else 128)
    ]


@given(st.one_of(nets4, nets6, st.builds(_range, four, four)))
@example(("ipv4-net", "255.255.255.0/24"))
@example(("ipv4-range", "255.255.254.3-255.255.255.255"))
@example(("ipv6-net", "ffff:ffff:ffff:ffff::/64"))
@example(("ipv4-net", "10.0.0.0/8"))
def test_a_nets_borders(sightings_of: Run, net) -> None:
    """The first and the last address are in, one before and one after are not."""
    shown = borders(net[1])
    logged = [record(dest_ip=a) for a in shown]
    wanted = {(n, 1) for n, a in enumerate(shown) if holds(net[0], net[1], "address", a)}
    assert len(wanted) >= 1
    assert hits(sightings_of([net], logged)) == wanted


def test_every_net_that_holds_an_address_is_found(sightings_of: Run) -> None:
    nests = [_typed(f"192.0.2.77/{bits}") for bits in range(8, 33)] + [
        _typed(f"2001:db8::77/{bits}") for bits in range(19, 129)
    ]
    found = hits(sightings_of(nests, [record(src_ip="192.0.2.77"), record(dest_ip="2001:db8::77")]))
    assert found == {(0, n) for n in range(1, 26)} | {(1, n) for n in range(26, 136)}


@pytest.mark.parametrize(
    ("seen", "hit"),
    [
        ("evil.com", True),
        ("EVIL.com.", True),
        ("sub.evil.com", True),
        ("a.b.c.evil.com", True),
        ("notevil.com", False),
        ("evil.com.tw", False),
        ("evil.co", False),
        ("com", False),
        ("evil-com", False),
        ("xevil.com", False),
    ],
)
@pytest.mark.parametrize("field", ["rrname", "hostname", "sni", "answer", "mail_from", "rcpt_to"])
def test_names_match_on_label_borders(sightings_of: Run, field: str, seen: str, hit: bool) -> None:
    forms: dict[str, dict[str, Any]] = {
        "rrname": {"dns": {"rrname": seen}},
        "hostname": {"http": {"hostname": seen}},
        "sni": {"tls": {"sni": seen}},
        "answer": {"dns": {"answers": [{"rdata": seen}]}},
        "mail_from": {"smtp": {"mail_from": f"<a@{seen.rstrip('.')}>"}},
        "rcpt_to": {"smtp": {"rcpt_to": [f"<a@{seen.rstrip('.')}>"]}},
    }
    assert bool(sightings_of([("domain", "evil.com")], [record(**forms[field])])) == hit


def test_a_public_suffix_matches_itself_only(sightings_of: Run) -> None:
    logged = [record(dns={"rrname": n}) for n in ("github.io", "someone.github.io", "a.someone.github.io")]
    assert hits(sightings_of([("domain", "github.io")], logged)) == {(0, 1)}
    mails = [record(smtp={"mail_from": "a@github.io"}), record(smtp={"mail_from": "a@x.github.io"})]
    assert hits(sightings_of([("domain", "github.io")], mails)) == {(0, 1)}


@pytest.mark.parametrize("seen", ["bücher.example", "BÜCHER.example", "xn--bcher-kva.example", "www.Bücher.Example."])
def test_unicode_names_match_their_a_labels(sightings_of: Run, seen: str) -> None:
    for shown in ({"dns": {"rrname": seen}}, {"tls": {"sni": seen}}, {"dns": {"answers": [{"rdata": seen}]}}):
        assert sightings_of([("domain", "xn--bcher-kva.example")], [record(**shown)]), shown


@pytest.mark.parametrize(
    "seen",
    ["Kim@Evil.com", "<kim@evil.com>", "Kim Il <kim@evil.com>", '"Kim, Il" <KIM@EVIL.COM>', "mailto:kim@evil.com"],
)
@pytest.mark.parametrize("field", ["mail_from", "rcpt_to", "from", "to"])
def test_mail_addresses_in_the_forms_that_logs_have(sightings_of: Run, seen: str, field: str) -> None:
    forms: dict[str, dict[str, Any]] = {
        "mail_from": {"smtp": {"mail_from": seen}},
        "rcpt_to": {"smtp": {"rcpt_to": ["other@example.com", seen]}},
        "from": {"email": {"from": seen}},
        "to": {"email": {"to": [seen, "other@example.com"]}},
    }
    assert hits(sightings_of([("email", "kim@evil.com"), ("domain", "evil.com")], [record(**forms[field])])) == {
        (0, 1),
        (0, 2),
    }


def test_one_text_in_several_types(sightings_of: Run) -> None:
    digest = "0" * 32
    values = [("md5", digest), ("ja3", digest), ("cert", digest)]
    logged = [
        record(fileinfo={"md5": digest}),
        record(tls={"ja3": {"hash": digest}}),
        record(tls={"fingerprint": digest}),
    ]
    assert hits(sightings_of(values, logged)) == {(0, 1), (1, 2), (2, 3)}


@pytest.mark.parametrize(
    "name", [("a." * 300_000) + "evil.example", "." * 400_000 + "evil.example", "a." * 126 + "evil.example"]
)
def test_of_an_endless_name_the_end_is_looked_at(sightings_of: Run, name: str) -> None:
    """No log may make the matcher look at more than a legal name's length, let alone write beyond its lists."""
    shown = record(dns={"rrname": name}, tls={"sni": name}, smtp={"mail_from": f"a@{name}", "rcpt_to": [f"b@{name}"]})
    values = [("domain", "evil.example"), *(("domain", "a." * n + "evil.example") for n in range(1, 10))]
    found = hits(sightings_of(values, [shown]))
    assert (0, 1) in found
    assert found == {(0, id) for id, (_, text) in enumerate(values, 1) if name.endswith("." + text)}


@pytest.mark.parametrize(("begins", "ends"), [(T0, None), (None, T0), (T0, T0), (None, None)])
def test_windows(sightings_of: Run, begins: int | None, ends: int | None) -> None:
    """Just before, at and after each bound; both bounds belong to the window (as `node.events` counts them)."""
    for value in (("ipv4", "192.0.2.1"), ("ipv6", "2001:db8::1"), ("domain", "evil.com")):
        for at in (T0 - 1, T0, T0 + 1):
            shown = record(at=at, src_ip="192.0.2.1", dest_ip="2001:db8::1", dns={"rrname": "evil.com"})
            inside = (begins is None or begins <= at) and (ends is None or at < ends)
            assert bool(sightings_of([(*value, begins, ends)], [shown])) == inside, (value, at - T0)


def test_no_indicators(sightings_of: Run) -> None:
    assert sightings_of([], [record(src_ip="192.0.2.1", dns={"rrname": "evil.com"})]) == []


def test_refused_rows_match_nothing(sightings_of: Run) -> None:
    value = [("ipv4", "192.0.2.1"), ("domain", "evil.com")]
    bad = [
        {
            "event_type": "dns",
            "src_ip": "192.0.2.1",
            "dns": {"rrname": "evil.com", "answers": [{"rdata": "192.0.2.1"}]},
        },
        record(src_ip="192.0.2.1", dest_port=70000),
        record(src_ip="192.0.2.256", dns={"rrname": "evil.com"}),
    ]
    assert hits(sightings_of(value, [*bad, record(src_ip="192.0.2.1")])) == {(3, 1)}


def test_more_hits_than_there_is_room_for(sightings_of: Run) -> None:
    """A thousand nets and fifty answers a row: the hits grow, none is lost."""
    nets = [_typed(f"192.0.2.77/{bits}") for bits in range(8, 33)]
    answers = [{"rdata": "192.0.2.77"}] * 50
    logged = [record(src_ip="192.0.2.77", dest_ip="192.0.2.77", dns={"answers": answers}) for _ in range(150)]
    assert hits(sightings_of(nets, logged)) == {(n, i) for n in range(150) for i in range(1, 26)}


def test_odd_names_do_no_harm(sightings_of: Run) -> None:
    odd = [
        "",
        ".",
        "..",
        ".evil.com",
        "evil.com..",
        "a..evil.com",
        "@",
        "a@",
        "@evil.com",
        " evil.com",
        "x" * 300 + ".evil.com",
    ]
    logged = [
        record(dns={"rrname": o, "answers": [{"rdata": o}]}, tls={"sni": o}, smtp={"mail_from": o, "rcpt_to": [o]})
        for o in odd
    ]
    found = {at for at, _ in hits(sightings_of([("domain", "evil.com"), ("email", "a@evil.com")], logged))}
    assert found == {3, 5, 8, 9, 10}


@pytest.mark.parametrize("seen", ["a!b.bad.test", "a!b.BAD.test", "a!b.bad.test.", "a b.Bad.test", "$.BAD.TEST."])
def test_what_is_no_name_is_known_by_its_end(sightings_of: Run, seen: str) -> None:
    for shown in ({"dns": {"rrname": seen}}, {"tls": {"sni": seen}}, {"dns": {"answers": [{"rdata": seen}]}}):
        assert sightings_of([("domain", "bad.test")], [record(**shown)]), shown


@pytest.mark.parametrize(
    ("url", "hit"),
    [
        ("http://evil.example:8080/x", {0}),
        ("http://203.0.113.9:34567/bin.sh", {1}),
        ("http://other.example/x", {2}),
        ("http://other.example:8081/x", {3}),
    ],
)
def test_a_url_is_that_of_its_port(sightings_of: Run, url: str, hit: set[int]) -> None:
    asked = [
        ("evil.example", 8080, "/x"),
        ("203.0.113.9", 34567, "/bin.sh"),
        ("other.example", 80, "/x"),
        ("other.example", 8081, "/x"),
    ]
    logged = [record(event_type="http", dest_port=at, http={"hostname": n, "url": p}) for n, at, p in asked]
    assert {at for at, _ in hits(sightings_of([("url", url)], logged))} == hit


def test_the_plan_names_what_there_is() -> None:
    assert {EXACT_TYPES[type] for _, type in PLAN.tolist()} == set(EXACT_TYPES)
    assert {t for t in ValueType if not t.startswith("ipv")} == set(EXACT_TYPES)
    assert FIELDS[: len(TEXT)] == TEXT
    with pytest.raises(BadInput):
        normal.domain("")
