"""Ids of STIX objects: which are well formed, which are random, and which only this node can compute.

A deterministic id of an address (STIX's own UUIDv5) is found in minutes by trying all of them; under a secret key it is
as good as a random one, and the same thing gets the same id each time. Source: STIX 2.1, section 2.9; RFC 9562.
"""

import hmac
import re
from typing import Final
from uuid import uuid4

IDS: Final = "ids"  # the purpose of the secret that ids hang on
LONGEST_TYPE: Final = 250  # characters: STIX 2.1, section 2.9 and 11.1
_FORM: Final = re.compile(
    rf"([a-z0-9](?:[a-z0-9-]{{0,{LONGEST_TYPE - 2}}}[a-z0-9])?)--"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_VARIANT: Final = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))


def keyed(secret: bytes, kind: str, *parts: str) -> str:
    """The id `KIND--UUID` of what the parts name: always the same under this secret, not to be computed without it.

    HMAC-SHA256 over the kind and the parts, each with its length before it (so that no two lists of parts are the same
    bytes), in the form of a UUIDv4: a reader can't tell it from a random one.

    >>> keyed(b"k" * 32, "indicator", "feed", "list", "192.0.2.1")
    'indicator--5aeca35e-78f4-4a17-b7a4-2982af803922'
    """
    message = "".join([f"{len(part)}:{part}" for part in (kind, *parts)])
    found = hmac.digest(secret, message.encode(errors="surrogatepass"), "sha256").hex()
    return f"{kind}--{found[:8]}-{found[8:12]}-4{found[13:16]}-{_VARIANT[found[16]]}{found[17:20]}-{found[20:32]}"


def of_unit(secret: bytes, *, source: str, object_id: str, type: str, value: str) -> str:
    """The indicator id under which one value of a list (or of a MISP attribute) leaves this node.

    `secret` is node.keys.secret(home, IDS). What is released and what is sighted must name it the same way.
    """
    return keyed(secret, "indicator", source, object_id, type, value)


def random(kind: str) -> str:
    """A new id of that type."""
    return f"{kind}--{uuid4()}"


def type_of(id: str) -> str:
    """The type that a well-formed id names; "" for anything else.

    >>> type_of("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f"), type_of("indicator--../../etc")
    ('indicator', '')
    """
    found = _FORM.fullmatch(id)
    return found[1] if found is not None else ""
