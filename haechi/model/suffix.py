"""Public suffixes: where registered names begin (publicsuffix.org, the offline list in `publicsuffixlist`)."""

from functools import cache
from typing import TYPE_CHECKING

from haechi.model.normal import domain

if TYPE_CHECKING:
    from publicsuffixlist import PublicSuffixList


@cache
def _list() -> "PublicSuffixList":
    from publicsuffixlist import PublicSuffixList

    # An unlisted top level (onion, bit, a company's own) is no suffix that others register under.
    return PublicSuffixList(accept_unknown=False)


def is_public_suffix(name: str) -> bool:
    """Whether names are registered directly below this one, so that matching its sub-domains would hit strangers.

    `name` is in normal form.

    >>> is_public_suffix("github.io"), is_public_suffix("example.com")
    (True, False)
    """
    return bool(_list().is_public(name))


@cache
def rules() -> tuple[frozenset[str], frozenset[str]]:
    """The list's rules in normal form: (suffixes themselves, names right below which everything is a suffix).

    For those who look at a million names at once: a name that is neither in the first set nor directly below one of
    the second is no public suffix; the rest ask `is_public_suffix` (exceptions).
    """
    from publicsuffixlist import PSLFILE

    exact, below = set(), set()
    with open(PSLFILE, encoding="utf-8") as lines:
        for line in lines:
            rule = line.strip()
            if not rule or rule.startswith(("//", "!")):
                continue
            exact.add(domain(rule.removeprefix("*.")))
            if rule.startswith("*."):
                below.add(domain(rule.removeprefix("*.")))
    return frozenset(exact), frozenset(below)
