"""Which log records can carry a value of a type, and how it is written there: one table."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Texts = Mapping[str, tuple[bytes, ...]]

# The tables that a slot's index points into.
SLOT_TABLES: dict[str, tuple[str, ...]] = {
    "remote": ("remote",),
    "remote4": ("remote4",),
    "answer": ("remote4",),
    "domain": ("domain",),
    "path": ("path",),
    "file": ("sha256", "md5"),
    "ja3": ("ja3",),
    "cert": ("cert",),
}


@dataclass(frozen=True, slots=True)
class Carrier:
    """A record of a log, and the texts that its slots take; `texts` is told the value and the event's number."""

    log: str
    record: str
    texts: Callable[[str, int], Texts]
    sides: tuple[str, ...] = ("TW", "KR")


def _same(slot: str) -> Callable[[str, int], Texts]:
    return lambda value, _number: {slot: (value.encode(),)}


def _name(value: str, number: int) -> Texts:
    """The name itself or a name below it: an indicator domain covers its sub-domains."""
    return {"domain": ((("", "www.", "", "mail.")[number % 4] + value).encode(),)}


def _url(value: str, _number: int) -> Texts:
    host, path = value.removeprefix("http://").split("/", 1)
    return {"domain": (host.encode(),), "path": (f"/{path}".encode(),)}


def _sha256(value: str, _number: int) -> Texts:
    return {"file": (value.encode(), hashlib.md5(value.encode(), usedforsecurity=False).hexdigest().encode())}


def _md5(value: str, _number: int) -> Texts:
    return {"file": (hashlib.sha256(value.encode()).hexdigest().encode(), value.encode())}


def _fingerprint(value: str, _number: int) -> Texts:
    """Suricata writes a certificate's SHA-1 with colons; indicators have none."""
    return {"cert": (":".join(value[i : i + 2] for i in range(0, len(value), 2)).encode(),)}


_ADDRESS = (
    Carrier("eve", "alert", _same("remote")),
    Carrier("eve", "flow", _same("remote")),
    Carrier("eve", "http", _same("remote")),
    Carrier("conn", "conn", _same("remote")),
    Carrier("sshd", "failed-invalid", _same("remote"), ("TW",)),
    Carrier("auth", "failed-invalid", _same("remote"), ("KR",)),
    Carrier("access", "probe", _same("remote")),
)

CARRIERS: dict[str, tuple[Carrier, ...]] = {
    "ipv4": (
        *_ADDRESS,
        Carrier("firewall", "deny", _same("remote4")),
        Carrier("eve", "dns-answer", _same("answer")),
        Carrier("dns", "dns", _same("answer")),
    ),
    "ipv6": _ADDRESS,
    "domain": (
        Carrier("eve", "dns", _name),
        Carrier("eve", "tls", _name),
        Carrier("eve", "http", _name),
        Carrier("dns", "dns", _name),
        Carrier("http", "http", _name),
        Carrier("ssl", "ssl", _name),
    ),
    "url": (Carrier("eve", "http", _url), Carrier("http", "http", _url)),
    "sha256": (Carrier("eve", "fileinfo", _sha256),),
    "md5": (Carrier("eve", "fileinfo", _md5),),
    "ja3": (Carrier("eve", "tls", _same("ja3")), Carrier("ssl", "ssl", _same("ja3"))),
    "cert": (Carrier("eve", "tls", _fingerprint),),
}
