"""Public suffixes: where registered names begin (publicsuffix.org, the offline list in `publicsuffixlist`)."""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def _list() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    # An unlisted top level (onion, bit, a company's own) is no suffix that others register under.
    return PublicSuffixList(accept_unknown=False)


def is_public_suffix(domain: str) -> bool:
    """Whether names are registered directly below this one, so that matching its sub-domains would hit strangers.

    `domain` is in normal form.

    >>> is_public_suffix("github.io"), is_public_suffix("example.com")
    (True, False)
    """
    return bool(_list().is_public(domain))


def registrable(domain: str) -> str | None:
    """The name that somebody registered (`a.b.example.co.kr` -> `example.co.kr`); None for a suffix or unknown top level."""
    found = _list().privatesuffix(domain)
    return str(found) if found is not None else None
