"""A value as a STIX 2.1 pattern: what `formats.pattern` reads back as the same value (STIX 2.1, section 9).

A range of addresses is the nets that cover it exactly: STIX has no other word for it. JA3 and JA4 have no property in
STIX 2.1; they go under names of our own, as section 11.2 lets a producer do.
"""

import ipaddress
from typing import Final

from haechi.model.indicator import ValueType

_PATHS: Final = {
    ValueType.IPV4: "ipv4-addr:value",
    ValueType.IPV6: "ipv6-addr:value",
    ValueType.DOMAIN: "domain-name:value",
    ValueType.URL: "url:value",
    ValueType.EMAIL: "email-addr:value",
    ValueType.MD5: "file:hashes.MD5",
    ValueType.SHA1: "file:hashes.'SHA-1'",
    ValueType.SHA256: "file:hashes.'SHA-256'",
    ValueType.SHA512: "file:hashes.'SHA-512'",
    ValueType.JA3: "network-traffic:x_haechi_ja3",
    ValueType.JA4: "network-traffic:x_haechi_ja4",
}
_CERT: Final = {32: "MD5", 40: "'SHA-1'", 64: "'SHA-256'"}
_NETS: Final = {
    ValueType.IPV4_NET: ValueType.IPV4,
    ValueType.IPV6_NET: ValueType.IPV6,
    ValueType.IPV4_RANGE: ValueType.IPV4,
    ValueType.IPV6_RANGE: ValueType.IPV6,
}


def pattern_of(kind: ValueType, text: str) -> str:
    r"""The pattern that this value alone fulfils; `text` in normal form.

    >>> pattern_of(ValueType.URL, "http://evil.example/it's")
    "[url:value = 'http://evil.example/it\\'s']"
    >>> pattern_of(ValueType.IPV4_RANGE, "192.0.2.1-192.0.2.3")
    "[ipv4-addr:value ISSUBSET '192.0.2.1/32' OR ipv4-addr:value ISSUBSET '192.0.2.2/31']"
    """
    if kind in _NETS:
        path = _PATHS[_NETS[kind]]
        return "[" + " OR ".join(f"{path} ISSUBSET {_quoted(net)}" for net in _nets(text)) + "]"
    path = f"x509-certificate:hashes.{_CERT[len(text)]}" if kind is ValueType.CERT else _PATHS[kind]
    return f"[{path} = {_quoted(text)}]"


def _nets(text: str) -> list[str]:
    first, dash, last = text.partition("-")
    if not dash:
        return [text]
    low, high = ipaddress.ip_address(first), ipaddress.ip_address(last)
    return [str(net) for net in ipaddress.summarize_address_range(low, high)]


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
