"""The demo's tables: each country told by itself, with what its load is an average of."""

from haechi.demo import tables
from haechi.demo.report import Report
from haechi.demo.score import Row, SideScore
from haechi.demo.story import Outcome
from haechi.report.table import render
from tests.demo.shared import EXCHANGE


def _row(country: str, kind: str, actor: str) -> Row:
    return Row(
        country=country,
        campaign=kind,
        title=f"Title of {kind}",
        actor=actor,
        kind=kind,
        planted=1200,
        known=700,
        shared=0,
        found=690,
        found_shared=0,
        missed=10,
        unknown=500,
        other_knew=300,
        wrong=2,
    )


def _node(country: str) -> Report:
    return Report(
        country=country,
        home=f"demo/{country}",
        parties=30,
        indicators=10_000,
        suppressed=6,
        refused=0,
        events=24_000,
        sightings=70,
        quarantined=0,
        problems=(),
        size=7_700_000,
        list_seconds=1.5,
        log_seconds=2.0,
        seconds=4.0,
        peak_memory=400_000_000,
    )


OUTCOME = Outcome(
    day="2026-03-10",
    seed=7,
    small=True,
    folder="demo",
    written=(),
    nodes=(_node("TW"), _node("KR")),
    scores=tuple(
        SideScore(
            country=c,
            rows=(_row(c, "actor", "APT0"), _row(c, "unknown", ""), _row(c, "false-flag", "APT0")),
            false=5,
            bait=0,
        )
        for c in ("TW", "KR")
    ),
    exchange=EXCHANGE,
    exchange_seconds=3.0,
    write_seconds=1.0,
    node_seconds=4.0,
    seconds=5.5,
)


def test_campaigns_have_a_row_a_side_and_sums_a_side_alone():
    shown = tables.campaigns(OUTCOME)
    assert [row[1] for row in shown.rows[:6:2]] == ["APT0", "(unknown)", "posing as APT0"]
    assert [row[2] for row in shown.rows] == ["TW", "KR"] * 3 + ["TW", "TW", "KR", "KR"]
    assert shown.rows[0][3:] == ("1,200", "700", "0", "690", "10", "500", "300", "2")
    assert shown.rows[6][3:5] == ("3,600", "2,100")
    assert shown.rows[7][-1] == "5"


def test_nodes_show_their_rate_and_memory():
    shown = tables.nodes(OUTCOME)
    assert shown.rows[0][:5] == ("TW", "24,000", "8 MB", "2.0 s", "12,000")
    assert "peak memory" in render(shown)


def test_what_is_synthetic_is_said_and_the_loads_are_told_apart_with_their_scopes():
    said = tables.plan(small=False)
    assert "synthetic" in said
    assert "2,400,000 events a day (Government Service Network, 2024 average)" in said
    assert "1,620,000 events a day (public institutions, 2023 average)" in said
    assert "4,020,000" not in said + render(tables.nodes(OUTCOME)) + tables.closing(OUTCOME)


def test_the_end_says_what_sharing_would_have_shown_and_how_to_look():
    said = tables.closing(OUTCOME)
    assert "TW: 900 events went unseen" in said
    assert "haechi --home demo/KR sightings" in said
