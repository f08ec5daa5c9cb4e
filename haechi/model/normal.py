"""The one normal form of each kind of value, so that equal things are equal bytes.

Logs and indicators go through the same functions: what an analyst typed and what a sensor wrote meet here. Every
function is pure, gives the same text for its own result (idempotent) and raises BadInput that says what is wrong.
`domain` and `url` cost about 1 and 4 us; `guess` is for bare values of unknown kind.
Sources: RFC 5952 (IPv6 text), UTS 46 and WHATWG URL (names, URLs), FoxIO JA4.
"""

import ipaddress
import re
import socket
import unicodedata
from collections.abc import Callable
from typing import Any, Final, NoReturn

from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.location import Location

MAX_TEXT: Final = 8192  # characters; longer URLs are seen in fuzzing, not in indicators
WIDEST_V4: Final = 8  # shortest prefix taken: a wider net would hit half the world
WIDEST_V6: Final = 19
URL_SCHEMES: Final = frozenset({"http", "https", "ftp", "ws", "wss"})  # WHATWG's special schemes but file

_LABEL = r"[a-z0-9_-]{1,63}"
# Already normal: ASCII, lower case, last label not a number (WHATWG "ends in a number" means IPv4).
_NORMAL_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*(?!0x[0-9a-f]*\Z)(?={_LABEL}\Z)[0-9]*[a-z_-][a-z0-9_-]*")
_SIX = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_HEX = re.compile(r"[0-9a-f]+")
_QUAD = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_QUAD_PORT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,3}){3}):([0-9]{1,5})")
_SIX_PORT = re.compile(r"\[([0-9a-fA-F:.]+)\](?::([0-9]{1,5}))?")
_HOST_PORT = re.compile(r"([^\s/:@?#]+):([0-9]{1,5})")
_NET = re.compile(r"[0-9a-fA-F:.]+/[0-9]{1,3}")
_RANGE = re.compile(r"([0-9a-fA-F:.]+)\s*[-\u2013]\s*([0-9a-fA-F:.]+)")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")
_JA4 = re.compile(r"[tqd](?:[0-9]{2}|[sd][0-9])[di][0-9]{4}[a-z0-9]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
# Endings that are no top-level domain: a bare `setup.exe` is a file's name, which Haechi doesn't match.
FILE_ENDINGS: Final = (
    "exe dll sys doc docx docm xls xlsx xlsm ppt pptx pdf rtf lnk ps1 vbs vbe bat cmd jar apk ipa js jse wsf hta php"
    " asp aspx jsp dat tmp txt log csv json xml html htm rar 7z gz tar iso img vhd chm msi scr ocx cpl bin elf hwp hwpx"
    " png jpg jpeg gif bmp ico cab ini cfg db"
).split()
_FILE_NAME = re.compile(rf".*\.(?:{'|'.join(FILE_ENDINGS)})")
_DEFANG_DOT = re.compile(r"\s?[\[({](?:\.|dot|DOT|Dot|punkt)[\])}]\s?|\\\.|\[\.(?=[a-zA-Z0-9])|(?<=[a-zA-Z0-9])\.\]")
_DEFANG_AT = re.compile(r"\s?[\[({](?:@|at|AT)[\])}]\s?")
_DEFANG_COLON = re.compile(r"[\[({](:(?://)?)[\])}]")
_DEFANG_SLASH = re.compile(r"[\[({](//?)[\])}]")
_DEFANG_SCHEME = re.compile(r"(?i:h(?:xx|tx|xt|\*\*|\[tt\]|__)p(s?)|f(?:x|\*)p(s?))(?=:|\[:|\(:|\{:)")
_DIGEST_LENGTH: Final = {
    ValueType.MD5: 32,
    ValueType.SHA1: 40,
    ValueType.SHA256: 64,
    ValueType.SHA512: 128,
    ValueType.JA3: 32,
}
_DIGEST_BY_LENGTH: Final = {32: ValueType.MD5, 40: ValueType.SHA1, 64: ValueType.SHA256, 128: ValueType.SHA512}
_ADDRESS_TYPES: Final = frozenset(
    {
        ValueType.IPV4,
        ValueType.IPV4_NET,
        ValueType.IPV4_RANGE,
        ValueType.IPV6,
        ValueType.IPV6_NET,
        ValueType.IPV6_RANGE,
    }
)
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _refuse(id: str, value: str, **arguments: Any) -> NoReturn:
    raise BadInput(id, location=Location(value=value), **arguments)


def refang(text: str) -> str:
    """A defanged value as it was meant, stripped: `hxxps[:]//evil[.]example` -> `https://evil.example`.

    >>> refang(" hxxp://a[.]example/x ")
    'http://a.example/x'
    """
    text = text.strip().strip("\ufeff\u200b\u2060").strip()
    while True:
        before = text
        if "[" in text or "(" in text or "{" in text or "\\" in text:
            text = _DEFANG_DOT.sub(".", text)
            text = _DEFANG_AT.sub("@", text)
            text = _DEFANG_COLON.sub(r"\1", text)
            text = _DEFANG_SLASH.sub(r"\1", text)
        if ":" in text:
            text = _DEFANG_SCHEME.sub(_scheme_meant, text, count=1)
        text = text.strip()
        if text == before:
            return text


def _scheme_meant(found: re.Match[str]) -> str:
    http_s, ftp_s = found.groups()
    return f"http{http_s.lower()}" if http_s is not None else f"ftp{ftp_s.lower()}"


def address(text: str) -> tuple[ValueType, str]:
    """An address, a network (host bits zeroed) or a range `first-last`, which becomes a CIDR where one says it.

    IPv6 in RFC 5952 form; IPv4-mapped IPv6 becomes IPv4; a zone id (`%eth0`) has no meaning elsewhere and is cut.
    Refuses leading zeros (octal to some) and networks wider than /8 or, for IPv6, /19.

    >>> address("2001:DB8:0:0::1/64")
    (<ValueType.IPV6_NET: 'ipv6-net'>, '2001:db8::/64')
    """
    text = _narrow(text.strip())
    if _SIX.fullmatch(text):
        quick = _six(text)
        if quick is not None:
            return ValueType.IPV6, quick
    found = _RANGE.fullmatch(text)
    if found:
        return _range(_one(found[1], text), _one(found[2], text), text)
    host, slash, length = text.partition("/")
    first = _one(host, text)
    if not slash:
        return (ValueType.IPV4 if first.version == 4 else ValueType.IPV6), str(first)
    if not (length.isascii() and length.isdigit() and len(length) <= 3):
        _refuse("value.prefix_no_number", text)
    bits = int(length)
    if first.version == 4 and ":" in host:
        bits -= 96
    if not 0 <= bits <= first.max_prefixlen:
        _refuse("value.no_such_prefix", text, length=length, version=first.version)
    return _net(ipaddress.ip_network((first, bits), strict=False), text)


def _narrow(text: str) -> str:
    """Full-width digits and signs, as an East Asian keyboard types them, in their ASCII form (Unicode, NFKC)."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text).replace("\u3002", ".")


def _six(text: str) -> str | None:
    """IPv6 by the C library, a twentieth of `ipaddress`' time; None where that one must look (mapped, wrong)."""
    try:
        shown = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(socket.AF_INET6, text))
    except OSError:
        return None
    return None if "." in shown else shown


def _one(text: str, whole: str) -> _Address:
    text, _, _ = text.strip().partition("%")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        _refuse("value.not_address", whole)
    if found.version == 6 and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def _net(net: _Network, whole: str) -> tuple[ValueType, str]:
    if net.prefixlen == net.max_prefixlen:
        return (ValueType.IPV4 if net.version == 4 else ValueType.IPV6), str(net.network_address)
    widest = WIDEST_V4 if net.version == 4 else WIDEST_V6
    if net.prefixlen < widest:
        _refuse("value.wide_network", whole, widest=widest)
    return (ValueType.IPV4_NET if net.version == 4 else ValueType.IPV6_NET), str(net)


def _range(first: _Address, last: _Address, whole: str) -> tuple[ValueType, str]:
    if first.version != last.version:
        _refuse("value.mixed_range", whole)
    if int(last) < int(first):
        _refuse("value.backward_range", whole)
    widest = WIDEST_V4 if first.version == 4 else WIDEST_V6
    size = int(last) - int(first) + 1
    if size > 1 << (first.max_prefixlen - widest):
        _refuse("value.wide_range", whole, widest=widest)
    aligned = size & (size - 1) == 0 and int(first) % size == 0
    if aligned:
        return _net(ipaddress.ip_network((first, first.max_prefixlen - size.bit_length() + 1)), whole)
    return (ValueType.IPV4_RANGE if first.version == 4 else ValueType.IPV6_RANGE), f"{first}-{last}"


def domain(text: str) -> str:
    """A DNS name in lower-case A-labels without trailing dot, mapped by UTS 46 (full-width forms and all dots too).

    Underscores and hyphens anywhere are kept, and so are ASCII labels that only look like punycode: DNS carries
    them. Refuses addresses, empty labels, labels over 63 and names over 253 characters.

    >>> domain("Bücher.Example.")
    'xn--bcher-kva.example'
    """
    if len(text) <= 253 and _NORMAL_DOMAIN.fullmatch(text):
        return text
    name = text.strip()
    if not name.isascii():
        name = _to_ascii(name, text)
    name = name.lower().removesuffix(".")
    if len(name) <= 253 and _NORMAL_DOMAIN.fullmatch(name):
        return name
    return _refuse_domain(name, text)


def _to_ascii(name: str, whole: str) -> str:
    import ada_url

    if len(name) > MAX_TEXT:
        _refuse("value.domain_too_long", whole)
    try:
        mapped = ada_url.idna_to_ascii(name).decode("ascii")
    except ValueError:  # lone surrogates
        mapped = ""
    if not mapped:
        _refuse("value.domain_not_mapped", whole)
    return mapped


def _refuse_domain(name: str, whole: str) -> NoReturn:
    if not name:
        _refuse("value.domain_empty", whole)
    if _looks_like_six(name) or _QUAD.fullmatch(name):
        _refuse("value.domain_is_address", whole)
    if len(name) > 253:
        _refuse("value.domain_too_long", whole)
    labels = name.split(".")
    if not all(labels):
        _refuse("value.domain_empty_label", whole)
    if any(len(label) > 63 for label in labels):
        _refuse("value.domain_long_label", whole)
    stray = re.search(r"[^a-z0-9_.-]", name)
    if stray:
        _refuse("value.domain_character", whole, character=stray[0])
    _refuse("value.domain_number", whole)


def url(text: str) -> str:
    """The WHATWG href without its fragment. http, https, ftp, ws and wss only: others aren't matched.

    >>> url("HTTP://Example.com:80/a/../b#top")
    'http://example.com/b'
    """
    import ada_url

    if len(text) > MAX_TEXT:
        _refuse("value.url_too_long", text, most=MAX_TEXT)
    try:
        href: str = ada_url.normalize_url(text)
    except ValueError:
        _refuse("value.not_url", text)
    scheme = href.partition(":")[0]
    if scheme not in URL_SCHEMES:
        _refuse("value.url_scheme", text, scheme=scheme)
    href = href.partition("#")[0]
    if len(href) > MAX_TEXT:  # percent-encoding makes it longer; its own result must be accepted again
        _refuse("value.url_too_long_encoded", text, most=MAX_TEXT)
    return href


def email(text: str) -> str:
    """An address `local@domain` in lower case; `mailto:` and angle brackets are taken off.

    >>> email("<Kim@Example.COM>")
    'kim@example.com'
    """
    bare = text.strip().removeprefix("mailto:").removeprefix("<").removesuffix(">").strip()
    local, at, host = bare.rpartition("@")
    if not at or not local:
        _refuse("value.not_email", text)
    if len(local) > 64 or any(char.isspace() or char in '<>()[],;:\\"@' or ord(char) < 32 for char in local):
        _refuse("value.email_name", text)
    lowered = local.lower()
    if len(lowered) > 64:
        _refuse("value.email_name", text)
    return f"{lowered}@{domain(host)}"


def _hex(text: str, lengths: tuple[int, ...], strays: str, other_length: str, **arguments: Any) -> str:
    """Lower-case hex of one of the lengths; `strays` and `other_length` are the ids of what is wrong with the rest."""
    lowered = text.strip().lower()
    if not _HEX.fullmatch(lowered):
        _refuse(strays, text, **arguments)
    if len(lowered) not in lengths:
        _refuse(other_length, text, count=len(lowered), **arguments)
    return lowered


def digest(type: ValueType, text: str) -> str:
    """A file digest (md5, sha1, sha256, sha512) as lower-case hex of exactly its length."""
    wanted = _DIGEST_LENGTH[type]
    return _hex(text, (wanted,), "value.digest_characters", "value.digest_length", kind=type.name, wanted=wanted)


def ja3(text: str) -> str:
    """A JA3 or JA3S fingerprint: 32 hex digits, lower case."""
    return _hex(text, (32,), "value.ja3_characters", "value.ja3_length")


def ja4(text: str) -> str:
    """A JA4 TLS client fingerprint, lower case. Source: FoxIO, JA4 technical details.

    >>> ja4("T13D1516H2_8daaf6152771_e5627efa2ab1")
    't13d1516h2_8daaf6152771_e5627efa2ab1'
    """
    lowered = text.strip().lower()
    if not _JA4.fullmatch(lowered):
        _refuse("value.not_ja4", text)
    return lowered


def cert(text: str) -> str:
    """A certificate's digest (MD5, SHA-1 or SHA-256) as lower-case hex without colons or spaces."""
    bare = text.replace(":", "").replace(" ", "")
    return _hex(bare, (32, 40, 64), "value.cert_characters", "value.cert_length")


def _subdomains(text: str) -> str:
    # "*.evil.example" and ".evil.example" mean what a domain indicator means anyway: itself and what is below.
    return domain(text.removeprefix("*").removeprefix("."))


_BY_TYPE: Final[dict[ValueType, Callable[[str], str]]] = {
    ValueType.DOMAIN: _subdomains,
    ValueType.URL: url,
    ValueType.EMAIL: email,
    ValueType.MD5: lambda text: digest(ValueType.MD5, text),
    ValueType.SHA1: lambda text: digest(ValueType.SHA1, text),
    ValueType.SHA256: lambda text: digest(ValueType.SHA256, text),
    ValueType.SHA512: lambda text: digest(ValueType.SHA512, text),
    ValueType.JA3: ja3,
    ValueType.JA4: ja4,
    ValueType.CERT: cert,
}


def normalise(type: ValueType, text: str) -> str:
    """The normal form of a value whose type is known, refanged first. `normalise(t, normalise(t, x)) == normalise(t, x)`.

    An address's exact type can change on the way (a /32 is an address): use `address` where that matters.
    """
    meant = refang(text)
    if not meant:
        _refuse("value.empty", text)
    if type in _ADDRESS_TYPES:
        return address(meant)[1]
    return _BY_TYPE[type](meant)


def guess(text: str) -> tuple[ValueType, str]:
    """The type and normal form of a bare value; a port behind an address or a name is left out.

    >>> guess("evil[.]example/x")
    (<ValueType.URL: 'url'>, 'http://evil.example/x')
    """
    meant = refang(text)
    if not meant:
        _refuse("value.empty", text)
    if len(meant) > MAX_TEXT:
        _refuse("value.too_long", text, most=MAX_TEXT)
    scheme = _SCHEME.match(meant)
    if scheme:
        return ValueType.URL, url(meant)
    lowered = meant.lower()
    if len(lowered) in _DIGEST_BY_LENGTH and _HEX.fullmatch(lowered):
        return _DIGEST_BY_LENGTH[len(lowered)], lowered
    if _JA4.fullmatch(lowered):
        return ValueType.JA4, lowered
    return _guess_address(meant) or _guess_name(meant, text)


def _guess_address(meant: str) -> tuple[ValueType, str] | None:
    meant = _narrow(meant)
    if _QUAD.fullmatch(meant) or _NET.fullmatch(meant) or _looks_like_six(meant) or _looks_like_range(meant):
        return address(meant)
    port = _QUAD_PORT.fullmatch(meant) or _SIX_PORT.fullmatch(meant)
    return address(port[1]) if port else None


def _looks_like_six(meant: str) -> bool:
    return meant.count(":") >= 2 and re.fullmatch(r"[0-9a-fA-F:.]+(?:%\S+)?", meant) is not None


def _looks_like_range(meant: str) -> bool:
    found = _RANGE.fullmatch(meant)
    return found is not None and bool(_QUAD.fullmatch(found[1]) or found[1].count(":") >= 2)


def _guess_name(meant: str, text: str) -> tuple[ValueType, str]:
    if "/" in meant or "?" in meant:
        if re.match(r"[^/?]*\.[^/?]+[/?]", meant) is None:
            _refuse("value.unknown", text)
        return ValueType.URL, url("http://" + meant)
    if "@" in meant:
        return ValueType.EMAIL, email(meant)
    port = _HOST_PORT.fullmatch(meant)
    name = _subdomains(port[1] if port else meant)
    if _FILE_NAME.fullmatch(name):
        _refuse("value.file_name", text)
    if "." not in name:
        _refuse("value.single_word", text)
    return ValueType.DOMAIN, name
