"""What is known about an attacker's traces: one value, many assertions (DATA-MODEL.md, 2).

All times are integer microseconds since 1970-01-01 UTC; None is "not bounded" or "not yet".
"""

from enum import StrEnum

import msgspec

from haechi.messages.catalogue import Message
from haechi.model.marking import UNMARKED, Pap, Tlp


class ValueType(StrEnum):
    """The kinds of value that can be matched. The text of each is in the normal form of `model.normal`."""

    IPV4 = "ipv4"  # dotted quad
    IPV4_NET = "ipv4-net"  # CIDR with the host bits zero, /0../31
    IPV4_RANGE = "ipv4-range"  # first-last, only where no single CIDR says it
    IPV6 = "ipv6"  # RFC 5952
    IPV6_NET = "ipv6-net"
    IPV6_RANGE = "ipv6-range"
    DOMAIN = "domain"  # IDNA A-labels, lower case, no trailing dot; matches itself and its sub-domains
    URL = "url"  # WHATWG href without fragment
    EMAIL = "email"  # lower case, domain as above
    MD5 = "md5"  # hex, lower case, as all digests here
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    JA3 = "ja3"  # MD5 of the TLS client's hello, hex
    JA4 = "ja4"  # FoxIO JA4 fingerprint
    CERT = "cert"  # digest (MD5, SHA-1 or SHA-256) of a certificate, hex without colons


class Value(msgspec.Struct, frozen=True):
    """A value, once. `id` is given by the catalog and never reused."""

    id: int
    type: ValueType
    text: str


class Context(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a source says about its indicator, kept per object and shown with it."""

    actors: tuple[str, ...] = ()
    malware: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    kill_chain: tuple[str, ...] = ()  # "lockheed-martin-cyber-kill-chain:delivery"
    references: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    sharing_groups: tuple[str, ...] = ()  # UUIDs of the groups that a source keeps it to; never leaves with it
    description: str = ""


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """One value as a format's parser found it: what becomes an assertion. `line` points into the file."""

    type: ValueType
    text: str
    object_id: str  # the source's own id (STIX id, MISP attribute uuid); "" in lists: the list is the object
    object_version: str = ""  # STIX modified, MISP timestamp
    marking: Tlp = UNMARKED
    pap: Pap | None = None
    confidence: int | None = None  # 0-100, STIX 2.1 section 3.2
    valid_from: int | None = None
    valid_until: int | None = None  # from this moment on it no longer counts (STIX 2.1, 4.7.1)
    context: Context = Context()
    line: int | None = None


class Assertion(msgspec.Struct, frozen=True, kw_only=True):
    """One source's word on one value. Closed by `gone_at`, never overwritten."""

    value: Value
    source: str
    object_id: str
    object_version: str
    marking: Tlp
    pap: Pap | None
    confidence: int | None
    valid_from: int | None
    valid_until: int | None
    known_at: int
    known_how: str  # observed (by this node's clock) | asserted (--known-at, with its reason)
    gone_at: int | None
    gone_why: Message | None
    context: Context


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """An analyst's judgement of a value; append-only. `confirmed_at` of a value is the first `confirmed`."""

    value_id: int
    verdict: str  # confirmed | false-positive
    at: int
    by: str
    evidence: str
