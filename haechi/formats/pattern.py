"""STIX patterns: those that only say "this value or that one" become values, the others are kept with the reason.

Syntax by OASIS's own parser (`stix2-patterns`); one comparison with an equals sign, by far the most frequent, is read
by an expression first, since the parser takes 1-2 ms a pattern. Source: STIX 2.1, section 9.
"""

import re
from typing import Any, Final, NamedTuple

from haechi.formats import quick
from haechi.messages.catalogue import Message
from haechi.model.errors import BadInput
from haechi.model.indicator import ValueType
from haechi.model.location import Location

MAX_PATTERN: Final = 100_000  # characters
_DEEPEST: Final = 60  # brackets in brackets: the parser recurses

_ONE = re.compile(r"\s*\[\s*([a-z0-9-]+):([A-Za-z0-9_.'-]+)\s*=\s*'([^'\\]*)'\s*\]\s*")
_HASHES: Final = {
    "md5": ValueType.MD5,
    "sha-1": ValueType.SHA1,
    "sha1": ValueType.SHA1,
    "sha-256": ValueType.SHA256,
    "sha256": ValueType.SHA256,
    "sha-512": ValueType.SHA512,
    "sha512": ValueType.SHA512,
}
# Object path -> kind; None where the value tells.
_PATHS: Final[dict[str, ValueType | None]] = {
    "ipv4-addr:value": ValueType.IPV4,
    "ipv6-addr:value": ValueType.IPV6,
    "domain-name:value": ValueType.DOMAIN,
    "domain-name:resolves_to_refs.*.value": None,
    "url:value": ValueType.URL,
    "email-addr:value": ValueType.EMAIL,
    "email-message:from_ref.value": ValueType.EMAIL,
    "email-message:sender_ref.value": ValueType.EMAIL,
    "email-message:to_refs.*.value": ValueType.EMAIL,
    "network-traffic:src_ref.value": None,
    "network-traffic:dst_ref.value": None,
    "network-traffic:x_haechi_ja3": ValueType.JA3,  # as formats.patternof writes them
    "network-traffic:x_haechi_ja4": ValueType.JA4,
}
_ADDRESSES: Final = frozenset({"ipv4-addr:value", "ipv6-addr:value", "network-traffic:src_ref.value"}) | {
    "network-traffic:dst_ref.value"
}


class Parsed(NamedTuple):
    """A pattern's values, and why parts of it aren't evaluated yet; () if all of it is."""

    values: list[tuple[ValueType, str]]
    reasons: tuple[Message, ...]


class Comparison(NamedTuple):
    """One comparison: `path` as type:property.property with `*` for any list item, the operator, the literal."""

    path: str
    operator: str
    literal: str


def parse(pattern: str) -> Parsed:
    """The values that a pattern looks for. Raises BadInput for wrong syntax or a value that can't be one.

    >>> parse("[ipv4-addr:value = '192.0.2.1' OR domain-name:value = 'evil.example']").values
    [(<ValueType.IPV4: 'ipv4'>, '192.0.2.1'), (<ValueType.DOMAIN: 'domain'>, 'evil.example')]
    """
    one = _ONE.fullmatch(pattern)
    if one is not None:
        return _evaluate([Comparison(f"{one[1]}:{one[2].replace(chr(39), '')}", "=", f"'{one[3]}'")], None)
    if len(pattern) > MAX_PATTERN:
        raise BadInput("stix_pattern.long", most=MAX_PATTERN)
    if _depth(pattern) > _DEEPEST:
        raise BadInput("stix_pattern.deep", most=_DEEPEST)
    return _evaluate(*_read(pattern))


def _depth(pattern: str) -> int:
    deepest = depth = 0
    for char in pattern:
        depth += (char in "([") - (char in ")]")
        deepest = max(deepest, depth)
    return deepest


def _read(pattern: str) -> tuple[list[Comparison], Message | None]:
    """All comparisons, and what stands between them that a set of values can't say (None if nothing)."""
    from stix2patterns.exceptions import ParseException
    from stix2patterns.v20.pattern import Pattern as Pattern20
    from stix2patterns.v21.pattern import Pattern as Pattern21

    try:
        parsed = Pattern21(pattern)
    except ParseException as error:
        try:
            parsed = Pattern20(pattern)
        except ParseException:
            location = Location(field="pattern", value=pattern)
            raise BadInput("stix_pattern.syntax", location=location, cause=str(error)) from None
    listener = _listener(isinstance(parsed, Pattern20))
    parsed.walk(listener)
    data = listener.pattern_data()
    comparisons = [
        Comparison(f"{kind}:{_path(steps)}", operator, literal)
        for kind, found in data.comparisons.items()
        for steps, operator, literal in found
    ]
    return _without_type_tests(comparisons, listener.ands, sorted(data.observation_ops), sorted(data.qualifiers))


def _listener(old: bool) -> Any:
    """The parser's own inspector that also notes `AND` between comparisons."""
    if old:
        from stix2patterns.v20.inspector import InspectionListener
    else:
        from stix2patterns.v21.inspector import InspectionListener

    class Listener(InspectionListener):  # type: ignore[misc, unused-ignore]
        ands = 0

        def exitComparisonExpressionAnd(self, ctx: Any) -> None:  # noqa: N802 (ANTLR's name)
            if ctx.AND():
                self.ands += 1

    return Listener()


def _path(steps: list[object]) -> str:
    return ".".join(
        step if isinstance(step, str) else "*" if not isinstance(step, int) else str(step) for step in steps
    )


def _without_type_tests(
    comparisons: list[Comparison], ands: int, operations: list[str], qualifiers: list[str]
) -> tuple[list[Comparison], Message | None]:
    if qualifiers:
        return comparisons, Message("pattern.qualifier", {"name": qualifiers[0].split()[0]})
    if "FOLLOWEDBY" in operations or "AND" in operations:
        return comparisons, Message("pattern.observations")
    tests = [c for c in comparisons if c.path.endswith("_ref.type")]
    # "dst_ref.type = 'ipv4-addr' AND dst_ref.value = '...'" says no more than its second half.
    if ands == 1 and len(tests) == 1 and len(comparisons) == 2:
        return [c for c in comparisons if c not in tests], None
    if ands:
        return comparisons, Message("pattern.comparisons")
    return comparisons, None


def _evaluate(comparisons: list[Comparison], why: Message | None) -> Parsed:
    if why is not None:
        return Parsed([], (why,))
    values: list[tuple[ValueType, str]] = []
    left: list[Message] = []
    bad: BadInput | None = None
    for comparison in comparisons:
        kind, why = _kind(comparison)
        if why is not None:
            left.append(why)
            continue
        for text in _literals(comparison):
            try:
                values.append(quick.value(text, kind))
            except BadInput as error:
                bad = bad or error
                left.append(Message("pattern.left_out", {"value": text, "cause": error.message}))
    if bad is not None and not values:
        raise bad
    once = {str(one): one for one in left}
    return Parsed(list(dict.fromkeys(values)), tuple(once.values()))


def _kind(comparison: Comparison) -> tuple[ValueType | None, Message | None]:
    """The kind of value compared (None: the value tells), and why it can't be matched yet, None if it can."""
    path, operator, _ = comparison
    wanted = ("=", "IN", "ISSUBSET") if path in _ADDRESSES else ("=", "IN")
    if operator == "==":
        operator = "="
    kind, _, steps = path.partition(":")
    digest = steps.lower().removeprefix("hashes.")
    if operator not in wanted:
        return None, Message("pattern.operator", {"operator": operator, "path": path})
    if steps.lower().startswith("hashes.") and digest in _HASHES and kind in ("file", "artifact", "x509-certificate"):
        return (ValueType.CERT if kind == "x509-certificate" else _HASHES[digest]), None
    if path in _PATHS:
        return _PATHS[path], None
    return None, Message("pattern.path", {"path": path})


def kind_of(path: str) -> ValueType | None:
    """The kind of value that `path = '...'` names; None where the value tells or it isn't matched.

    >>> kind_of("file:hashes.'SHA-256'")
    <ValueType.SHA256: 'sha256'>
    """
    return _kind(Comparison(path.replace("'", ""), "=", ""))[0]


def _literals(comparison: Comparison) -> list[str]:
    found = re.findall(r"'((?:[^'\\]|\\.)*)'", comparison.literal)
    return [re.sub(r"\\(.)", r"\1", text) for text in found]
