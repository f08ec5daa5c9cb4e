"""Values that are provably in normal form already: one regular expression instead of the long way.

A million-row list is mostly addresses, digests and plain domains. Whatever the expression doesn't prove goes through
`model.normal`, so the two agree by construction (and by a property test).
"""

import re
from typing import Final

from haechi.model import normal
from haechi.model.indicator import ValueType

_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_LABEL = r"[a-z0-9_-]{1,63}"
_PROOF = re.compile(
    rf"(?P<ipv4>{_BYTE}(?:\.{_BYTE}){{3}})\Z"
    r"|(?P<sha256>[0-9a-f]{64})\Z|(?P<md5>[0-9a-f]{32})\Z|(?P<sha1>[0-9a-f]{40})\Z|(?P<sha512>[0-9a-f]{128})\Z"
    rf"|(?P<domain>(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?!(?:0x[0-9a-f]*|{'|'.join(normal.FILE_ENDINGS)})\Z)"
    rf"(?={_LABEL}\Z)[0-9]*[a-z_-][a-z0-9_-]*)\Z"
)
_TYPES: Final = {kind.value: kind for kind in ValueType}


def proven(text: str) -> ValueType | None:
    """The type of a bare value that is in normal form as it stands; None where that isn't certain.

    >>> proven("evil.example"), proven("EVIL.example")
    (<ValueType.DOMAIN: 'domain'>, None)
    """
    found = _PROOF.match(text)
    return _TYPES[found.lastgroup] if found is not None and found.lastgroup is not None else None


def value(text: str, kind: ValueType | None) -> tuple[ValueType, str]:
    """The type and normal form of a value, of the given kind or, with None, of the one that it looks like.

    Raises BadInput with the reason. An address of any kind may come back as another (a /32 is an address).
    """
    seen = proven(text)
    if seen is not None and (kind is None or seen is kind):
        return seen, text
    if kind is None:
        return normal.guess(text)
    if kind.value.startswith("ip"):
        return normal.address(_without_port(normal.refang(text)))
    return kind, normal.normalise(kind, text)


def _without_port(text: str) -> str:
    # A list's "ip" column may carry ports: the address is what can be matched.
    return normal.guess(text)[1] if text.count(":") == 1 or text.startswith("[") else text
