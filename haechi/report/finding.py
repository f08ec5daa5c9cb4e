"""A finding as text: the statement, its figure with the interval, and all that it rests on."""

from haechi.messages.catalogue import text
from haechi.model.finding import Assumption, Figure, Finding
from haechi.report.table import printable

SHOWN_EVIDENCE = 10


def render(finding: Finding, *, lang: str | None = None) -> str:
    """The finding as lines; the marking stands first, for it rules what may be done with the rest.

    >>> from haechi.model.marking import Tlp
    >>> print(render(Finding(statement="list.none", marking=Tlp.GREEN, evidence=("event--1-0",)), lang="en"))
    TLP:GREEN
    Nothing to show
      Evidence: event--1-0
    """
    lines = [finding.marking.label, printable(text(finding.statement, lang=lang, **finding.arguments))]
    if finding.figure is not None:
        lines.append("  " + figure(finding.figure, lang=lang))
    if finding.evidence:
        lines.append("  " + _evidence(finding.evidence, lang))
    if finding.assumptions:
        lines.append("  " + text("finding.assumptions", lang=lang))
        lines += ["    " + assumption(one, lang=lang) for one in finding.assumptions]
    computed = _computed(finding, lang)
    if computed:
        lines.append("  " + computed)
    return "\n".join(lines)


def figure(value: Figure, *, lang: str | None = None) -> str:
    """The number with its unit and, where it is estimated, its interval.

    >>> figure(Figure(value=12.34, unit="hours", low=10, high=15.5), lang="en")
    '12.34 hours (95 % interval 10 to 15.5)'
    """
    shown = f"{plain(value.value)} {value.unit}".rstrip()
    if value.low is None or value.high is None:
        return shown
    interval = text(
        "finding.interval", lang=lang, level=plain(value.level * 100), low=plain(value.low), high=plain(value.high)
    )
    return f"{shown} ({interval})"


def assumption(value: Assumption, *, lang: str | None = None) -> str:
    """The number that was put in, its range and its source."""
    return text(
        "finding.assumption",
        lang=lang,
        name=value.name,
        value=plain(value.value),
        low=plain(value.low),
        high=plain(value.high),
        source=value.source,
    )


def plain(value: float) -> str:
    """A number to six figures without an exponent where it has few digits.

    >>> plain(4020000.0), plain(0.1 + 0.2)
    ('4,020,000', '0.3')
    """
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:,.6g}"


def _evidence(evidence: tuple[str, ...], lang: str | None) -> str:
    shown = ", ".join(map(printable, evidence[:SHOWN_EVIDENCE]))
    more = len(evidence) - SHOWN_EVIDENCE
    return text("finding.evidence_cut" if more > 0 else "finding.evidence", lang=lang, shown=shown, more=more)


def _computed(finding: Finding, lang: str | None) -> str:
    parts = [f"{finding.method} {finding.version}".strip()] if finding.method else []
    if finding.seed is not None:
        parts.append(text("finding.seed", lang=lang, seed=finding.seed))
    if finding.inputs:
        parts.append(text("finding.inputs", lang=lang, digest=finding.inputs))
    return text("finding.computed", lang=lang, how=", ".join(parts)) if parts else ""
