"""What a person is told of a release."""

from pathlib import Path

import pytest

from haechi.cli.main import main
from tests.cli.shared import said


def test_a_preview_counts_by_label_and_reason(giver: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "preview", "kisa"]) == 0
    shown = capsys.readouterr().out
    assert "stays here" in shown
    assert "no grant covers it" in shown
    said(capsys, "grant", "add", "kisa", "--yes")
    lines = said(capsys, "release", "preview", "kisa")["lines"]
    (indicators,) = [line for line in lines if line["type"] == "indicator"]
    assert (indicators["action"], indicators["count"], indicators["marking"]) == ("release", 2, "TLP:AMBER")
    assert indicators["ids"] == ["policy.granted"]


def test_an_explanation_says_why_not(giver: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["release", "explain", "45.155.205.1", "kisa"]) == 0
    shown = capsys.readouterr().out
    assert "stays: no grant covers it" in shown
    assert "doesn't have it" in shown
