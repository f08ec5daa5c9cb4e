"""Normal forms: the published cases, and that a normal form is its own normal form."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haechi.model import normal
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType as T

DATA = Path(os.environ.get("HAECHI_DATA", Path(__file__).parents[2] / "../shared/data"))
VECTORS = DATA / "vectors" / "url"
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="no real data: set HAECHI_DATA")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("192.0.2.1", (T.IPV4, "192.0.2.1")),
        ("192.0.2.77/24", (T.IPV4_NET, "192.0.2.0/24")),
        ("192.0.2.77/32", (T.IPV4, "192.0.2.77")),
        ("192.0.2.0-192.0.2.255", (T.IPV4_NET, "192.0.2.0/24")),
        ("192.0.2.1 - 192.0.2.9", (T.IPV4_RANGE, "192.0.2.1-192.0.2.9")),
        ("192.0.2.9-192.0.2.9", (T.IPV4, "192.0.2.9")),
        ("2001:DB8:0:0:0:0:0:1", (T.IPV6, "2001:db8::1")),
        ("2001:db8:0:1:1:1:1:1", (T.IPV6, "2001:db8:0:1:1:1:1:1")),
        ("fe80::1%eth0", (T.IPV6, "fe80::1")),
        ("::ffff:192.0.2.1", (T.IPV4, "192.0.2.1")),
        ("::ffff:192.0.2.0/120", (T.IPV4_NET, "192.0.2.0/24")),
        ("2001:db8::/32", (T.IPV6_NET, "2001:db8::/32")),
        ("2001:db8::-2001:db8::5", (T.IPV6_RANGE, "2001:db8::-2001:db8::5")),
    ],
)
def test_address(text: str, want: tuple[T, str]) -> None:
    assert normal.address(text) == want


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0.0.0.0/0", "wider than /8"),
        ("10.0.0.0/7", "wider than /8"),
        ("2000::/3", "wider than /19"),
        ("0.0.0.0-255.255.255.255", "larger than a /8"),
        ("192.0.2.9-192.0.2.1", "ends before it begins"),
        ("192.0.2.1-2001:db8::1", "one address family"),
        ("192.0.2.256", "not an IPv4 or IPv6"),
        ("010.0.0.1", "not an IPv4 or IPv6"),
        ("192.0.2.1/33", "/33 doesn't exist for IPv4"),
        ("::ffff:1.2.3.4/64", "/64 doesn't exist"),
        ("192.0.2.1/x", "isn't a number"),
        ("", "not an IPv4"),
    ],
)
def test_address_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        normal.address(text)


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Example.COM.", "example.com"),
        ("faß.de", "xn--fa-hia.de"),
        ("한국.kr", "xn--3e0b707e.kr"),
        ("ｅｘａｍｐｌｅ．com", "example.com"),
        ("台灣。tw", "xn--kpry57d.tw"),
        ("_dmarc.example.com", "_dmarc.example.com"),
        ("XN--A.example", "xn--a.example"),
        ("3com", "3com"),
    ],
)
def test_domain(text: str, want: str) -> None:
    assert normal.domain(text) == want


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1", "an address"),
        ("１２７.0.0.1", "an address"),
        ("::1", "an address"),
        ("a..b", "empty label"),
        ("", "empty"),
        (".", "empty"),
        ("a" * 64 + ".com", "longer than 63"),
        ("a." * 127 + "com", "longer than 253"),
        ("a b.com", "' '"),
        ("a.0x1f", "last label is a number"),
        ("a\ud800.com", "UTS 46"),
        ("a.com\n.b", r"\\n"),
    ],
)
def test_domain_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        normal.domain(text)


def test_domain_takes_no_newline_at_the_end_for_normal() -> None:
    assert normal.domain("a.com\n") == "a.com"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("hxxps[:]//evil[.]example/a", "https://evil.example/a"),
        ("hXXp://evil(.)example", "http://evil.example"),
        ("evil[dot]example", "evil.example"),
        ("a{.}b", "a.b"),
        ("a[at]b[.]c", "a@b.c"),
        ("1[.]2[.]3[.]4", "1.2.3.4"),
        ("evil[.example", "evil.example"),
        ("http[://]a.example[/]x", "http://a.example/x"),
        ("fxp://a.example", "ftp://a.example"),
        ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
        ("evil\\.example", "evil.example"),
        ("\ufeff a.example ", "a.example"),
    ],
)
def test_refang(text: str, want: str) -> None:
    assert normal.refang(text) == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("evil.example/x", (T.URL, "http://evil.example/x")),
        ("hxxp://Evil[.]example", (T.URL, "http://evil.example/")),
        ("192.0.2.1:443", (T.IPV4, "192.0.2.1")),
        ("[2001:db8::1]:443", (T.IPV6, "2001:db8::1")),
        ("192.0.2.0/24", (T.IPV4_NET, "192.0.2.0/24")),
        ("192.0.2.1/gate.php", (T.URL, "http://192.0.2.1/gate.php")),
        ("evil.example:8080", (T.DOMAIN, "evil.example")),
        ("*.evil.example", (T.DOMAIN, "evil.example")),
        (".evil.example", (T.DOMAIN, "evil.example")),
        ("Kim@Example.com", (T.EMAIL, "kim@example.com")),
        ("D41D8CD98F00B204E9800998ECF8427E", (T.MD5, "d41d8cd98f00b204e9800998ecf8427e")),
        ("a" * 40, (T.SHA1, "a" * 40)),
        ("a" * 64, (T.SHA256, "a" * 64)),
        ("a" * 128, (T.SHA512, "a" * 128)),
        ("t13d1516h2_8daaf6152771_e5627efa2ab1", (T.JA4, "t13d1516h2_8daaf6152771_e5627efa2ab1")),
        ("abc-def.com", (T.DOMAIN, "abc-def.com")),
    ],
)
def test_guess(text: str, want: tuple[T, str]) -> None:
    assert normal.guess(text) == want


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("  ", "empty"),
        ("word", "single word"),
        ("setup.exe", "file's name"),
        ("ldap://a.example/x", "scheme 'ldap'"),
        ("/etc/passwd", "not a value"),
        ("0.0.0.0/0", "wider than /8"),
        ("300.1.1.1", "not an IPv4"),
        ("x" * 9000, "longer than"),
    ],
)
def test_guess_refused(text: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        normal.guess(text)


def test_digests_name_what_is_wrong() -> None:
    with pytest.raises(BadInput, match="not a SHA256: it has 32 hex digits instead of 64"):
        normal.digest(T.SHA256, "a" * 32)
    with pytest.raises(BadInput, match="other than 0-9"):
        normal.ja3("z" * 32)
    with pytest.raises(BadInput, match="not a JA3 fingerprint: it has 31 hex digits instead of 32"):
        normal.ja3("a" * 31)
    with pytest.raises(BadInput, match="not a certificate digest: it has 33 hex digits instead of 32 or 40 or 64"):
        normal.cert("a" * 33)
    assert normal.cert("AB:CD" + ":00" * 18) == "abcd" + "00" * 18
    with pytest.raises(BadInput, match="not a JA4"):
        normal.ja4("t13d")


def _normal_or_none(type: T, text: str) -> str | None:
    try:
        return normal.normalise(type, text)
    except BadInput:
        return None


_HOSTS = st.from_regex(r"[a-zA-Z0-9._\[\]ßｅ。한-]{1,20}(/[ -~]{0,10})?", fullmatch=True)


@given(st.sampled_from(list(T)), st.one_of(st.text(max_size=60), _HOSTS, _HOSTS.map("hxxp://".__add__)))
def test_a_normal_form_is_its_own(type: T, text: str) -> None:
    once = _normal_or_none(type, text)
    if once is not None:
        assert normal.normalise(type, once) == once


@given(st.one_of(st.text(max_size=60), _HOSTS, _HOSTS.map("http://".__add__)))
def test_a_guess_guesses_itself(text: str) -> None:
    try:
        kind, once = normal.guess(text)
    except BadInput:
        return
    assert normal.guess(once) == (kind, once)


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_every_address_is_taken(address: object) -> None:
    kind, text = normal.address(str(address).upper())
    assert text == str(address) or "." in text  # RFC 5952 as `ipaddress` writes it, whoever wrote ours
    assert normal.address(text) == (kind, text)


@needs_vectors
def test_whatwg_cases() -> None:
    """Every absolute special-scheme case of urltestdata.json: same href, same failures."""
    cases = json.loads((VECTORS / "urltestdata.json").read_text("utf-8"))
    seen = 0
    for case in cases:
        if not isinstance(case, dict) or case.get("base") is not None:
            continue
        scheme = str(case.get("href", "")).partition(":")[0]
        if case.get("failure"):
            with pytest.raises(BadInput):
                normal.url(case["input"])
            seen += 1
        elif scheme in normal.URL_SCHEMES:
            assert normal.url(case["input"]) == case["href"].partition("#")[0], case
            seen += 1
    assert seen > 200


@needs_vectors
@pytest.mark.parametrize("name", ["toascii.json", "IdnaTestV2.json"])
def test_idna_cases(name: str) -> None:
    """Where WHATWG gives an A-label form, so do we, if DNS can carry it; where the name isn't ASCII, its failures too."""
    seen = 0
    for case in json.loads((VECTORS / name).read_text("utf-8")):
        if not isinstance(case, dict) or "output" not in case:
            continue
        want, text = case["output"], case["input"]
        if text != text.strip():  # we take space off the ends: values are typed and pasted
            continue
        if not want and not (text.isascii() and _normal_or_none(T.DOMAIN, text)):
            assert _normal_or_none(T.DOMAIN, text) is None, case
        elif want and len(want) < 254 and normal._NORMAL_DOMAIN.fullmatch(want.removesuffix(".")):
            assert normal.domain(text) == want.removesuffix("."), case
            seen += 1
    assert seen > 20


def test_full_width_addresses_mean_what_ascii_ones_do() -> None:
    assert normal.guess("９.９.９.７７") == (T.IPV4, "9.9.9.77")
    assert normal.normalise(T.IPV4, "９．９．９．７７") == "9.9.9.77"
    assert normal.guess("２００１：ｄｂ８：：１") == (T.IPV6, "2001:db8::1")


def test_prose_is_not_called_an_address() -> None:
    with pytest.raises(BadInput, match="a character that no domain has"):
        normal.guess("furnished to do so:")
