import math

from haechi.model.finding import Assumption, Figure, Finding
from haechi.report.finding import figure, plain, render


def test_a_whole_finding() -> None:
    shown = render(
        Finding(
            statement="list.more",
            arguments={"shown": 1, "total": 2},
            figure=Figure(value=46.5, unit="events/s", low=40, high=50, level=0.9),
            evidence=tuple(f"event--1-{n}" for n in range(12)),
            assumptions=(Assumption(name="dwell", value=3, low=1, high=9.5, source="a report"),),
            method="count",
            version="1",
            seed=7,
            inputs="sha256:00",
        ),
        lang="en",
    )
    assert shown.splitlines() == [
        "TLP:AMBER+STRICT",
        "1 of 2 shown; --limit 2 shows all, --jsonl streams them",
        "  46.5 events/s (90 % interval 40 to 50)",
        "  Evidence: " + ", ".join(f"event--1-{n}" for n in range(10)) + " and 2 more",
        "  Assumed, not measured:",
        "    dwell = 3 (1 to 9.5); a report",
        "  Computed by: count 1, seed 7, inputs sha256:00",
    ]


def test_a_figure_without_interval() -> None:
    assert figure(Figure(value=3, unit="")) == "3"


def test_numbers_that_are_none() -> None:
    assert plain(math.inf) == "inf"
    assert plain(math.nan) == "nan"
